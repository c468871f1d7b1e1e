# SPDX-License-Identifier: Apache-2.0
"""``bat_top.v``: ``bat_accelerator`` with a config's parameters filled in, as plain Verilog.

The IP packager wants a Verilog top and parameters with values; block designs name interfaces by the
ports' prefixes, which here are those of the bundle's hardware handoff.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config import AcceleratorConfig
from ..cosim_build import TOP, rtl_parameters

WRAPPER = "bat_top"
CLOCK, RESET, INTERRUPT = "ap_clk", "ap_rst_n", "interrupt"
CONTROL, STREAM_IN, STREAM_OUT = "s_axi_control", "s_axis_in", "m_axis_out"
MASTERS = ("m_axi_mha", "m_axi_ffn")

_LITE = (
    *(("i", 1, "awvalid"), ("o", 1, "awready"), ("i", 16, "awaddr")),
    *(("i", 1, "wvalid"), ("o", 1, "wready"), ("i", 32, "wdata"), ("i", 4, "wstrb")),
    *(("o", 1, "bvalid"), ("i", 1, "bready"), ("o", 2, "bresp")),
    *(("i", 1, "arvalid"), ("o", 1, "arready"), ("i", 16, "araddr")),
    *(("o", 1, "rvalid"), ("i", 1, "rready"), ("o", 32, "rdata"), ("o", 2, "rresp")),
)
_STREAM = (("i", 1, "tvalid"), ("o", 1, "tready"), ("i", 64, "tdata"), ("i", 8, "tkeep"), ("i", 1, "tlast"))
_READ = (
    *(("o", 1, "arvalid"), ("i", 1, "arready"), ("o", 64, "araddr"), ("o", 8, "arlen")),
    *(("o", 3, "arsize"), ("o", 2, "arburst"), ("o", 4, "arcache"), ("o", 3, "arprot")),
    *(("i", 1, "rvalid"), ("o", 1, "rready"), ("i", 0, "rdata"), ("i", 2, "rresp"), ("i", 1, "rlast")),
)
_TURNED = {"i": "o", "o": "i"}

Port = tuple[str, int, str, str]
"""Direction (i, o), width in bits, name on the wrapper, name on ``bat_accelerator``."""


def parameter_texts(config: AcceleratorConfig) -> dict[str, str]:
    """Every parameter of ``bat_accelerator`` as a Verilog literal. Raises as ``rtl_parameters``."""
    numbers = {name: str(value) for name, value in rtl_parameters(config).items()}
    return numbers | {"CONFIG_HASH": f"64'h{config.config_hash()}"}


def _signals(
    outer: str, inner: str, signals: tuple[tuple[str, int, str], ...], *, turned: bool = False, bus: int = 0
) -> Iterator[Port]:
    for way, width, name in signals:
        yield _TURNED[way] if turned else way, width or bus, f"{outer}_{name}", f"{inner}_{name}"


def ports(bus_bits: int) -> list[Port]:
    """All ports; ``bus_bits`` is the width of a memory beat."""
    return [
        ("i", 1, CLOCK, "clk"),
        ("i", 1, RESET, "rst_n"),
        ("o", 1, INTERRUPT, "irq"),
        *_signals(CONTROL, "s_axil", _LITE),
        *_signals(STREAM_IN, STREAM_IN, _STREAM),
        *_signals(STREAM_OUT, STREAM_OUT, _STREAM, turned=True),
        *(port for name in MASTERS for port in _signals(name, name, _READ, bus=bus_bits)),
    ]


def wrapper_text(parameters: Mapping[str, str], header: str) -> str:
    """Return ``bat_top.v``; ``header`` is its comment, ``parameters`` of :func:`parameter_texts`."""
    listed = ports(int(parameters["BUS_BITS"]))
    ways = {"i": "input ", "o": "output"}
    heads = [
        f"    {ways[way]} wire {f'[{width - 1}:0]' if width > 1 else '':8}{name}"
        for way, width, name, _ in listed
    ]
    values = [f"      .{name}({value})" for name, value in parameters.items()]
    wires = [f"      .{inner}({outer})" for _, _, outer, inner in listed]
    return (
        f"{header}`default_nettype none\nmodule {WRAPPER} (\n"
        + ",\n".join(heads)
        + f"\n);\n  {TOP} #(\n"
        + ",\n".join(values)
        + "\n  ) u_accelerator (\n"
        + ",\n".join(wires)
        + "\n  );\nendmodule\n`default_nettype wire\n"
    )
