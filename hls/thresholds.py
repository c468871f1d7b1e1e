# SPDX-License-Identifier: Apache-2.0
"""Requantization as thresholds (docs/numerics.md, "Activations"; the threshold form is FINN's).

For M >= 0 the level ``(a*M + C) >> n`` never falls as ``a`` grows, so ``q(a)`` is the lowest value
plus the number of thresholds that ``a`` reaches. The thresholds are exact integers.
"""

from __future__ import annotations

import numpy as np

from batflow.errors import InputError

from .packing import Int64
from .program import Format
from .ranges import C_LIMIT, M_LIMIT, SHIFT_LIMIT


def levels(target: Format) -> Int64:
    """Levels [L] that each step of a format reaches: low+1 .. high; only 0 for 1 bit signed."""
    if target.signed and target.bits == 1:
        return np.zeros(1, np.int64)
    return np.arange(target.low + 1, target.high + 1, dtype=np.int64)


def thresholds(M: Int64, C: Int64, shift: int, target: Format, low: int, high: int) -> Int64:
    """Least accumulators that reach each level: int64 [channels, L], ascending along L.

    ``M``, ``C``: int64 [channels]. ``low``, ``high``: the accumulator's range, both included. A level
    that even ``high`` misses has the threshold ``high + 1``; one that ``low`` reaches has ``low``.

    Raises:
        InputError: M outside 0..2^15-1, C at or beyond 2^45, shift outside 0..40, or an empty range.
    """
    if M.min() < 0 or M.max() >= M_LIMIT:
        raise InputError(f"M lies in [{M.min()}, {M.max()}]; thresholds need 0..{M_LIMIT - 1}")
    if np.abs(C).max() >= C_LIMIT or not 0 <= shift <= SHIFT_LIMIT:
        raise InputError(f"|C| up to {np.abs(C).max()} or shift {shift} passes 2^45 or 0..{SHIFT_LIMIT}")
    if low > high:
        raise InputError(f"the accumulator range {low}..{high} is empty; give low <= high")
    needed = (levels(target) << shift)[None, :] - C[:, None]  # a*M must reach this
    divisor = np.maximum(M, 1)[:, None]
    least = -(-needed // divisor)
    constant = np.where(needed <= 0, low, high + 1)  # M = 0: every accumulator or none
    result: Int64 = np.clip(np.where(M[:, None] == 0, constant, least), low, high + 1)
    return result


def count(acc: Int64, steps: Int64, target: Format) -> Int64:
    """Integers q [..., channels] of accumulators ``acc`` [..., channels] by ``steps`` [channels, L]."""
    met: Int64 = (acc[..., None] >= steps).sum(axis=-1, dtype=np.int64)
    scale = 2 if target.signed and target.bits == 1 else 1
    return target.low + scale * met
