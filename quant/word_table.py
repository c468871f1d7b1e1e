# SPDX-License-Identifier: Apache-2.0
"""Word embeddings as the host stores them: int16, or row-wise int8 or signs (docs/numerics.md).

The row-wise scale is TernaryBERT's and BiT's; its exact integer form is ours. It is made from
integers alone, so that every machine makes the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import EmbeddingKind

INT8_LIMIT = 127
SCALE_LIMIT = 1 << 15
MAX_SHIFT = 15

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class WordTable:
    """Rows ``x = (values * scale + half) >> shift`` on the common int16 step; int16 rows are ``values``.

    ``values`` [V, d]: int16, or int8 in [-127, 127], or int8 of -1 and +1 (binary). ``scale`` int16
    [V], not negative; empty for int16.
    """

    kind: EmbeddingKind
    values: NDArray[Any]
    scale: NDArray[np.int16]
    shift: int

    def rows(self, ids: Any) -> IntArray:
        """Return x int64 [..., d] of row numbers [...], or of a slice."""
        values: IntArray = self.values[ids].astype(np.int64)
        if self.kind == "int16":
            return values
        product = values * self.scale[ids].astype(np.int64)[..., None]
        rounded: IntArray = (product + ((1 << self.shift) >> 1)) >> self.shift
        return rounded


def store_words(table: IntArray, kind: EmbeddingKind) -> WordTable:
    """Return ``table`` [V, d], integers on the int16 step, in the storage ``kind``.

    int8: per row ``m = round(max|x| * 2^s / 127)`` and ``q = round(x * 2^s / m)``, s the largest up to
    15 for which every m is below 2^15. binary: signs around the row's mean, and the mean distance
    from it: what is left out, one constant per row, LayerNorm removes.
    """
    if kind == "int16":
        return WordTable(kind, table.astype(np.int16), np.zeros(0, np.int16), 0)
    return _signs(table) if kind == "binary" else _bytes(table)


def _signs(table: IntArray) -> WordTable:
    width = table.shape[1]
    centred = width * table - table.sum(1, keepdims=True)
    distance = np.abs(centred).sum(1)
    scale = (2 * distance + width * width) // (2 * width * width)
    return WordTable("binary", np.where(centred >= 0, 1, -1).astype(np.int8), scale.astype(np.int16), 0)


def _bytes(table: IntArray) -> WordTable:
    largest = np.abs(table).max(1)
    for shift in range(MAX_SHIFT, -1, -1):
        scale = ((largest << (shift + 1)) + INT8_LIMIT) // (2 * INT8_LIMIT)
        if scale.max() < SCALE_LIMIT:
            break
    # A row of zeros has scale 0: any divisor gives its q = 0.
    divisor = np.maximum(scale, 1)[:, None]
    values = ((table << (shift + 1)) + divisor) // (2 * divisor)
    limited = np.clip(values, -INT8_LIMIT, INT8_LIMIT).astype(np.int8)
    return WordTable("int8", limited, scale.astype(np.int16), shift)
