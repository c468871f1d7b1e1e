# SPDX-License-Identifier: Apache-2.0
"""Integer LayerNorm of docs/numerics.md, on the host. numpy only."""

from __future__ import annotations

from math import isqrt

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


def _rsqrt_table() -> Int64:
    # RSQRT[i]^2 = 2^62 / ((i + 64.5) * 2^24) = 2^39 / (2i + 129); floor(root + 1/2) exactly.
    return np.array([(isqrt((4 << 39) // (2 * i + 129)) + 1) // 2 for i in range(192)], dtype=np.int64)


RSQRT = _rsqrt_table()


def sat16(values: Int64) -> Int64:
    """Limit to the range of int16."""
    return np.clip(values, -32768, 32767)


def rsqrt(variance: int) -> tuple[int, int]:
    """For V >= 1 return (y, g) of docs/numerics.md; Python integers, so no width can overflow."""
    g = (variance.bit_length() - 31) >> 1
    v = variance >> (2 * g) if g >= 0 else variance << (-2 * g)
    y = int(RSQRT[(v >> 24) - 64])
    return (y * (((3 << 50) - y * y * (v >> 12)) >> 34)) >> 17, g


def layernorm(rows: Int64, gamma: Int64, beta: Int64, shift: int, epsilon: int) -> Int64:
    """Normalize ``rows`` int64 [l, d] of int16 range; returns int64 [l, d] of int16 range."""
    d = rows.shape[-1]
    totals = rows.sum(axis=-1)
    squares = (rows * rows).sum(axis=-1)
    out = np.empty_like(rows)
    for t, (row, total, square) in enumerate(zip(rows, totals, squares, strict=True)):
        y, g = rsqrt(d * int(square) - int(total) ** 2 + epsilon)
        z = ((d * row - total) * y + (np.int64(1) << np.int64(18 + g))) >> np.int64(19 + g)
        out[t] = sat16((z * gamma + beta) >> shift)
    return out
