# SPDX-License-Identifier: Apache-2.0
"""What QU and VU do with beats, parameters and operands that are wrong or missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.axis_sim import Beats
from batflow.hls.cosim_vector import QuUnit, VuUnit, qu_module, vu_module
from batflow.hls.program import Format
from batflow.hls.vector_protocol import ScaleJob, VectorConfig, scale_constants, tile_beats
from batflow.hls.verilator import build

from .rtl_engines import require_verilator
from .rtl_vectors import CONFIGS, NAMES, random_job, run_jobs, unit


def _streams(name: str, job: ScaleJob) -> list[Beats]:
    lanes = CONFIGS[name].lanes
    made = [
        scale_constants(job, lanes),
        tile_beats(job.accs.transpose(1, 2, 0), job.grid(lanes), lanes, "<i4"),
    ]
    return made if job.h is None else [*made, tile_beats(job.h, job.grid(lanes), lanes, "<i2")]


def _fails(name: str, streams: list[Beats], job: ScaleJob, match: str) -> None:
    """Send wrong beats, expect the error, and see that the unit works again after reset."""
    engine = unit(name)
    counts = [job.beats(CONFIGS[name].lanes), 1][: len(engine.sim.module.outputs)]
    with pytest.raises(EngineError, match=match):
        engine.sim.run(streams, counts, idle_limit=2000)
    engine.sim.reset()
    assert run_jobs(name, [job]) == engine.cycles([job])


@NAMES
def test_wrong_beats_are_reported(name: str) -> None:
    rng = np.random.default_rng(7)
    job = random_job(rng, name, rows=4, channels=2 * CONFIGS[name].lanes + 1, plain=True)
    job = replace(
        job, M=np.zeros((len(job.accs), job.accs.shape[2]), np.int64), C=np.zeros(job.accs.shape[2], np.int64)
    )
    good = _streams(name, job)

    def patched(row: int, first: int, *values: int) -> list[Beats]:
        data = good[0].data.copy()
        data[row, first : first + len(values)] = values
        return [replace(good[0], data=data), *good[1:]]

    format_byte = 0 if name.startswith("qu") else 0x40
    for place, values in (
        *((0, (format_byte,)), (1, (41,)), (2, (0, 0)), (2, (255, 0)), (4, (0, 0)), (6, (0, 0))),
        *((8, (0, 0)), (10, (0, 0)), (12, (1,)), (0, (good[0].data[0, 0] | 4,))),
    ):
        _fails(name, patched(0, place, *values), job, r"reports an error \(error_code 1\)")
    long = [
        Beats(np.repeat(beats.data, 20, axis=0), np.zeros(20 * len(beats.last), np.uint8)) for beats in good
    ]
    _fails(name, [patched(0, 4, 200)[0], *long[1:]], job, r"error_code 2")
    for place, values in ((5, (0x20,)), (5, (0xE0,)), (10, (1,)), (14, (1,))):
        _fails(name, patched(2, place, *values), job, r"error_code 3")
    for port, code in ((0, 4), *((port, 5) for port in range(1, len(good)))):
        for place, mark in ((-1, 0), (1, 1)):
            last = good[port].last.copy()
            last[place] = mark
            _fails(
                name,
                [*good[:port], replace(good[port], last=last), *good[port + 1 :]],
                job,
                f"error_code {code}",
            )
    bits = CONFIGS[name].acc_bits
    for value in (1 << bits - 1, -(1 << bits - 1) - 1):
        if bits == 32:
            continue
        data = good[1].data.copy()
        data[1].view("<i4")[-1] = value
        _fails(name, [good[0], replace(good[1], data=data), *good[2:]], job, "error_code 6")
    short = Beats(good[1].data[:-1].copy(), good[1].last[:-1].copy())
    _fails(name, [good[0], short, *good[2:]], job, "stalled")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": 3}, "PARTS 3 1 or 2"),
        ({"max_channels": 8}, "MAX_CHANNELS 8 must be above LANES 8"),
        ({"max_channels": 65536}, "MAX_CHANNELS 65536 must be"),
        ({"acc_bits": 33}, "ACC_BITS 33 must be 2..32"),
    ],
)
def test_impossible_parameters_are_named(change: dict[str, int], words: str) -> None:
    require_verilator()
    for make in (qu_module, vu_module):
        with pytest.raises(InputError) as caught:
            build(make(replace(VectorConfig(), **change)))
        assert words in str(caught.value)
    with pytest.raises(InputError, match="lanes 0"):
        VectorConfig(lanes=0)


def test_bad_operands_are_named() -> None:
    qu, vu = unit("qu"), unit("vu_pair")
    assert isinstance(qu, QuUnit) and isinstance(vu, VuUnit)
    one, four = np.ones((1, 2, 3), np.int64), Format(4, True)
    M, C = np.ones((1, 3), np.int64), np.zeros(3, np.int64)
    for job, words in (
        (ScaleJob(one << 31, M, C, 0, four), "accumulators reaches 2147483648"),
        (ScaleJob(one, M << 15, C, 0, four), "M reaches 32768"),
        (ScaleJob(one, M, C - (1 << 45), 0, four), "C reaches"),
        (ScaleJob(one, M, C, 41, four), "shift reaches 41"),
        (ScaleJob(one, M[:, :2], C, 0, four), r"M has shape \(1, 2\)"),
        (ScaleJob(one, M, C[:1], 0, four), r"C has shape \(1,\)"),
        (ScaleJob(np.ones((2, 2, 3), np.int64), M, C, 0, four), r"must be \[1, rows, channels\]"),
        (ScaleJob(one, M, C, 0, four, tile_words=13), "do not fit a unit of 96"),
        (ScaleJob(one, M, C, 0), "needs a target format"),
        (ScaleJob(one * 1.5, M, C, 0, four), "non-empty integers"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=words):
            qu.run_jobs([job])
    with pytest.raises(InputError, match="needs a residual"):
        vu.run_jobs([ScaleJob(one, M, C, 0)])
