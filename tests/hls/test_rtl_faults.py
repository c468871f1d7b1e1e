# SPDX-License-Identifier: Apache-2.0
"""What the QMM engine and its harness do when beats are missing, wrong or mistimed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.cosim_qmm import Product, QmmEngine, weight_operand
from batflow.hls.qmm_protocol import job_beats, operand, plan
from batflow.hls.verilator import AxisPort, Module

from .rtl_engines import engine, random_acts, random_weights, require_verilator


def _case(unit: QmmEngine) -> tuple[Product, list[Beats], int]:
    """A one-job product of two token tiles with its streams and result beats."""
    rng = np.random.default_rng(7)
    config = unit.config
    acts = random_acts(rng, config.tokens + 1, config.simd + 3, config.a_bits, False)
    weights = random_weights(rng, config.outputs + 1, config.simd + 3, "binary", 1)
    left = operand(acts, config.a_bits, False, "activations")
    product = Product(left, weight_operand(weights, "binary", 1, config.simd + 3))
    jobs = plan(config, product.acts, product.weights)
    assert len(jobs) == 1
    streams = list(job_beats(unit.config, jobs[0], product.acts, product.weights))
    tile_beats = unit.config.tokens * unit.config.outputs // unit.config.out_lanes
    return product, streams, jobs[0].token_tiles * jobs[0].output_tiles * tile_beats


def _fails(unit: QmmEngine, streams: list[Beats], results: int, match: str) -> str:
    """Run wrong streams, expect the error, and see that the engine works again after reset."""
    with pytest.raises(EngineError, match=match) as caught:
        unit.sim.run(streams, [results], idle_limit=2000)
    unit.sim.reset()
    product, _, _ = _case(unit)
    _, cycles = unit.run([product])
    assert cycles == unit.cycles([product])
    return str(caught.value)


def _cut(beats: Beats, stop: int) -> Beats:
    return Beats(np.ascontiguousarray(beats.data[:stop]), beats.last[:stop].copy())


@pytest.mark.parametrize("name", ["demo", "odd"])
def test_a_missing_beat_names_the_streams(name: str) -> None:
    unit = engine(name)
    _, streams, results = _case(unit)
    full = len(streams[1].last)
    short = [streams[0], _cut(streams[1], full - 1)]
    message = _fails(unit, short, results, "stalled")
    assert f"s_axis_a {full - 1} of {full - 1} beats" in message
    assert f"m_axis {results // 2} of {results} beats" in message
    assert "s_axis_w" in message
    none = [_cut(streams[0], 0), streams[1]]
    assert "s_axis_w 0 of 0 beats" in _fails(unit, none, results, "stalled")


def test_more_results_expected_than_made() -> None:
    unit = engine("odd")
    _, streams, results = _case(unit)
    _fails(unit, streams, results + 1, f"m_axis {results} of {results + 1} beats")


def test_tlast_in_the_wrong_place() -> None:
    unit = engine("odd")
    _, streams, results = _case(unit)
    for port, code in ((0, 3), (1, 4)):
        for place, mark in ((-1, 0), (1, 1), (0, 1)):
            last = streams[port].last.copy()
            last[place] = mark
            wrong = streams.copy()
            wrong[port] = replace(streams[port], last=last)
            _fails(unit, wrong, results, rf"reports an error \(error_code {code}\)")


@pytest.mark.parametrize(
    ("low_bit", "width", "value"),
    [
        *((0, 32, 0), (0, 32, 10**6), (32, 16, 0), (32, 16, 6), (48, 16, 0), (64, 16, 0)),
        *((80, 4, 0), (80, 4, 6), (84, 4, 3), (88, 4, 0), (88, 4, 4), (92, 4, 4), (96, 32, 1)),
    ],
)
def test_config_out_of_range(low_bit: int, width: int, value: int) -> None:
    unit = engine("odd")
    _, streams, results = _case(unit)
    data = streams[0].data.copy()
    beat = int.from_bytes(data[0].tobytes(), "little")
    beat = beat & ~(((1 << width) - 1) << low_bit) | value << low_bit
    data[0] = np.frombuffer(beat.to_bytes(data.shape[1], "little"), np.uint8)
    wrong = [replace(streams[0], data=data), streams[1]]
    _fails(unit, wrong, results, r"reports an error \(error_code 1\)")


def test_weights_beyond_the_buffer() -> None:
    unit = engine("odd")
    _, streams, _ = _case(unit)
    data = np.repeat(streams[0].data[:1], 200, axis=0)
    data[0, 8:10] = (50, 0)  # output tiles
    streams[0] = Beats(data, np.zeros(200, np.uint8))
    _fails(unit, streams, 1, r"reports an error \(error_code 2\)")


FAULTY = """
// FAULT 0: a register stage. 1: TREADY follows the input TVALID. 2: an offered beat is dropped.
module faulty #(parameter int FAULT) (
  input logic clk, input logic rst_n,
  input logic s_tvalid, output logic s_tready, input logic [15:0] s_tdata, input logic s_tlast,
  output logic m_tvalid, input logic m_tready, output logic [15:0] m_tdata, output logic m_tlast);
  assign s_tready = !m_tvalid && (FAULT != 1 || s_tvalid);
  always_ff @(posedge clk) begin
    if (!rst_n) m_tvalid <= 1'b0;
    else if (s_tvalid && s_tready) {m_tvalid, m_tlast, m_tdata} <= {1'b1, s_tlast, s_tdata};
    else if (m_tready || FAULT == 2) m_tvalid <= 1'b0;
  end
endmodule
"""


@pytest.mark.parametrize(("fault", "words"), [(0, ""), (1, "combinational path"), (2, "changed or dropped")])
def test_the_harness_catches_a_faulty_stream(fault: int, words: str, tmp_path: Path) -> None:
    require_verilator()
    source = tmp_path / "faulty.sv"
    source.write_text(FAULTY)
    ports = ((AxisPort("s", 16),), (AxisPort("m", 16),))
    sim = AxisSim(Module("faulty", (source,), {"FAULT": fault}, *ports))
    numbers = np.arange(200, dtype="<u2")
    beats = Beats(numbers.view(np.uint8).reshape(-1, 2), np.zeros(200, np.uint8))
    if not words:
        run = sim.run([beats], [200], stall_in=30, stall_out=30)
        assert np.array_equal(run.outputs[0].data.view("<u2").ravel(), numbers)
    else:
        with pytest.raises(EngineError, match=words):
            sim.run([beats], [200], stall_in=30, stall_out=30)
    sim.close()
    sim.close()
