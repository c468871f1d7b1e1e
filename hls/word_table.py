# SPDX-License-Identifier: Apache-2.0
"""The word table as the host stores it: int16, or row-wise int8 or signs (docs/numerics.md, ours)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import FormatError

from .packing import Int64, unpack_bits

WORD_KINDS = ("int16", "int8", "binary")
INT8_LIMIT = 127
MAX_SHIFT = 15


def row_scale(values: Int64, scale: Int64, shift: int) -> Int64:
    """``(values * scale + half) >> shift`` of values [..., d] and one scale for each row [...]."""
    rounded: Int64 = (values * scale[..., None] + ((1 << shift) >> 1)) >> shift
    return rounded


@dataclass(frozen=True)
class WordTable:
    """Rows of ``width`` d, one for each token.

    ``values``: int16 [V, d]; int8 [V, d] in [-127, 127]; binary uint64 [V, words], bit 1 is +1, packed
    as weights are. ``scale`` int16 [V], not negative, empty for int16; ``shift`` 0 to 15, 0 for binary.
    """

    kind: str
    values: npt.NDArray[Any]
    scale: npt.NDArray[np.int16]
    shift: int
    width: int

    @property
    def vocabulary(self) -> int:
        """Number of rows V."""
        return len(self.values)

    def rows(self, ids: Int64) -> Int64:
        """Rows int64 [..., d] of token ids [...]."""
        if self.kind == "binary":
            values = 2 * unpack_bits(self.values[ids], self.width).astype(np.int64) - 1
        else:
            values = self.values[ids].astype(np.int64)
        if self.kind == "int16":
            return values
        return row_scale(values, self.scale[ids].astype(np.int64), self.shift)

    def check(self, source: object, vocabulary: int) -> None:
        """Check the storage against its kind, ``vocabulary`` rows and 16 bits; ``source`` is a file's name.

        Raises:
            FormatError: naming the array, what it is and what it should be.
        """
        if self.kind not in WORD_KINDS:
            raise FormatError(
                f"{source}: embed.word is of kind {self.kind!r}; known: {', '.join(WORD_KINDS)}; export again"
            )
        words, compact = -(-self.width // 64), self.kind != "int16"
        columns, dtype = (words, np.uint64) if self.kind == "binary" else (self.width, np.dtype(self.kind))
        expected = (
            ("embed.word", self.values, np.dtype(dtype), (vocabulary, columns)),
            ("embed.word.scale", self.scale, np.dtype(np.int16), (vocabulary,) if compact else (0,)),
        )
        for name, array, wanted, shape in expected:
            if array.dtype != wanted or array.shape != shape:
                raise FormatError(
                    f"{source}: {name} is {array.dtype} {array.shape}, not {wanted} {shape}; export again"
                )
        if compact:
            self._check_range(source)

    def _check_range(self, source: object) -> None:
        if not 0 <= self.shift <= (0 if self.kind == "binary" else MAX_SHIFT):
            raise FormatError(f"{source}: embed.word has shift {self.shift}, out of range; export again")
        largest = int(np.abs(self.values.astype(np.int64)).max()) if self.kind == "int8" else 1
        if largest > INT8_LIMIT:
            raise FormatError(
                f"{source}: embed.word holds {-largest}; int8 rows hold -127 to 127; export again"
            )
        reach = int(
            row_scale(np.array([largest]), self.scale.max(initial=0).astype(np.int64)[None], self.shift)[0, 0]
        )
        if self.scale.min(initial=0) < 0 or reach > 32767:
            raise FormatError(
                f"{source}: embed.word.scale lies in [{self.scale.min()}, {self.scale.max()}], which passes "
                "16 bits or is negative; export again"
            )


def plain_words(values: npt.NDArray[np.int16]) -> WordTable:
    """The int16 table ``values`` [V, d]."""
    return WordTable("int16", values, np.zeros(0, np.int16), 0, values.shape[1])
