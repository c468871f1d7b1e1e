# SPDX-License-Identifier: Apache-2.0
"""LN in RTL: exact from the smallest to the longest row, on time to the clock, sound under stress."""

from __future__ import annotations

import functools
import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.axis_sim import Beats
from batflow.hls.cosim_vector import LayerNormUnit, norm_module, qu_module, vu_module
from batflow.hls.packing import Int64
from batflow.hls.reference import layernorm as reference
from batflow.hls.reference.encoder import Reference
from batflow.hls.reference.layernorm import layernorm, rsqrt
from batflow.hls.reference.tables import RSQRT, rsqrt_table
from batflow.hls.vector_protocol import NormConfig, NormJob, VectorConfig, norm_constants, tile_beats
from batflow.hls.verilator import RTL_FOLDER, build, find_verilator

from .programs import random_ids, random_program
from .rtl_engines import require_verilator

# One lane with two buffers, so that the root is never hidden; odd lanes, a ring that is no power of
# two, and the longest row that docs/numerics.md allows.
CONFIGS = {
    "serial": NormConfig(lanes=1, max_hidden=40, banks=2),
    "wide": NormConfig(lanes=12, max_hidden=4096, banks=5),
}
NAMES = pytest.mark.parametrize("name", list(CONFIGS))
LOW, HIGH = -(1 << 15), (1 << 15) - 1
MOST_EPSILON = (1 << 40) - 1


@functools.cache
def unit(name: str) -> LayerNormUnit:
    """One unit per configuration for the whole test session."""
    require_verilator()
    return LayerNormUnit(CONFIGS[name])


def _job(rng: np.random.Generator, r: Int64, epsilon: int = 0) -> NormJob:
    """Random constants for r [rows, d]; about one result in ten saturates."""
    length = r.shape[1]
    shift = int(rng.integers(0, 41))
    gain = min(15, shift + 4)  # z has 12 fractional bits
    gamma = rng.integers(-(1 << gain) + 1, 1 << gain, length)
    top = 1 << min(45, shift + 14)
    return NormJob(
        r, gamma, rng.integers(-top + 1, top, length), shift, epsilon or int(rng.integers(1, 1 << 30))
    )


def _rows(rng: np.random.Generator, name: str, length: int = 0) -> Int64:
    """Rows [1..7, d] of random spread and mean."""
    length = length or int(rng.integers(1, min(CONFIGS[name].max_hidden, 200) + 1))
    spread = 1 << int(rng.integers(0, 16))
    r = rng.integers(-spread, spread, (int(rng.integers(1, 8)), length))
    return np.clip(r + rng.integers(LOW, HIGH), LOW, HIGH)


def _expected(job: NormJob) -> tuple[Int64, int]:
    return layernorm(job.r, job.gamma, job.beta, job.shift, job.epsilon)


def _run(name: str, jobs: list[NormJob], **options: int) -> int:
    """Run jobs, hold values and saturations to the reference, return the clocks."""
    found, cycles, counts = unit(name).run_jobs(jobs, **options)
    wanted = [_expected(job) for job in jobs]
    assert all(np.array_equal(a, b) for a, (b, _) in zip(found, wanted, strict=True))
    assert counts == [count for _, count in wanted]
    return cycles


def test_the_table_is_the_reference() -> None:
    body = (RTL_FOLDER / "rsqrt_table.sv").read_text()
    numbers = [int(value) for value in re.findall(r"16'd(\d+)", body)]
    assert numbers == RSQRT.tolist() == rsqrt_table().tolist()


@NAMES
def test_random_jobs_back_to_back_equal_the_reference_on_time(name: str) -> None:
    rng = np.random.default_rng(1)
    seen: set[int] = set()
    for trial in range(30):
        jobs = [_job(rng, _rows(rng, name)) for _ in range(rng.integers(1, 6))]
        assert _run(name, jobs) == unit(name).cycles(jobs), f"trial {trial}"
        seen |= {int(value) for job in jobs for value in _expected(job)[0].ravel()}
    assert len(seen) > 1000  # the jobs spread, or equality would prove little


@NAMES
def test_every_row_length_up_to_the_first_words_and_the_longest(name: str) -> None:
    rng = np.random.default_rng(2)
    longest = CONFIGS[name].max_hidden
    lengths = [*range(1, 40), longest - 1, longest]
    jobs = [_job(rng, _rows(rng, name, length)) for length in lengths]
    assert _run(name, jobs) == unit(name).cycles(jobs)


@NAMES
def test_short_rows_of_many_jobs_do_not_mix(name: str) -> None:
    """Rows of a beat or four, one right behind the other, whose jobs differ in everything."""
    rng = np.random.default_rng(9)
    jobs = []
    for number in range(40):
        r = rng.integers(-9, 10, (int(rng.integers(1, 30)), int(rng.integers(2, 5))))
        jobs.append(_job(rng, r, (1, 500, MOST_EPSILON)[number % 3]))
    assert _run(name, jobs) == unit(name).cycles(jobs)


