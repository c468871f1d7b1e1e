# SPDX-License-Identifier: Apache-2.0
"""Integer constants from real numbers: dyadic multipliers, tables, fixed-point steps.

Every function checks the ranges that docs/numerics.md promises to the engines and raises an
``InputError`` that names the tensor where a value does not fit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batflow.errors import InputError

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

MULTIPLIER_BITS = 15
OFFSET_BITS = 45
MAX_SHIFT = 40
LOG2_E = 1.4426950408889634


def round_half_up(x: Any) -> IntArray:
    """Return floor(x + 1/2) as int64."""
    result: IntArray = np.floor(np.asarray(x, dtype=np.float64) + 0.5).astype(np.int64)
    return result


EXP2_TABLE: tuple[int, ...] = tuple(math.floor(2.0**15 * 2.0 ** (-f / 64) + 0.5) for f in range(64))
"""``EXP2[f]`` is 2^15 times 2^(-f/64)."""

RSQRT_TABLE: tuple[int, ...] = tuple(
    math.floor(2.0**31 / math.sqrt((i + 64.5) * 2.0**24) + 0.5) for i in range(192)
)
"""``RSQRT[i]`` starts the Newton step of LayerNorm from the top 8 bits of the variance."""


def reciprocal_table(max_len: int) -> IntArray:
    """Return ``RECIP[l] = floor(2^20 / l + 1/2)`` for l = 0..max_len (entry 0 is 0)."""
    lengths = np.arange(max_len + 1, dtype=np.float64)
    lengths[0] = np.inf
    return round_half_up(2.0**20 / lengths)


def affine(scale: Array, offset: Array, where: str) -> tuple[IntArray, IntArray, int]:
    """Return (M, C, n) with ``(a*M + C) >> n`` close to ``floor(scale*a + offset)``.

    Args:
        scale: real factors, of any sign; all M share one shift.
        offset: real offsets of the same shape; the rounding half is already in them.
        where: name of the unit for the error message.

    Raises:
        InputError: a value is not finite, or no shift in [0, 40] fits it.
    """
    if not (np.isfinite(scale).all() and np.isfinite(offset).all()):
        raise InputError(f"{where}: a scale or offset is not finite; train the model again")
    for shift in range(MAX_SHIFT, -1, -1):
        M = round_half_up(scale * 2.0**shift)
        if np.abs(M).max() >= 1 << MULTIPLIER_BITS:
            continue
        if np.abs(offset).max() * 2.0**shift < 2.0**OFFSET_BITS - 1:
            return M, round_half_up(offset * 2.0**shift), shift
    raise InputError(
        f"{where}: scale {float(np.abs(scale).max()):.3g} or offset"
        f" {float(np.abs(offset).max()):.3g} exceeds the 16-bit multiplier;"
        " calibrate the quantizers again"
    )


def requant(
    scale: Any, offset: Any, alpha: float, beta: float, *, half: bool, where: str
) -> tuple[IntArray, IntArray, int]:
    """Return (M, C, n) of a Requant of an accumulator of real value ``scale*a + offset``.

    Args:
        scale: non-negative factors, a scalar or one per channel.
        offset: real offsets of the same shape.
        alpha: step of the output, above 0.
        beta: bias of the output.
        half: false for the 1-bit signed output alone.
        where: name of the site for error messages.

    Raises:
        InputError: alpha is not positive, a scale is negative, or a constant does not fit.
    """
    scales = np.atleast_1d(np.asarray(scale, dtype=np.float64))
    offsets = np.atleast_1d(np.asarray(offset, dtype=np.float64))
    if not alpha > 0:
        raise InputError(f"{where}: alpha is {alpha}; it must be above 0, train the model again")
    if (scales < 0).any():
        raise InputError(f"{where}: a scale is negative; fold its sign into the weights first")
    shifted = (offsets - beta) / alpha + (0.5 if half else 0.0)
    return affine(scales / alpha, shifted, where)


def softmax_scale(step: float, where: str) -> tuple[int, int]:
    """Return (Ms, ns): ``step`` is the real value of one unit of score difference.

    Raises:
        InputError: Ms in [2^14, 2^15) would need ns outside [1, 40].
    """
    factor = step * LOG2_E * 64.0
    if not (math.isfinite(factor) and factor > 0):
        raise InputError(f"{where}: score step {step} is not positive; train the model again")
    for shift in range(1, MAX_SHIFT + 1):
        M = math.floor(factor * 2.0**shift + 0.5)
        if 1 << 14 <= M < 1 << 15:
            return M, shift
    raise InputError(f"{where}: score step {step:.3g} is outside what 16 bits express")


def softmax_reciprocal(alpha: float, where: str) -> tuple[int, int]:
    """Return (Kp, np) with Kp = round(2^np / alpha) in [2^38, 2^39).

    Raises:
        InputError: alpha is not positive or needs a shift outside [1, 46].
    """
    if not (math.isfinite(alpha) and alpha > 0):
        raise InputError(f"{where}: alpha is {alpha}; it must be above 0, train the model again")
    for shift in range(1, 47):
        K = math.floor(2.0**shift / alpha + 0.5)
        if 1 << 38 <= K < 1 << 39:
            return K, shift
    raise InputError(f"{where}: alpha {alpha:.3g} is outside [2^-38, 2^8)")


def fraction_bits(largest: float, headroom: float = 1.5) -> int:
    """Return the largest f in [0, 15] for which ``largest * headroom`` fits int16 at step 2^-f.

    Raises:
        InputError: even f = 0 saturates.
    """
    for f in range(15, -1, -1):
        if largest * headroom * 2.0**f <= 32767:
            return f
    raise InputError(f"values up to {largest:.3g} exceed the 16-bit residual stream")


def layernorm_epsilon(eps: float, width: int, frac_bits: int) -> int:
    """Return E = max(1, round(eps * d^2 * 4^f)), added to d^2 times the variance."""
    return max(1, int(round_half_up(eps * width * width * 4.0**frac_bits)))
