# SPDX-License-Identifier: Apache-2.0
"""The synthesis form of the popcount equals the simulation form and numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from .rtl_engines import require_verilator

# Small widths, both sides of every change of tree depth (6, 36; 3, 18, 108), and the usual words.
WIDTHS = (*range(1, 8), 12, 13, 18, 19, 32, 36, 37, 64, 108, 109, 128)
FORMS = 4  # popcount and and_popcount, each as simulated and as synthesized


def _wrapper() -> str:
    """A module that counts the low bits of a beat {b, a} in all widths and forms.

    A beat stands for four clocks, so that the counts with registers have arrived.
    """
    counts = []
    for place, width in enumerate(WIDTHS):
        low, bits = f"[{width - 1}:0]", width.bit_length()
        for form in range(FORMS):
            name, port = (
                ("popcount", ".clk, .bits(a{0})")
                if form < 2
                else ("and_popcount", ".clk, .a(a{0}), .b(b{0})")
            )
            index = place * FORMS + form
            counts.append(
                f"  assign counts[{16 * index + bits}+:{16 - bits}] = '0;\n"
                f"  {name} #(.WIDTH({width}), .STRUCTURAL(1'b{form % 2})) u{index} "
                f"({port.format(low)}, .count(counts[{16 * index}+:{bits}]));\n"
            )
    return f"""
module popcounts (
  input logic clk, input logic rst_n,
  input logic s_tvalid, output logic s_tready, input logic [255:0] s_tdata, input logic s_tlast,
  output logic m_tvalid, input logic m_tready,
  output logic [{16 * FORMS * len(WIDTHS) - 1}:0] m_tdata, output logic m_tlast);
  logic [127:0] a, b;
  logic [$bits(m_tdata)-1:0] counts;
  assign {{b, a}} = s_tdata;
{"".join(counts)}
  logic [1:0] phase;
  logic ready;
  assign s_tready = ready && phase == 2'd3;
  always_ff @(posedge clk) begin
    if (!rst_n) phase <= '0;
    else if (s_tvalid && phase != 2'd3) phase <= phase + 2'd1;
    else if (s_tvalid && s_tready) phase <= '0;
  end
  axis_skid #(.WIDTH($bits(m_tdata) + 1)) u_stage (.clk, .rst_n, .in_valid(s_tvalid && phase == 2'd3),
    .in_ready(ready), .in_data({{s_tlast, counts}}), .out_valid(m_tvalid), .out_ready(m_tready),
    .out_data({{m_tlast, m_tdata}}));
endmodule
"""


def _stimulus() -> npt.NDArray[np.uint8]:
    """Beats of bits [n, 256]: exhaustive where small, then random of all densities, then extremes."""
    rng = np.random.default_rng(8)
    words = np.arange(1 << 12, dtype="<u4").view(np.uint8).reshape(-1, 4)
    small = np.unpackbits(words, axis=1, bitorder="little")[:, :12]
    exhaustive = np.zeros((2, 1 << 12, 256), np.uint8)
    exhaustive[0, :, :12], exhaustive[0, :, 128:] = small, 1  # every 12-bit word
    exhaustive[1, :, :6], exhaustive[1, :, 128:134] = small[:, :6], small[:, 6:]  # every 6-bit pair
    dense = (rng.random((20_000, 256)) < rng.random((20_000, 1))).astype(np.uint8)
    flat = np.stack([np.zeros(256), np.ones(256)]).astype(np.uint8)
    return np.concatenate([*exhaustive, dense, flat, np.eye(256, dtype=np.uint8)])


def test_compressor_tree_equals_countones(tmp_path: Path) -> None:
    require_verilator()
    source = tmp_path / "popcounts.sv"
    source.write_text(_wrapper())
    parts = ("column_pkg", "LUT6_2", "CARRY4", "compressor6", "full_adder", "pair_compressor", "column_layer")
    parts += ("column_tree", "column_count", "popcount", "and_popcount", "axis_skid")
    sources = (*(RTL_FOLDER / f"{name}.sv" for name in parts), source)
    ports = ((AxisPort("s", 256),), (AxisPort("m", 16 * FORMS * len(WIDTHS)),))
    sim = AxisSim(Module("popcounts", sources, {}, *ports))
    bits = _stimulus()
    beats = Beats(np.packbits(bits, axis=1, bitorder="little"), np.zeros(len(bits), np.uint8))
    found = sim.run([beats], [len(bits)]).outputs[0].data.view("<u2").reshape(-1, len(WIDTHS), 2, 2)
    a, b = bits[:, :128], bits[:, 128:]
    for place, width in enumerate(WIDTHS):
        for form, both in enumerate((a, a & b)):
            expected = both[:, :width].sum(axis=1)
            for structural in (0, 1):
                assert np.array_equal(found[:, place, form, structural], expected), (width, form, structural)
    assert not np.array_equal(found[:, -1, 0, 1], found[:, -1, 1, 1])  # the forms are told apart
