# SPDX-License-Identifier: Apache-2.0
"""Thresholds in FINN's form count to the reference's requantization, for every accumulator."""

from __future__ import annotations

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.hls.finn.levels import levels, operand_type
from batflow.hls.packing import Int64
from batflow.hls.program import Format
from batflow.hls.reference.qu import requant

FORMATS = [Format(bits, signed) for bits in (1, 2, 4, 8) for signed in (False, True)]


def counted(acc: Int64, M: Int64, C: Int64, shift: int, target: Format, bits: int) -> Int64:
    found = levels(M, C, shift, target, bits)
    result: Int64 = found.bias + (acc[:, None, None] >= found.steps[None]).sum(axis=-1)
    return result


@pytest.mark.parametrize("target", FORMATS)
def test_thresholds_equal_requant(target: Format) -> None:
    rng = np.random.default_rng(target.bits + 10 * target.signed)
    for _ in range(4):
        bits, shift = int(rng.integers(4, 11)), int(rng.integers(4, 20))
        M = rng.integers(0, 1 << min(15, max(1, shift + target.bits - bits + 2)), 5)
        C = rng.integers(-(1 << shift + target.bits), 1 << shift + target.bits, 5)
        M[0] = 0
        acc = np.arange(-(1 << bits - 1), 1 << bits - 1)
        wanted = requant(np.repeat(acc[:, None], 5, 1), M, C, shift, target)
        assert np.array_equal(counted(acc, M, C, shift, target, bits), wanted)


@pytest.mark.parametrize("target", FORMATS)
def test_thresholds_are_a_whole_tree_in_their_type(target: Format) -> None:
    found = levels(np.array([3]), np.array([5]), 4, target, 9)
    width = max(2, target.bits)
    assert found.steps.shape == (1, 2**width - 1)
    assert np.all(np.diff(found.steps) >= 0)
    assert found.steps.min() >= -(1 << 9) and found.steps.max() < 1 << 9
    assert found.step_type == "INT10" and found.out_type == operand_type(target)


def test_a_wrong_threshold_is_seen() -> None:
    target, M, C = Format(4, True), np.array([7]), np.array([100])
    acc = np.arange(-128, 128)
    found = levels(M, C, 6, target, 8)
    found.steps[0, 4] += 1
    count = found.bias + (acc[:, None, None] >= found.steps[None]).sum(axis=-1)
    assert not np.array_equal(count, requant(acc[:, None], M, C, 6, target))


def test_a_negative_scale_is_refused() -> None:
    with pytest.raises(InputError, match="M lies in"):
        levels(np.array([-1]), np.array([0]), 4, Format(4, True), 8)
