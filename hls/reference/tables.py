# SPDX-License-Identifier: Apache-2.0
"""The two tables of docs/numerics.md, from exact integer formulas."""

from __future__ import annotations

from math import isqrt

import numpy as np

from ..packing import Int64

EXP2_STEPS = 64
RSQRT_ENTRIES = 192


def _round_root(square_times_4: int) -> int:
    """floor(sqrt(square_times_4) / 2 + 1/2), exactly."""
    return (isqrt(square_times_4) + 1) // 2


def exp2_table() -> Int64:
    """EXP2[f] = floor(2^15 * 2^(-f/64) + 1/2) for f = 0..63, int64 [64]."""
    # 2^(15 - f/64) is the 64th root of 2^(960 - f); the largest t with (2t - 1)^64 <= 2^(64 + 960 - f)
    # is the rounded root.
    table = []
    for f in range(EXP2_STEPS):
        target = 1 << (64 + 15 * 64 - f)
        t = round(2.0 ** (15 - f / 64))
        while (2 * t - 1) ** 64 > target:
            t -= 1
        while (2 * t + 1) ** 64 <= target:
            t += 1
        table.append(t)
    return np.array(table, dtype=np.int64)


def rsqrt_table() -> Int64:
    """RSQRT[i] = floor(2^31 / sqrt((i + 64.5) * 2^24) + 1/2) for i = 0..191, int64 [192]."""
    # The square of the quotient is 2^62 / ((2i + 129) * 2^23) = 2^39 / (2i + 129).
    return np.array([_round_root((4 << 39) // (2 * i + 129)) for i in range(RSQRT_ENTRIES)], dtype=np.int64)


EXP2 = exp2_table()
RSQRT = rsqrt_table()