def test_every_exponent_of_the_root() -> None:
    """V over its whole range, 1 to 2^54, with every value of g, and V at both sides of each change."""
    rng = np.random.default_rng(3)
    flat = np.zeros((1, 4), np.int64)
    edges = sorted({(1 << bit) + step for bit in range(40) for step in (-1, 0, 1)} - {0} | {MOST_EPSILON})
    jobs = [_job(rng, flat, edge) for edge in edges]
    jobs += [_job(rng, rng.integers(-2, 3, (1, 4)), edge) for edge in edges[::3]]
    for bit in range(16):
        for length in (40, 384, 4096):
            ramp = np.where(np.arange(length) % 2, (1 << bit) - 1, -(1 << bit))[None]
            jobs += [_job(rng, ramp, 1), _job(rng, ramp, MOST_EPSILON)]
    variances = [
        length * int((job.r**2).sum()) - int(job.r.sum()) ** 2 + job.epsilon
        for job in jobs
        for length in [job.r.shape[1]]
    ]
    assert min(variances) == 1 and max(variances) > 1 << 54
    assert set(rsqrt(np.array(variances))[1].tolist()) == set(range(-15, 13))
    for start in range(0, len(jobs), 40):
        part = jobs[start : start + 40]
        assert _run("wide", part) == unit("wide").cycles(part)


@NAMES
def test_extreme_rows_and_constants(name: str) -> None:
    rng = np.random.default_rng(4)
    lanes, longest = CONFIGS[name].lanes, CONFIGS[name].max_hidden
    jobs = []
    for length in {4, 2 * lanes + 1, longest}:
        alternating = np.where(np.arange(length) % 2, LOW, HIGH)
        spike = np.full(length, LOW)
        spike[-1] = HIGH
        ties = np.arange(length) % 3 - 1
        full = [np.full(length, value) for value in (LOW, HIGH, 0, 1)]
        r = np.stack([*full, alternating, -1 - alternating, spike, -1 - spike, ties])
        for shift in (0, 40):
            for epsilon in (1, MOST_EPSILON):
                gamma = rng.choice([LOW, HIGH, 0, 1, -1], length)
                beta = rng.choice([1 - (1 << 45), (1 << 45) - 1, 0, 1 << 39], length)
                jobs.append(NormJob(r, gamma, beta, shift, epsilon))
    assert _run(name, jobs) == unit(name).cycles(jobs)


def test_closed_form_of_the_header() -> None:
    """One row takes 2W + L + 16 beyond its config; many take a beat a clock once the root is hidden."""
    rng = np.random.default_rng(5)
    words, root = 20, 22 + 4  # 12 lanes: 4 levels of adders
    one = _job(rng, rng.integers(-99, 99, (1, 240)))
    assert unit("wide").cycles([one]) == max(2 + words + root, 2 + 240) + words + 17
    many = _job(rng, rng.integers(-99, 99, (60, 240)))
    assert _run("wide", [many]) == 2 + 240 + 60 * words + 17
    narrow = _job(rng, rng.integers(-99, 99, (60, 40)))  # one lane, two buffers: the root shows
    assert _run("serial", [narrow]) == 2 + 30 * (2 * 40 + 23) + 40 + 17


