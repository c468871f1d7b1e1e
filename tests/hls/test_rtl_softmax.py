# SPDX-License-Identifier: Apache-2.0
"""The softmax unit in RTL: exact for all widths and rows, on time to the clock, sound under stress."""

from __future__ import annotations

import functools
import importlib
import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.axis_sim import Beats
from batflow.hls.cosim_softmax import (
    SoftmaxConfig,
    SoftmaxJob,
    SoftmaxUnit,
    job_beats,
    softmax_cycles,
    softmax_module,
)
from batflow.hls.packing import Int64
from batflow.hls.program import SoftmaxConstants
from batflow.hls.reference.softmax import softmax
from batflow.hls.reference.tables import EXP2, exp2_table
from batflow.hls.verilator import RTL_FOLDER, build, find_verilator

from .rtl_engines import require_verilator

# The product's own sizes; a ragged beat in most rows, narrow scores and rows that are no power of
# two; one lane with the fastest divider and the fewest rows.
CONFIGS = {
    "demo": SoftmaxConfig(),
    "wide": SoftmaxConfig(lanes=16, max_keys=32, score_bits=24, rows=10, divide_steps=4, dividers=4),
    "odd": SoftmaxConfig(lanes=3, max_keys=50, score_bits=21, rows=3, divide_steps=1),
    "serial": SoftmaxConfig(lanes=1, max_keys=19, score_bits=32, rows=2, divide_steps=24),
}
NAMES = pytest.mark.parametrize("name", list(CONFIGS))
PLAIN = SoftmaxConstants(20000, 20, 15 << 35, 35)


@functools.cache
def unit(name: str) -> SoftmaxUnit:
    """One unit per configuration for the whole test session."""
    require_verilator()
    return SoftmaxUnit(CONFIGS[name])


def _constants(rng: np.random.Generator, bits: int) -> SoftmaxConstants:
    """Constants as training gives them: alpha at or below the step of ``bits`` bits."""
    alpha = rng.uniform(0.2, 1.0) / ((1 << bits) - 1)
    shift = 38 + int(np.floor(np.log2(alpha)))
    scale = int(rng.integers(1 << 14, 1 << 15))
    return SoftmaxConstants(scale, int(rng.integers(8, 22)), round(2.0**shift / alpha), shift)


def _job(rng: np.random.Generator, config: SoftmaxConfig, bits: int = 0, keys: int = 0) -> SoftmaxJob:
    """A job of random shape and constants whose scores spread over a few halvings to dozens."""
    bits = bits or int(rng.integers(1, 9))
    keys = keys or int(rng.integers(1, min(config.max_keys, 40) + 1))
    constants = _constants(rng, bits)
    spread = int(min(1 << 19, 64 * rng.uniform(1, 30) * 2.0**constants.scale_shift / constants.scale + 2))
    return SoftmaxJob(rng.integers(-spread, spread, (int(rng.integers(1, 8)), keys)), constants, bits)


def _expected(jobs: list[SoftmaxJob]) -> list[Int64]:
    return [softmax(job.scores, job.constants, job.bits) for job in jobs]


def _check(target: SoftmaxUnit, jobs: list[SoftmaxJob], **options: int) -> int:
    """Run jobs, hold them to the reference, and return the clocks."""
    found, cycles = target.run_jobs(jobs, **options)
    for place, (got, want) in enumerate(zip(found, _expected(jobs), strict=True)):
        assert np.array_equal(got, want), f"job {place}: {jobs[place]}"
    return cycles


@NAMES
@pytest.mark.parametrize("bits", range(1, 9))
def test_all_widths_equal_the_reference(name: str, bits: int) -> None:
    rng = np.random.default_rng(bits)
    target = unit(name)
    jobs = [_job(rng, target.config, bits) for _ in range(40)]
    _check(target, jobs)
    levels = np.unique(np.concatenate([want.ravel() for want in _expected(jobs)]))
    assert levels.min() == 0
    assert levels.max() == (1 << bits) - 1
    got, _ = target.run(jobs[0].scores, jobs[0].constants, bits)
    assert np.array_equal(got, _expected(jobs[:1])[0])


