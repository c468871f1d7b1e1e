# SPDX-License-Identifier: Apache-2.0
"""Quantized matrix multiply (QMM): exact integer products."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..packing import Int64

EXACT_FLOAT64 = 1 << 53


def matmul(left: Int64, right: Int64 | npt.NDArray[np.float64]) -> Int64:
    """left [.., m, k] times right [.., k, n], exactly.

    Float64 products are exact while every partial sum stays below 2^53, which holds for operands
    of at most 16 bits and k below 2^21; they are some fifty times faster than int64 ones.

    Raises:
        OverflowError: the operands are too large for the guarantee.
    """
    bound = float(np.abs(left).max(initial=0)) * float(np.abs(right).max(initial=0)) * left.shape[-1]
    if bound >= EXACT_FLOAT64:
        raise OverflowError(f"products up to {bound:.3g} pass 2^53; the program is not one of ours")
    product: npt.NDArray[np.float64] = left.astype(np.float64) @ right.astype(np.float64)
    return np.rint(product).astype(np.int64)
