# SPDX-License-Identifier: Apache-2.0
"""Requantization as FINN's Thresholding: data types, biases, threshold matrices. All exact integers.

FINN's RTL takes operands of two bits or more, so {-1, +1} is carried as INT2 and {0, 1} as UINT2. The
thresholds are always as many as the output's bits can count, which is a whole tree in FINN's RTL: a level
that nothing may reach lies above the accumulator's range, and a level that all reach is its lower end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..packing import Int64
from ..program import Format
from ..thresholds import thresholds


@dataclass(frozen=True)
class Levels:
    """What a Thresholding node needs: ``steps`` int64 [channels or 1, N], the types, the lowest output."""

    steps: Int64
    step_type: str
    out_type: str
    bias: int


def operand_type(target: Format) -> str:
    """QONNX type that carries a format on a stream."""
    return f"{'INT' if target.signed else 'UINT'}{max(2, target.bits)}"


def acc_type(bits: int) -> str:
    """QONNX type of an accumulator."""
    return f"INT{bits}"


def levels(M: Int64, C: Int64, shift: int, target: Format, acc_bits: int) -> Levels:
    """Thresholds of ``(a * M + C) >> shift`` brought to ``target``, for ``a`` of ``acc_bits`` bits.

    ``M``, ``C``: int64 [channels], or [1] for one in all.

    Raises:
        InputError: constants out of the range of docs/numerics.md.
    """
    low, high = -(1 << acc_bits - 1), (1 << acc_bits - 1) - 1
    steps = thresholds(M, C, shift, target, low, high)
    bias = target.low
    if target.bits == 1 and target.signed:
        steps, bias = np.hstack([np.full_like(steps, low), steps, steps]), -2
    elif target.bits == 1:
        never = np.full_like(steps, high + 1)
        steps = np.hstack([steps, never, never])
    return Levels(steps, f"INT{acc_bits + 1}", operand_type(target), bias)