@NAMES
@pytest.mark.parametrize("stalls", [(50, 0), (0, 50), (90, 90)])
def test_backpressure_changes_nothing_but_time(name: str, stalls: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(stalls))
    slower = 0
    for seed in range(1, 7):
        jobs = [_job(rng, _rows(rng, name)) for _ in range(4)]
        cycles = _run(name, jobs, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
        assert cycles >= unit(name).cycles(jobs)
        slower += cycles - unit(name).cycles(jobs)
    assert slower > 0


@NAMES
def test_reset_in_mid_row_leaves_no_trace(name: str) -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        jobs = [_job(rng, _rows(rng, name)), _job(rng, _rows(rng, name))]
        cut = int(rng.integers(1, unit(name).cycles(jobs)))
        with pytest.raises(EngineError, match="did not finish within its bound"):
            unit(name).run_jobs(jobs, max_cycles=cut)
        assert _run(name, jobs) == unit(name).cycles(jobs)


def test_single_run_counts_saturations() -> None:
    r = np.array([[-3, 1, 1, 1], [7, 7, 7, 7]])
    gamma, beta = np.full(4, HIGH), np.array([0, 0, 1 << 20, -(1 << 20)])
    found, cycles, saturations = unit("serial").run(r, gamma, beta, 0, 1)
    wanted, count = layernorm(r, gamma, beta, 0, 1)
    assert np.array_equal(found, wanted)
    assert (saturations, count) == (6, 6)
    assert cycles == unit("serial").cycles([NormJob(r, gamma, beta, 0, 1)])


def test_norms_of_a_program() -> None:
    program = random_program(9, layers=2, hidden=32, ffn=40)
    taps = Reference(program).run(random_ids(9, program, 11)).taps
    jobs, wanted = [], []
    for index, layer in enumerate(program.layers):
        for name, part in (("ln1", "attn"), ("ln2", "ffn")):
            norm = layer.norms[name]
            r = taps[f"L{index}.{part}_sum"]
            jobs.append(NormJob(r, norm.gamma, norm.beta, norm.shift, norm.epsilon))
            wanted.append(taps[f"L{index}.{part}_out"])
    for name in CONFIGS:
        found, cycles, _ = unit(name).run_jobs(jobs)
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
        assert cycles == unit(name).cycles(jobs)


def test_a_root_from_another_table_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    r = rng.integers(LOW, HIGH, (4, 36))
    gamma, beta = np.full(36, HIGH), np.zeros(36, np.int64)
    found, _, _ = unit("serial").run(r, gamma, beta, 13, 1)
    assert np.array_equal(found, layernorm(r, gamma, beta, 13, 1)[0])
    wrong = RSQRT + 256
    monkeypatch.setattr(reference, "RSQRT", wrong)
    assert not np.array_equal(found, layernorm(r, gamma, beta, 13, 1)[0])


def _fails(name: str, streams: list[Beats], job: NormJob, match: str) -> None:
    """Send wrong beats, expect the error, and see that the unit works again after reset."""
    engine = unit(name)
    beats = len(job.r) * job.words(CONFIGS[name].lanes)
    with pytest.raises(EngineError, match=match):
        engine.sim.run(streams, [beats, 1], idle_limit=2000)
    engine.sim.reset()
    assert _run(name, [job]) == engine.cycles([job])


@NAMES
def test_wrong_beats_are_reported(name: str) -> None:
    rng = np.random.default_rng(8)
    lanes = CONFIGS[name].lanes
    job = replace(_job(rng, rng.integers(-9, 9, (3, 2 * lanes + 2))), epsilon=1)
    grid = (3, 1, 1, job.words(lanes))
    good = [norm_constants(job, lanes), tile_beats(job.r, grid, lanes, "<i2")]

    def patched(row: int, first: int, *values: int) -> list[Beats]:
        data = good[0].data.copy()
        data[row, first : first + len(values)] = values
        return [replace(good[0], data=data), good[1]]

    for place, values in (
        *((0, (41,)), (1, (0, 0)), (1, (1, 16)), (3, (0, 0)), (3, (9, 0)), (3, (1, 0))),
        *((5, (0, 0)), (7, (0,)), (12, (1,))),
    ):
        _fails(name, patched(0, place, *values), job, r"reports an error \(error_code 1\)")
    for place, values in ((0, (0,) * 5 + (0x20, 0, 0)), (8, (0, 0x80, 0, 0)), (12, (1,))):
        _fails(name, patched(2, place, *values), job, r"error_code 3")
    for port, code in ((0, 4), (1, 5)):
        for place, mark in ((-1, 0), (1, 1)):
            last = good[port].last.copy()
            last[place] = mark
            wrong = [*good[:port], replace(good[port], last=last), *good[port + 1 :]]
            _fails(name, wrong, job, f"error_code {code}")
    short = Beats(good[1].data[:-1].copy(), good[1].last[:-1].copy())
    _fails(name, [good[0], short], job, "stalled")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"banks": 1}, "BANKS 1 2..16"),
        ({"max_hidden": 4097}, "MAX_HIDDEN 4097 must be"),
        ({"max_hidden": 8}, "MAX_HIDDEN 8 must be above LANES 8"),
    ],
)
def test_impossible_parameters_are_named(change: dict[str, int], words: str) -> None:
    require_verilator()
    with pytest.raises(InputError) as caught:
        build(norm_module(replace(NormConfig(), **change)))
    assert words in str(caught.value)
    with pytest.raises(InputError, match="banks 0"):
        NormConfig(banks=0)


def test_lint_is_clean_in_every_form() -> None:
    require_verilator()
    modules = [norm_module(NormConfig(lanes, 384, banks)) for lanes, banks in ((1, 2), (6, 5), (16, 3))]
    for lanes, parts, bits in ((1, 1, 32), (1, 2, 27), (5, 1, 17), (16, 2, 28)):
        modules += [make(VectorConfig(lanes, parts, 384, bits)) for make in (qu_module, vu_module)]
    for module in modules:
        options = [f"-G{key}={value}" for key, value in module.parameters.items()]
        command = [
            str(find_verilator().program),
            "--lint-only",
            "-Wall",
            "--quiet",
            "--top-module",
            module.top,
        ]
        command += [*options, *map(str, module.sources)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, ""), module


def test_bad_operands_are_named() -> None:
    ones = np.ones(4, np.int64)
    good = NormJob(np.ones((2, 4), np.int64), ones, ones, 3, 1)
    for change, words in (
        ({"r": good.r << 15}, "r reaches 32768"),
        ({"r": ones}, r"r has shape \(4,\)"),
        ({"r": np.ones((1, 41), np.int64)}, r"d reaches 41\.\.41; 1\.\.40 is allowed"),
        ({"gamma": ones[:3]}, r"gamma has shape \(3,\)"),
        ({"beta": ones << 45}, "beta reaches"),
        ({"shift": -1}, "shift reaches -1"),
        ({"epsilon": 0}, "epsilon reaches 0"),
        ({"epsilon": 1 << 40}, "epsilon reaches"),
    ):
        with pytest.raises(InputError, match=words):
            unit("serial").run_jobs([replace(good, **change)])  # type: ignore[arg-type]
