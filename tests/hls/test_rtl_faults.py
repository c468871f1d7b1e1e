# SPDX-License-Identifier: Apache-2.0
"""What the QMM engine and its harness do when beats are missing, wrong or mistimed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.cosim_qmm import Product, QmmEngine, product_streams, weight_operand
from batflow.hls.qmm_protocol import operand, plan
from batflow.hls.verilator import AxisPort, Module

from .rtl_engines import engine, random_acts, random_weights, require_verilator

JOBS, WEIGHTS, ON_CHIP, ACTS = range(4)  # input streams


def _case(unit: QmmEngine, on_chip: bool = False) -> tuple[Product, list[Beats], int]:
    """A one-job product of two token tiles with its streams and result beats."""
    rng = np.random.default_rng(7)
    config = unit.config
    acts = random_acts(rng, config.tokens + 1, config.simd + 3, config.a_bits, False)
    weights = random_weights(rng, config.outputs + 1, config.simd + 3, "binary", 1)
    left = operand(acts, config.a_bits, False, "activations")
    product = Product(left, weight_operand(weights, "binary", 1, config.simd + 3), on_chip)
    jobs = plan(config, product.acts, product.weights, on_chip)
    assert len(jobs) == 1
    return product, *product_streams(config, [product], [jobs])


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
    full = len(streams[ACTS].last)
    short = [*streams[:ACTS], _cut(streams[ACTS], full - 1)]
    message = _fails(unit, short, results, "stalled")
    assert f"s_axis_a {full - 1} of {full - 1} beats" in message
    assert f"m_axis {results // 2} of {results} beats" in message
    assert "s_axis_w" in message
    for port, name in ((JOBS, "s_job"), (WEIGHTS, "s_axis_w")):
        none = streams.copy()
        none[port] = _cut(streams[port], 0)
        assert f"{name} 0 of 0 beats" in _fails(unit, none, results, "stalled")


def test_more_results_expected_than_made() -> None:
    unit = engine("odd")
    _, streams, results = _case(unit)
    _fails(unit, streams, results + 1, f"m_axis {results} of {results + 1} beats")


@pytest.mark.parametrize(
    ("on_chip", "port", "code"), [(False, WEIGHTS, 3), (False, ACTS, 4), (True, ON_CHIP, 5), (True, ACTS, 4)]
)
def test_tlast_in_the_wrong_place(on_chip: bool, port: int, code: int) -> None:
    unit = engine("odd")
    _, streams, results = _case(unit, on_chip)
    for place, mark in ((-1, 0), (1, 1), (0, 1)):
        last = streams[port].last.copy()
        last[place] = mark
        wrong = streams.copy()
        wrong[port] = replace(streams[port], last=last)
        _fails(unit, wrong, results, rf"reports an error \(error_code {code}\)")


def _changed(beats: Beats, low_bit: int, width: int, value: int) -> Beats:
    job = int.from_bytes(beats.data[0].tobytes(), "little")
    job = job & ~(((1 << width) - 1) << low_bit) | value << low_bit
    data = np.frombuffer(job.to_bytes(beats.data.shape[1], "little"), np.uint8)[None]
    return replace(beats, data=data)


@pytest.mark.parametrize(
    ("low_bit", "width", "value"),
    [
        *((0, 16, 0), (0, 16, 64), (0, 16, 129), (16, 16, 0), (16, 16, 1), (16, 16, 6), (32, 16, 0)),
        *((48, 16, 0), (64, 4, 0), (64, 4, 6), (68, 4, 3), (68, 4, 2), (72, 4, 0), (72, 4, 2), (76, 4, 0)),
        *((76, 4, 1), (76, 4, 3), (76, 4, 4)),
    ],
)
def test_job_out_of_range(low_bit: int, width: int, value: int) -> None:
    unit = engine("odd")
    _, streams, results = _case(unit)
    wrong = [_changed(streams[JOBS], low_bit, width, value), *streams[1:]]
    _fails(unit, wrong, results, r"reports an error \(error_code 1\)")


@pytest.mark.parametrize(("name", "low_bit", "value"), [("odd", 76, 3), ("odd", 72, 4), ("odd", 16, 3)])
def test_on_chip_job_out_of_range(name: str, low_bit: int, value: int) -> None:
    unit = engine(name)
    _, streams, results = _case(unit, on_chip=True)
    wrong = [_changed(streams[JOBS], low_bit, 4, value), *streams[1:]]
    _fails(unit, wrong, results, r"reports an error \(error_code 1\)")


def test_an_engine_without_on_chip_operands_refuses_them() -> None:
    unit = engine("pair")
    _, streams, results = _case(unit)
    wrong = [_changed(streams[JOBS], 80, 1, 1), *streams[1:]]
    _fails(unit, wrong, results, r"reports an error \(error_code 1\)")


@pytest.mark.parametrize("on_chip", [False, True])
def test_weights_beyond_the_buffer(on_chip: bool) -> None:
    unit = engine("odd")
    _, streams, _ = _case(unit, on_chip)
    port = ON_CHIP if on_chip else WEIGHTS
    streams[JOBS] = _changed(streams[JOBS], 48, 16, 500)  # outputs
    data = np.zeros((2000, streams[port].data.shape[1]), np.uint8)
    streams[port] = Beats(data, np.zeros(len(data), np.uint8))
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
