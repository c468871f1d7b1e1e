# SPDX-License-Identifier: Apache-2.0
"""Thresholds against requantization, for every accumulator of a width."""

from __future__ import annotations

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.hls.program import Format
from batflow.hls.reference.qu import requant
from batflow.hls.thresholds import count, levels, thresholds

FORMATS = [Format(bits, signed) for bits in (1, 2, 3, 4, 8) for signed in (False, True)]
IDS = [f"{'s' if f.signed else 'u'}{f.bits}" for f in FORMATS]


def _brute(M: int, C: int, shift: int, target: Format, low: int, high: int) -> list[int]:
    """Definition: the least a with q(a) at or above each level, by trying all in Python integers."""
    bipolar = target.signed and target.bits == 1
    found = []
    for level in [0] if bipolar else range(target.low + 1, target.high + 1):
        reached = [a for a in range(low, high + 1) if (a * M + C) >> shift >= level]
        found.append(reached[0] if reached else high + 1)
    return found


@pytest.mark.parametrize("target", FORMATS, ids=IDS)
def test_definition_by_brute_force(target: Format) -> None:
    rng = np.random.default_rng(target.bits)
    for bits in (2, 5, 8):
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        for shift in (0, 1, 4, 7):
            M = rng.integers(0, 40, 6)
            M[0] = 0
            C = rng.integers(-300, 301, 6)
            found = thresholds(M, C, shift, target, low, high)
            for channel in range(6):
                expected = _brute(int(M[channel]), int(C[channel]), shift, target, low, high)
                assert found[channel].tolist() == expected
            assert np.all(np.diff(found, axis=1) >= 0)


@pytest.mark.parametrize("target", FORMATS, ids=IDS)
@pytest.mark.parametrize("acc_bits", [6, 8, 16])
def test_every_accumulator_of_full_size_constants(target: Format, acc_bits: int) -> None:
    rng = np.random.default_rng(100 * acc_bits + target.bits)
    low, high = -(1 << (acc_bits - 1)), (1 << (acc_bits - 1)) - 1
    acc = np.arange(low, high + 1)[:, None]
    channels = 4 if len(levels(target)) > 15 else 12
    for shift in (0, 15, 27, 40):
        M = rng.integers(0, 1 << 15, channels)
        M[:3] = 0, 1, (1 << 15) - 1
        C = rng.integers(-(1 << 45) + 1, 1 << 45, channels) >> rng.integers(0, 45, channels)
        C[-1] = rng.choice([(1 << 45) - 1, -(1 << 45) + 1])
        steps = thresholds(M, C, shift, target, low, high)
        assert np.array_equal(count(acc, steps, target), requant(acc, M, C, shift, target))


def test_every_accumulator_that_straddles_the_format() -> None:
    """Constants as export makes them: the range of q lies within the range of the accumulator."""
    rng = np.random.default_rng(5)
    low, high = -(1 << 17), (1 << 17) - 1
    acc = np.arange(low, high + 1)[:, None]
    target = Format(4, True)
    M = rng.integers(1 << 14, 1 << 15, 8)
    shift = 28  # high * M >> 28 is 8 to 15: both clips are met
    C = rng.integers(-(1 << 28), 1 << 28, 8) + (1 << 27)
    steps = thresholds(M, C, shift, target, low, high)
    q = requant(acc, M, C, shift, target)
    assert np.array_equal(count(acc, steps, target), q)
    assert np.all(np.any((q > target.low) & (q < target.high), axis=0))
    late = steps + (np.arange(8) == 3)[:, None]  # one accumulator late in one channel
    assert not np.array_equal(count(acc, late, target), q)


def test_extreme_accumulators_of_32_bits() -> None:
    target = Format(8, True)
    low, high = -(1 << 31) + 1, (1 << 31) - 1
    M, C = np.array([32767, 1, 20000]), np.array([(1 << 45) - 1, -(1 << 45) + 1, 1 << 39])
    steps = thresholds(M, C, 40, target, low, high)
    near = np.unique(np.concatenate([np.clip(steps.ravel() + d, low, high) for d in (-1, 0, 1)]))[:, None]
    assert np.array_equal(count(near, steps, target), requant(near, M, C, 40, target))


@pytest.mark.parametrize(
    ("M", "C", "shift", "low", "high"),
    [(-1, 0, 3, -8, 7), (1 << 15, 0, 3, -8, 7), (5, 1 << 45, 3, -8, 7), (5, 0, 41, -8, 7), (5, 0, 3, 8, 7)],
)
def test_out_of_range_is_refused(M: int, C: int, shift: int, low: int, high: int) -> None:
    with pytest.raises(InputError, match=r"thresholds need|passes|is empty"):
        thresholds(np.array([M]), np.array([C]), shift, Format(4, True), low, high)
