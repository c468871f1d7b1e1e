# SPDX-License-Identifier: Apache-2.0
"""QU and VU in RTL: exact in every format and order, on time to the clock, sound under stress."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.axis_sim import Beats
from batflow.hls.cosim_vector import QuUnit, VuUnit, qu_module, vu_module
from batflow.hls.packing import Int64
from batflow.hls.program import Format
from batflow.hls.reference.qu import dyadic_sum, to_format
from batflow.hls.reference.vu import residual
from batflow.hls.vector_protocol import ScaleJob, VectorConfig, scale_constants, tile_beats
from batflow.hls.verilator import build

from .rtl_engines import require_verilator

# Wide with one part, odd sizes with two parts; VU with two parts, whose level is the wider one.
CONFIGS = {
    "qu": VectorConfig(lanes=8, parts=1, max_channels=96),
    "qu_pair": VectorConfig(lanes=3, parts=2, max_channels=40),
    "vu_pair": VectorConfig(lanes=5, parts=2, max_channels=64),
}
NAMES = pytest.mark.parametrize("name", list(CONFIGS))
FORMATS = [Format(bits, signed) for bits in range(1, 9) for signed in (False, True)]
INT32 = (-(1 << 31), (1 << 31) - 1)
MOST_C = (1 << 45) - 1


@functools.cache
def unit(name: str) -> QuUnit | VuUnit:
    """One unit per configuration for the whole test session."""
    require_verilator()
    return QuUnit(CONFIGS[name]) if name.startswith("qu") else VuUnit(CONFIGS[name])


def _job(
    rng: np.random.Generator, name: str, rows: int = 0, channels: int = 0, plain: bool = False
) -> ScaleJob:
    """A job of random shape, order and constants whose results spread over the whole range."""
    config = CONFIGS[name]
    rows = rows or int(rng.integers(1, 12))
    channels = channels or int(rng.integers(1, config.max_channels // 2))
    columns = 1 if rng.random() < 0.3 else channels
    target = None if name.startswith("vu") else FORMATS[int(rng.integers(len(FORMATS)))]
    scale = 16 if target is None else target.bits + 1
    size, shift = int(rng.integers(3, 32)), int(rng.integers(0, 41))
    weight = int(np.clip(shift + scale - size, 1, 15))
    accs = rng.integers(-(1 << size - 1), 1 << size - 1, (config.parts, rows, channels))
    M = rng.integers(-(1 << weight) + 1, 1 << weight, (config.parts, columns))
    C = rng.integers(-(1 << min(45, shift + scale)) + 1, 1 << min(45, shift + scale), columns)
    h = rng.integers(-(1 << 15), 1 << 15, (rows, channels)) if target is None else None
    tile_rows, words = (1, 0) if plain else (int(rng.integers(1, 5)), int(rng.integers(0, 4)))
    return ScaleJob(accs, M, C, shift, target, h, tile_rows, words)


def _expected(job: ScaleJob) -> tuple[Int64, int]:
    accs = list(job.accs)
    if job.h is not None:
        return residual(job.h, accs, job.M, job.C, job.shift)
    assert job.target is not None
    return to_format(dyadic_sum(accs, job.M, job.C, job.shift), job.target), 0


def _run(name: str, jobs: list[ScaleJob], **options: int) -> int:
    """Run jobs, hold values and saturations to the reference, return the clocks."""
    engine = unit(name)
    found, cycles, *counts = engine.run_jobs(jobs, **options)
    wanted = [_expected(job) for job in jobs]
    assert all(np.array_equal(a, b) for a, (b, _) in zip(found, wanted, strict=True))
    if counts:
        assert counts[0] == [count for _, count in wanted]
    return cycles


@NAMES
def test_random_jobs_back_to_back_equal_the_reference_on_time(name: str) -> None:
    rng = np.random.default_rng(1)
    seen: set[int] = set()
    for trial in range(40):
        jobs = [_job(rng, name) for _ in range(rng.integers(1, 7))]
        assert _run(name, jobs) == unit(name).cycles(jobs), f"trial {trial}"
        seen |= {int(value) for job in jobs for value in _expected(job)[0].ravel()}
    assert len(seen) > 200  # the jobs spread, or equality would prove little


@NAMES
def test_tiny_jobs_wait_for_the_pipeline(name: str) -> None:
    rng = np.random.default_rng(2)
    jobs = [_job(rng, name, rows=1, channels=1 + n % 2, plain=True) for n in range(30)]
    assert _run(name, jobs) == unit(name).cycles(jobs)


def test_closed_form_of_the_headers() -> None:
    rng = np.random.default_rng(3)
    for name, depth in (("qu", 9), ("vu_pair", 10)):
        job = _job(rng, name, rows=6, channels=30)
        lanes = CONFIGS[name].lanes
        assert unit(name).cycles([job]) == job.constant_beats + job.beats(lanes) + depth


@pytest.mark.parametrize("name", ["qu", "qu_pair"])
def test_every_format_at_its_bounds_and_ties(name: str) -> None:
    """Levels on both sides of every bound, of zero, and exactly at halves."""
    config = CONFIGS[name]
    for shift in (0, 1, 7, 40):
        step = 1 << shift
        levels = np.array([-300, -256, -129, -128, -2, -1, 0, 1, 2, 127, 128, 255, 256, 300])
        C = np.concatenate([levels * step + offset for offset in (-(step // 2), -1, 0, step // 2, step - 1)])
        C = C[np.abs(C) <= MOST_C]
        accs = np.zeros((config.parts, 2, 12), np.int64)
        jobs = []
        for start in range(0, len(C) - 11, 12):
            for target in FORMATS:
                M = np.ones((config.parts, 12), np.int64)
                jobs.append(ScaleJob(accs, M, C[start : start + 12], shift, target))
        assert _run(name, jobs) == unit(name).cycles(jobs)


@NAMES
def test_extreme_operands(name: str) -> None:
    config = CONFIGS[name]
    corners = [
        (acc, M, C, h)
        for acc in (*INT32, -INT32[1], -1, 0, 1)
        for M in (-(1 << 15), (1 << 15) - 1, 0, 1)
        for C in (-MOST_C, MOST_C, 0)
        for h in (-(1 << 15), (1 << 15) - 1)
    ]
    grid = np.array(corners)
    for shift in (0, 17, 39, 40):
        jobs = []
        for part in np.array_split(grid, 6):
            accs = np.stack([part[:, 0][None]] * config.parts)
            M, C = np.stack([part[:, 1]] * config.parts), part[:, 2]
            h = part[:, 3][None] if name.startswith("vu") else None
            jobs.append(ScaleJob(accs, M, C, shift, None if h is not None else Format(8, True), h))
        assert _run(name, jobs) == unit(name).cycles(jobs)


def test_single_runs_and_the_worked_example() -> None:
    """The last lines of docs/numerics.md, and one residual by hand."""
    qu, vu = unit("qu"), unit("vu_pair")
    assert isinstance(qu, QuUnit) and isinstance(vu, VuUnit)
    q, cycles = qu.run(np.array([[[-7]]]), np.array([[26214]]), np.array([78643]), 17, Format(4, True))
    assert (q.tolist(), cycles) == ([[-1]], 2 + 1 + 9)
    h = np.array([[32767, -32768, 5]])
    accs = np.array([[[1, -1, 3]], [[0, 0, -9]]])
    r, _, saturations = vu.run(h, accs, np.array([[4], [2]]), np.array([2]), 2)
    assert (r.tolist(), saturations) == ([[32767, -32768, 4]], 2)


@NAMES
@pytest.mark.parametrize("stalls", [(50, 0), (0, 50), (90, 90)])
def test_backpressure_changes_nothing_but_time(name: str, stalls: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(stalls))
    slower = 0
    for seed in range(1, 9):
        jobs = [_job(rng, name) for _ in range(4)]
        cycles = _run(name, jobs, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
        assert cycles >= unit(name).cycles(jobs)
        slower += cycles - unit(name).cycles(jobs)
    assert slower > 0


@NAMES
def test_reset_in_mid_job_leaves_no_trace(name: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        jobs = [_job(rng, name), _job(rng, name)]
        cut = int(rng.integers(1, unit(name).cycles(jobs)))
        with pytest.raises(EngineError, match="did not finish within its bound"):
            unit(name).run_jobs(jobs, max_cycles=cut)
        assert _run(name, jobs) == unit(name).cycles(jobs)


@NAMES
def test_one_wrong_constant_shows_in_its_channel_alone(name: str) -> None:
    rng = np.random.default_rng(6)
    job = _job(rng, name, rows=7, channels=19)
    parts = len(job.accs)
    job = replace(job, M=np.ones((parts, 19), np.int64), C=np.zeros(19, np.int64), shift=0)
    job = replace(job, accs=rng.integers(-1, 2, job.accs.shape), target=job.target and Format(4, True))
    wrong = replace(job, C=job.C + 2 * (np.arange(19) == 13))
    engine = unit(name)
    good, bad = (engine.run_jobs([each])[0][0] for each in (job, wrong))
    assert np.array_equal(good, _expected(job)[0])
    assert set(np.argwhere(good != bad)[:, 1].tolist()) == {13}


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
    assert _run(name, [job]) == engine.cycles([job])


@NAMES
def test_wrong_beats_are_reported(name: str) -> None:
    rng = np.random.default_rng(7)
    job = _job(rng, name, rows=4, channels=2 * CONFIGS[name].lanes + 1, plain=True)
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
    short = Beats(good[1].data[:-1].copy(), good[1].last[:-1].copy())
    _fails(name, [good[0], short, *good[2:]], job, "stalled")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": 3}, "PARTS 3 1 or 2"),
        ({"max_channels": 8}, "MAX_CHANNELS 8 must be above LANES 8"),
        ({"max_channels": 65536}, "MAX_CHANNELS 65536 must be"),
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
