# SPDX-License-Identifier: Apache-2.0
"""pair_join: results of one part get a zero beside them, WTWS parts come together; a build without WTWS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.cosim_qmm import pair_module

from .rtl_engines import require_verilator


def _stream(data: npt.NDArray[np.generic], width: int) -> Beats:
    beats = np.ascontiguousarray(data).view(np.uint8).reshape(-1, width)
    return Beats(beats, np.zeros(len(beats), np.uint8))


def _run(
    lanes: int, jobs: list[tuple[int, npt.NDArray[np.int32]]], stall: int, parts: int = 2
) -> tuple[Beats, int]:
    """Send jobs (two_part, values [beats, lanes]); return what comes out and the clocks."""
    heads = np.array([len(values) | two_part << 32 for two_part, values in jobs], "<u8")
    body = np.concatenate([values for _, values in jobs]).astype("<i4")
    expected = sum(len(values) >> two_part for two_part, values in jobs)
    sim = AxisSim(pair_module(lanes, 4, parts))
    run = sim.run([_stream(heads, 8), _stream(body, 4 * lanes)], [expected], stall_in=stall, stall_out=stall)
    sim.close()
    return run.outputs[0], run.cycles


@pytest.mark.parametrize("lanes", [1, 2, 8])
@pytest.mark.parametrize("stall", [0, 40])
def test_values_and_ends(lanes: int, stall: int) -> None:
    require_verilator()
    rng = np.random.default_rng(lanes)
    jobs: list[tuple[int, npt.NDArray[np.int32]]] = []
    for _ in range(30):
        two_part = int(rng.integers(2))
        beats = int(rng.integers(1, 9)) << two_part
        values = rng.integers(-(2**31), 2**31, (beats, lanes)).astype(np.int32)
        jobs.append((two_part, values))
    found, cycles = _run(lanes, jobs, stall)
    wanted, last = [], []
    for two_part, values in jobs:
        pairs = values if two_part else np.stack([values, np.zeros_like(values)], axis=-1)
        wanted.append(pairs.reshape(-1, lanes, 2))
        last += [0] * (len(wanted[-1]) - 1) + [1]
    assert np.array_equal(found.data.view("<i4").reshape(-1, lanes, 2), np.concatenate(wanted))
    assert found.last.tolist() == last
    if not stall:
        assert cycles == sum(len(values) for _, values in jobs) + 2


@pytest.mark.parametrize("stall", [0, 40])
def test_one_part_alone_goes_through(stall: int) -> None:
    require_verilator()
    rng = np.random.default_rng(3)
    jobs = [(0, rng.integers(-(2**31), 2**31, (beats, 4)).astype(np.int32)) for beats in (1, 5, 2, 8, 1)]
    found, cycles = _run(4, jobs, stall, parts=1)
    assert np.array_equal(found.data.view("<i4").reshape(-1, 4), np.concatenate([v for _, v in jobs]))
    assert np.flatnonzero(found.last).tolist() == (np.cumsum([len(v) for _, v in jobs]) - 1).tolist()
    if not stall:
        # The first job's way through its queue hides the latency of one clock.
        assert cycles == sum(len(values) for _, values in jobs) + 2