def _adversarial(keys: int) -> Int64:
    """Rows [n, keys]: all equal, ties at the maximum, extremes, one dominating key anywhere."""
    low, high = -(1 << 19), 1 << 19
    rows = [np.full(keys, value) for value in (0, 7, -1, low, high)]
    for place in {0, keys // 2, keys - 1}:
        for small, large in ((low, high), (-1, 0), (0, 1), (low, low + 1), (high - 1, high)):
            row = np.full(keys, small)
            row[place] = large
            rows += [row, small + large - row]  # one dominates; all but one tie
    rows += [np.where(np.arange(keys) % 2, low, high), np.arange(keys), -np.arange(keys)]
    return np.array(rows, dtype=np.int64)


@NAMES
def test_adversarial_rows(name: str) -> None:
    rng = np.random.default_rng(9)
    target = unit(name)
    config = target.config
    lengths = {1, 2, config.lanes, config.lanes + 1, config.max_keys - 1, config.max_keys}
    for keys in sorted(lengths):
        scores = _adversarial(keys)
        _check(target, [SoftmaxJob(scores, _constants(rng, bits), bits) for bits in (1, 4, 8)])
    if config.score_bits == 32:
        ends = np.array([[-(1 << 31), (1 << 31) - 1], [(1 << 31) - 1] * 2, [-(1 << 31)] * 2])
        # Only the largest scale carries into bit 47; it must not come back as x = 0.
        for scale, scale_shift in ((20000, 20), ((1 << 15) - 1, 40), ((1 << 15) - 1, 1)):
            constants = replace(PLAIN, scale=scale, scale_shift=scale_shift)
            _check(target, [SoftmaxJob(ends, constants, 8)])


@NAMES
def test_constants_at_their_ends(name: str) -> None:
    target = unit(name)
    scores = np.concatenate([_adversarial(17), np.random.default_rng(2).integers(-300, 300, (5, 17))])
    jobs = []
    for scale, scale_shift in ((1, 1), (1, 40), ((1 << 15) - 1, 1), ((1 << 15) - 1, 40), (1 << 14, 14)):
        for reciprocal in (1, 1 << 38, (1 << 39) - 1):
            for shift in (1, 30, 39, 40, 41, 60):
                constants = SoftmaxConstants(scale, scale_shift, reciprocal, shift)
                jobs.append(SoftmaxJob(scores, constants, 8))
    _check(target, jobs)


@NAMES
def test_cycles_equal_the_formula(name: str) -> None:
    rng = np.random.default_rng(3)
    target = unit(name)
    for trial in range(60):
        jobs = [_job(rng, target.config) for _ in range(rng.integers(1, 6))]
        assert _check(target, jobs) == target.cycles(jobs), f"trial {trial}"
    longest = [SoftmaxJob(_job(rng, target.config, keys=target.config.max_keys).scores, PLAIN, 4)] * 6
    assert _check(target, longest) == target.cycles(longest)


@NAMES
def test_closed_forms_of_the_header(name: str) -> None:
    config = CONFIGS[name]
    division = 24 // config.divide_steps
    for keys in {1, config.max_keys // 2, config.max_keys}:
        n = config.beats(keys)
        assert softmax_cycles(config, [(1, keys)]) == 3 * n + division + 16
        many = softmax_cycles(config, [(4000, keys)]) - softmax_cycles(config, [(1000, keys)])
        rate = max(n, (division + 1) / config.dividers, (2 * n + division + 9) / config.rows)
        assert abs(many / 3000 - rate) < 0.01


def test_long_rows_stream_at_one_beat_per_clock() -> None:
    target = unit("demo")
    scores = np.random.default_rng(4).integers(-300, 300, (40, 512))
    cycles = _check(target, [SoftmaxJob(scores, PLAIN, 4)])
    assert 40 * 64 / cycles > 0.9


@NAMES
@pytest.mark.parametrize("stalls", [(50, 0), (0, 50), (30, 70), (90, 90)])
def test_backpressure_changes_nothing_but_time(name: str, stalls: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(stalls))
    target = unit(name)
    slower = 0
    for seed in range(1, 9):
        jobs = [_job(rng, target.config) for _ in range(4)]
        cycles = _check(target, jobs, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
        assert cycles >= target.cycles(jobs)  # a stall may fall where no beat was due
        slower += cycles - target.cycles(jobs)
    assert slower > 0


@NAMES
def test_reset_in_mid_row_leaves_no_trace(name: str) -> None:
    rng = np.random.default_rng(5)
    target = unit(name)
    for _ in range(25):
        jobs = [_job(rng, target.config) for _ in range(2)]
        with pytest.raises(EngineError, match="did not finish within its bound"):
            target.run_jobs(jobs, max_cycles=int(rng.integers(1, target.cycles(jobs))))
        jobs = [_job(rng, target.config) for _ in range(2)]
        assert _check(target, jobs) == target.cycles(jobs)


@NAMES
def test_lanes_beyond_a_row_may_hold_anything(name: str) -> None:
    rng = np.random.default_rng(6)
    target = unit(name)
    for padding in (-(1 << 31), (1 << 31) - 1):
        _check(target, [_job(rng, target.config) for _ in range(10)], padding=padding)


def test_one_changed_score_shows() -> None:
    target = unit("demo")
    scores = np.array([[40, 10, 0, 5, 2, 1, 30, 20, 8], [9, 8, 7, 6, 5, 4, 3, 2, 1]])
    changed = scores.copy()
    changed[1, 8] = 30
    good, _ = target.run(scores, replace(PLAIN, scale_shift=10), 4)
    bad, _ = target.run(changed, replace(PLAIN, scale_shift=10), 4)
    assert np.array_equal(good[0], bad[0])
    assert bad[1, 8] > good[1, 8]
    assert (bad[1, :8] <= good[1, :8]).all()


def _table_jobs() -> list[SoftmaxJob]:
    """Two rows an entry f: one key of EXP2[f] that just reaches, and just misses, probability 1."""
    jobs = []
    for f in range(64):
        value = int(EXP2[f])
        for quotient in (-(-(1 << 37) // value), -(-(1 << 37) // value) - 1):
            constants = SoftmaxConstants(1 << 14, 14, quotient * (32768 + value), 38)
            jobs.append(SoftmaxJob(np.array([[0, -f]]), constants, 1))
    return jobs


def test_the_table_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """As text, and as it acts: one more or less in any entry of the reference would be seen."""
    text = (RTL_FOLDER / "exp2_table.sv").read_text()
    assert [int(entry) for entry in re.findall(r"16'd(\d+)", text)] == exp2_table().tolist()
    jobs = _table_jobs()
    found = np.concatenate(unit("demo").run_jobs(jobs)[0])
    assert np.array_equal(found, np.concatenate(_expected(jobs)))
    reference = importlib.import_module("batflow.hls.reference.softmax")
    for f in range(64):
        for change in (-1, 1):
            altered = EXP2.copy()
            altered[f] += change
            monkeypatch.setattr(reference, "EXP2", altered)
            assert not np.array_equal(found, np.concatenate(_expected(jobs))), (f, change)


def test_every_step_of_the_exponent() -> None:
    """x = 0..1100 in steps of one: all table entries at all halvings and the flush to 0."""
    x = np.arange(1101).reshape(-1, 1)
    scores = np.concatenate([np.zeros_like(x), -x], axis=1)
    for shift in (38, 34, 30, 26):
        _check(unit("demo"), [SoftmaxJob(scores, SoftmaxConstants(1 << 14, 14, (1 << 39) - 1, shift), 8)])


def _streams(name: str) -> tuple[list[Beats], int]:
    """Streams of a job of two rows of two and a bit beats, and its result beats."""
    config = CONFIGS[name]
    scores = np.arange(2 * (2 * config.lanes + 1)).reshape(2, -1)
    streams = job_beats(config, SoftmaxJob(scores, PLAIN, 4))
    return list(streams), len(streams[1].last)


def _fails(name: str, streams: list[Beats], results: int, match: str) -> None:
    """Run wrong streams, expect the error, and see that the unit works again after reset."""
    target = unit(name)
    with pytest.raises(EngineError, match=match):
        target.sim.run(streams, [results], idle_limit=2000)
    target.sim.reset()
    job = _job(np.random.default_rng(7), target.config)
    assert _check(target, [job]) == target.cycles([job])


@pytest.mark.parametrize(
    ("low_bit", "width", "value"),
    [
        *((0, 16, 0), (0, 16, 51), (16, 16, 0), (32, 16, 0), (32, 16, 1 << 15), (48, 8, 0), (48, 8, 41)),
        *((56, 8, 0), (56, 8, 61), (64, 40, 0), (64, 40, 1 << 39), (104, 4, 0), (104, 4, 9), (108, 20, 1)),
    ],
)
def test_config_out_of_range(low_bit: int, width: int, value: int) -> None:
    streams, results = _streams("odd")
    beat = int.from_bytes(streams[0].data.tobytes(), "little")
    beat = beat & ~(((1 << width) - 1) << low_bit) | value << low_bit
    data = np.frombuffer(beat.to_bytes(16, "little"), np.uint8).reshape(1, 16)
    wrong = [replace(streams[0], data=data), streams[1]]
    _fails("odd", wrong, results, r"reports an error \(error_code 1\)")


def test_tlast_in_the_wrong_place() -> None:
    streams, results = _streams("odd")
    wrong = [replace(streams[0], last=np.zeros(1, np.uint8)), streams[1]]
    _fails("odd", wrong, results, r"error_code 1")
    for place in range(results):
        last = streams[1].last.copy()
        last[place] ^= 1
        _fails("odd", [streams[0], replace(streams[1], last=last)], results, r"error_code 2")


def test_a_score_that_does_not_fit() -> None:
    for value in (1 << 20, -(1 << 20) - 1, (1 << 31) - 1, -(1 << 31)):
        streams, results = _streams("odd")
        streams[1].data.view("<i4")[1, 2] = value
        _fails("odd", streams, results, r"error_code 3")


def test_missing_beats_stall_by_name() -> None:
    streams, results = _streams("odd")
    none = Beats(streams[0].data[:0], streams[0].last[:0])
    _fails("odd", [none, streams[1]], results, "stalled.*s_axis_c 0 of 0 beats")
    short = Beats(streams[1].data[:-1], streams[1].last[:-1])
    _fails("odd", [streams[0], short], results, f"stalled.*m_axis {results // 2} of {results} beats")


@NAMES
def test_lint_is_clean(name: str) -> None:
    require_verilator()
    module = softmax_module(CONFIGS[name])
    command = [str(find_verilator().program), "--lint-only", "-Wall", "--quiet", "--top-module", module.top]
    command += [f"-G{key}={value}" for key, value in module.parameters.items()]
    command += map(str, module.sources)
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_keys": 65536}, "MAX_KEYS 65536 1..65535"),
        ({"score_bits": 33}, "SCORE_BITS 33 must be 2..32"),
        ({"rows": 1}, "ROWS 1 must be at least 2"),
        ({"divide_steps": 5}, "DIVIDE_STEPS 5 must divide 24"),
    ],
)
def test_impossible_parameters_are_named(change: dict[str, int], words: str) -> None:
    require_verilator()
    with pytest.raises(InputError, match=re.escape(words)):
        build(softmax_module(replace(SoftmaxConfig(), **change)))


def test_bad_jobs_are_named() -> None:
    with pytest.raises(InputError, match="lanes 0"):
        SoftmaxConfig(lanes=0)
    config, ones = CONFIGS["odd"], np.ones((2, 4), dtype=np.int64)
    wrong = {
        "a job of 2 rows of 51 keys does not fit": SoftmaxJob(np.ones((2, 51), dtype=int), PLAIN, 4),
        "non-empty integer matrix": SoftmaxJob(np.ones((0, 4), dtype=int), PLAIN, 4),
        "outside the 21 bits": SoftmaxJob(ones << 20, PLAIN, 4),
        "softmax bits is 9; 1 to 8": SoftmaxJob(ones, PLAIN, 9),
        "softmax scale is 32768": SoftmaxJob(ones, replace(PLAIN, scale=1 << 15), 4),
        "softmax reciprocal is 0": SoftmaxJob(ones, replace(PLAIN, reciprocal=0), 4),
    }
    for words, job in wrong.items():
        with pytest.raises(InputError, match=words):
            job_beats(config, job)
    with pytest.raises(InputError, match="at least one"):
        SoftmaxUnit.run_jobs(SoftmaxUnit.__new__(SoftmaxUnit), [])
