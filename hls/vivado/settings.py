# SPDX-License-Identifier: Apache-2.0
"""The generated files of a Vivado project: settings.tcl, clock.xdc, Makefile. The scripts are fixed files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config import AcceleratorConfig
from ..cosim_build import TOP
from ..registers.table import REGISTERS, Register
from ..vendor import file_header, tcl_word
from .wrapper import CLOCK, CONTROL, INTERRUPT, MASTERS, RESET, STREAM_IN, STREAM_OUT, WRAPPER

NOTE = "NOT RUN HERE: written for Vivado 2022.2 to 2025.x, tested against stubbed commands only."
STREAM_BITS = 64
DMA_SETTINGS = {
    "c_include_sg": 0,
    "c_sg_length_width": 26,
    "c_addr_width": 40,
    "c_include_mm2s_dre": 0,
    "c_include_s2mm_dre": 0,
    "c_m_axi_mm2s_data_width": STREAM_BITS,
    "c_m_axis_mm2s_tdata_width": STREAM_BITS,
    "c_m_axi_s2mm_data_width": STREAM_BITS,
    "c_mm2s_burst_size": 16,
    "c_s2mm_burst_size": 16,
}
_ACCESS = {"rw": "read-write", "ro": "read-only"}
_AXI, _AXIS = "xilinx.com:interface:aximm_rtl:1.0", "xilinx.com:interface:axis_rtl:1.0"


@dataclass(frozen=True)
class Target:
    """Where the accelerator goes: a board's values, and the names that the driver expects.

    ``clock_mhz`` is one that the board's PLL divides to. ``window`` bytes lie behind each of the two
    addresses. ``vlnv`` vendor:library:name:version of the IP; its name is ``bat_top``.
    """

    board: str
    part: str
    clock_mhz: float
    memory_bus_bits: int
    dma_address: int
    accelerator_address: int
    window: int
    vlnv: str
    accelerator_name: str
    dma_name: str
    ps_name: str


def _registers() -> list[object]:
    """Each register of the table as name, offset, access, text, fields; a wide one as its two words."""

    def words(register: Register) -> list[object]:
        suffixes = ("",) if register.words == 1 else ("_LO", "_HI")
        fields = [
            item
            for field in register.fields
            for item in (field.name, field.lsb, field.width, _ACCESS[field.access], field.text)
        ]
        return [
            item
            for word, suffix in enumerate(suffixes)
            for item in (
                register.name + suffix,
                register.offset + 4 * word,
                _ACCESS[register.access],
                register.text,
                fields,
            )
        ]

    return [item for register in REGISTERS for item in words(register)]


def settings_text(
    config: AcceleratorConfig, target: Target, rtl: Sequence[str], parameters: Mapping[str, str]
) -> str:
    """Return ``settings.tcl``; ``rtl`` are the project's source files in compile order."""
    values: dict[str, object] = {
        "board": target.board,
        "part": target.part,
        "clock_mhz": f"{target.clock_mhz:.6f}",
        "memory_bits": target.memory_bus_bits,
        "vlnv": target.vlnv,
        "config_hash": config.config_hash(),
        "accelerator": TOP,
        "top": WRAPPER,
        "parameters": dict(parameters),
        "rtl": list(rtl),
        "sources": [*rtl, f"{WRAPPER}.v"],
        "clock_port": CLOCK,
        "reset_port": RESET,
        "interrupt_port": INTERRUPT,
        "control": CONTROL,
        "masters": list(MASTERS),
        "stream_in": STREAM_IN,
        "stream_out": STREAM_OUT,
        "interfaces": {_AXI: [CONTROL, *MASTERS], _AXIS: [STREAM_IN, STREAM_OUT]},
        "ps_name": target.ps_name,
        "dma_name": target.dma_name,
        "accelerator_name": target.accelerator_name,
        "dma_address": f"0x{target.dma_address:X}",
        "accelerator_address": f"0x{target.accelerator_address:X}",
        "window": target.window,
        "dma_settings": {f"CONFIG.{name}": value for name, value in DMA_SETTINGS.items()},
        "registers": _registers(),
    }
    lines = [f"set {name} {tcl_word(value)}" for name, value in values.items()]
    return _header("#") + "\n".join(lines) + "\n"


def _header(mark: str) -> str:
    return file_header(mark, NOTE)


def wrapper_header() -> str:
    """The comment that ``bat_top.v`` begins with."""
    return _header("//")


def clock_text(clock_mhz: float) -> str:
    """Return ``clock.xdc`` for synthesis out of context."""
    period = 1000 / clock_mhz
    return _header("#") + f"create_clock -name clk -period {period:.4f} [get_ports clk]\n"


def makefile_text() -> str:
    """Return the Makefile: ip, bit, ooc, clean."""
    run = "$(VIVADO) -mode batch -notrace -nojournal -log $(@F).log -source"
    return _header("#") + (
        "# make ooc: synthesis of the accelerator alone; make bit: IP, block design, bitstream\n"
        "VIVADO ?= vivado\n"
        "JOBS ?= 2\n"
        "export JOBS\n"
        ".PHONY: bit ooc clean\n"
        ".DELETE_ON_ERROR:\n"
        "bit: out/batflow.bit\n"
        f"ip/component.xml: package_ip.tcl common.tcl settings.tcl $(wildcard rtl/*.sv) {WRAPPER}.v\n"
        f"\t{run} package_ip.tcl\n"
        "out/batflow.bit: build.tcl block_design.tcl ip/component.xml\n"
        f"\t{run} build.tcl\n"
        "ooc:\n"
        f"\t{run} ooc.tcl\n"
        "clean:\n"
        "\trm -rf ip work work_ip out reports reports_ooc *.log *.jou .Xil\n"
    )
