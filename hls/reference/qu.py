# SPDX-License-Identifier: Apache-2.0
"""Quantization unit (QU): dyadic requantization to 1 to 8 bits (docs/numerics.md, "Activations")."""

from __future__ import annotations

import numpy as np

from ..packing import Int64
from ..program import Format


def dyadic(acc: Int64, M: Int64 | int, C: Int64 | int, shift: int) -> Int64:
    """(acc * M + C) >> shift, elementwise with broadcasting over the last axis."""
    result: Int64 = (acc * np.int64(M) if isinstance(M, int) else acc * M) + C
    return result >> shift


def dyadic_sum(accs: list[Int64], M: Int64, C: Int64, shift: int) -> Int64:
    """(sum_p accs[p] * M[p] + C) >> shift for products of one part or two (WTWS)."""
    total: Int64 = sum((acc * M[part] for part, acc in enumerate(accs)), start=np.zeros_like(accs[0]))
    return (total + C) >> shift


def to_format(level: Int64, target: Format) -> Int64:
    """Bring a shifted level into ``target``: clip, or the sign when it is 1 bit signed."""
    if target.signed and target.bits == 1:
        return np.where(level >= 0, 1, -1).astype(np.int64)
    return np.clip(level, target.low, target.high)


def requant(acc: Int64, M: Int64 | int, C: Int64 | int, shift: int, target: Format) -> Int64:
    """Requantize an accumulator or a residual value to ``target``."""
    return to_format(dyadic(acc, M, C, shift), target)
