# SPDX-License-Identifier: Apache-2.0
"""LayerNorm unit (LN): integer moments, table and one Newton step (docs/numerics.md, "LayerNorm")."""

from __future__ import annotations

import numpy as np

from ..packing import Int64
from .tables import RSQRT
from .vu import sat16


def bit_length(values: Int64) -> Int64:
    """Number of bits of each positive value; exact for all of int64."""
    high = values >> 32
    # Each half is below 2^32, so float64 and frexp see it exactly.
    _, upper = np.frexp(high.astype(np.float64))
    _, lower = np.frexp((values & 0xFFFFFFFF).astype(np.float64))
    return np.where(high > 0, upper.astype(np.int64) + 32, lower.astype(np.int64))


def rsqrt(variance: Int64) -> tuple[Int64, Int64]:
    """For V >= 1 return (y, g) with 1/sqrt(V) = y * 2^-(31+g) nearly; y in [2^15, 2^16]."""
    g = (bit_length(variance) - 31) >> 1
    v = np.where(g >= 0, variance >> np.maximum(2 * g, 0), variance << np.maximum(-2 * g, 0))
    y = RSQRT[(v >> 24) - 64]
    y = (y * (((np.int64(3) << 50) - y * y * (v >> 12)) >> 34)) >> 17
    return y, g


def layernorm(r: Int64, gamma: Int64, beta: Int64, shift: int, epsilon: int) -> tuple[Int64, int]:
    """Normalize rows of r [.., d] (int16 range); returns (o, saturations)."""
    d = r.shape[-1]
    total = r.sum(axis=-1, keepdims=True)
    square = (r * r).sum(axis=-1, keepdims=True)
    y, g = rsqrt(d * square - total * total + epsilon)
    u = d * r - total
    z = (u * y + (np.int64(1) << (18 + g))) >> (19 + g)
    return sat16((z * gamma + beta) >> shift)
