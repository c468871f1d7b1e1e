# SPDX-License-Identifier: Apache-2.0
"""The word table on the host: int16, or row-wise int8 or signs (docs/numerics.md). numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import FormatError

Int64 = npt.NDArray[np.int64]

KINDS = ("int16", "int8", "binary")
MAX_SHIFT = 15


@dataclass(frozen=True)
class WordTable:
    """Rows of ``width`` values, one for each token, expanded when they are read.

    ``values``: int16 [V, d]; int8 [V, d]; binary uint64 [V, words], bit i of a row in word i // 64, 1 is
    +1. ``scale`` int16 [V], empty for int16; row = ``(values * scale + half) >> shift``.
    """

    kind: str
    values: npt.NDArray[Any]
    scale: npt.NDArray[np.int16]
    shift: int
    width: int

    def __len__(self) -> int:
        """Size of the vocabulary."""
        return len(self.values)

    def rows(self, ids: Int64) -> Int64:
        """Rows int64 [l, d] of token ids [l]."""
        stored = self.values[ids]
        if self.kind == "int16":
            return stored.astype(np.int64)
        if self.kind == "binary":
            octets = np.ascontiguousarray(stored, dtype="<u8").view(np.uint8)
            bits = np.unpackbits(octets, axis=-1, bitorder="little", count=self.width)
            values = 2 * bits.astype(np.int64) - 1
        else:
            values = stored.astype(np.int64)
        return _scaled(values, self.scale[ids].astype(np.int64)[:, None], self.shift)


def _scaled(values: Int64, scale: Int64, shift: int) -> Int64:
    rounded: Int64 = (values * scale + ((1 << shift) >> 1)) >> shift
    return rounded


def read_words(folder: object, document: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> WordTable:
    """Return the word table of a program; :func:`check_words` then checks it.

    Raises:
        FormatError: a kind that this host does not know.
        KeyError, TypeError, ValueError: an entry is absent or of a wrong type.
    """
    stored = document.get("embed_word", {"kind": "int16", "shift": 0})
    kind, shift = stored["kind"], int(stored["shift"])
    if kind not in KINDS:
        raise FormatError(
            f"{folder}: embed.word is of kind {kind!r}; this host reads {', '.join(KINDS)}; lower again"
        )
    scale = np.zeros(0, np.int16) if kind == "int16" else arrays["embed.word.scale"]
    return WordTable(kind, arrays["embed.word"], scale, shift, int(document["shape"]["hidden"]))


def check_words(folder: object, words: WordTable, vocabulary: int) -> None:
    """Check the arrays of a word table, so that reading rows cannot fail or leave 16 bits.

    Raises:
        FormatError: naming the array, what it is and what it should be.
    """
    columns = -(-words.width // 64) if words.kind == "binary" else words.width
    dtype: np.dtype[Any] = np.dtype(np.uint64 if words.kind == "binary" else words.kind)
    expected: list[tuple[str, npt.NDArray[Any], np.dtype[Any], tuple[int, ...]]] = [
        ("embed.word", words.values, dtype, (vocabulary, columns))
    ]
    if words.kind != "int16":
        expected.append(("embed.word.scale", words.scale, np.dtype(np.int16), (vocabulary,)))
    for name, array, wanted, shape in expected:
        if array.dtype != wanted or array.shape != shape:
            raise FormatError(
                f"{folder}: {name} is {array.dtype} {array.shape}, not {wanted} {shape}; lower again"
            )
    if words.kind == "int16":
        return
    largest = 1 if words.kind == "binary" else int(np.abs(words.values.astype(np.int64)).max())
    scale, shift = int(words.scale.max()), words.shift
    fits = 0 <= shift <= MAX_SHIFT and words.scale.min() >= 0 and largest <= 127
    if not fits or (largest * scale + ((1 << shift) >> 1)) >> shift > 32767:
        raise FormatError(
            f"{folder}: embed.word reaches {largest} * {scale} >> {shift}, which is no table of 16 bits;"
            " lower again"
        )
