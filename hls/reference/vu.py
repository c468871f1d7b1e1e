# SPDX-License-Identifier: Apache-2.0
"""Vector unit (VU): the saturating residual addition (docs/numerics.md, "Residual")."""

from __future__ import annotations

import numpy as np

from ..packing import Int64
from .qu import dyadic_sum

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1


def sat16(values: Int64) -> tuple[Int64, int]:
    """Saturate to int16; return the values and how many were changed."""
    clipped = np.clip(values, INT16_MIN, INT16_MAX)
    return clipped, int(np.count_nonzero(clipped != values))


def residual(h: Int64, accs: list[Int64], M: Int64, C: Int64, shift: int) -> tuple[Int64, int]:
    """r = sat16(h + ((sum acc * M + C) >> shift)) over [.., d]; returns (r, saturations)."""
    return sat16(h + dyadic_sum(accs, M, C, shift))
