# SPDX-License-Identifier: Apache-2.0
"""Packing of binary and ternary weights into 64-bit words (docs/contracts.md, ours)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

Int64 = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
WeightKind = Literal["binary", "ternary", "wtws"]

KINDS: tuple[WeightKind, ...] = ("binary", "ternary", "wtws")
BLOCK_ROWS = 16
"""Rows (outputs) that an image and a QMM weight stream keep together."""


def pack_bits(bits: npt.NDArray[np.bool_]) -> Words:
    """Pack booleans along the last axis: bit i is bit i % 64 of word i // 64; unused bits are 0."""
    length = bits.shape[-1]
    pad = -length % 64
    padded = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, pad)])
    return np.packbits(padded, axis=-1, bitorder="little").view("<u8").astype(np.uint64)


def unpack_bits(words: Words, length: int) -> npt.NDArray[np.bool_]:
    """Return the first ``length`` bits of each packed row; inverse of :func:`pack_bits`."""
    data = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    return np.unpackbits(data, axis=-1, bitorder="little", count=length).astype(np.bool_)


def pack_weights(parts: list[Int64], kind: WeightKind) -> Words:
    """Pack weight matrices [out, in] of one product into planes [planes, out, words].

    ``parts`` holds one matrix (binary, ternary) or two (wtws).

    Raises:
        InputError: a value outside the kind's alphabet, or the wrong number of matrices.
    """
    expected = 2 if kind == "wtws" else 1
    if len(parts) != expected:
        raise InputError(f"{kind} weights take {expected} matrices; {len(parts)} were given")
    allowed = (-1, 0, 1) if kind == "ternary" else (-1, 1)
    for part in parts:
        if not np.isin(part, allowed).all():
            odd = part[~np.isin(part, allowed)].flat[0]
            raise InputError(f"{kind} weights may hold {allowed}; found {odd}; export the model again")
    if kind == "ternary":
        return np.stack([pack_bits(parts[0] > 0), pack_bits(parts[0] < 0)])
    return np.stack([pack_bits(part > 0) for part in parts])


def unpack_weights(words: Words, kind: WeightKind, inputs: int) -> list[Int64]:
    """Return the weight matrices [out, in] of packed planes; inverse of :func:`pack_weights`."""
    planes = [unpack_bits(plane, inputs).astype(np.int64) for plane in words]
    if kind == "ternary":
        return [planes[0] - planes[1]]
    return [2 * plane - 1 for plane in planes]


def pack_blocks(planes: Words) -> Words:
    """Bring packed planes [planes, rows, words] into image order [blocks, planes, words, 16 rows].

    Rows are padded with zero rows to whole blocks; row r is entry r % 16 of block r // 16. A beat of a
    QMM weight stream is a run of neighbouring entries of the last axis.
    """
    count, rows, words = planes.shape
    padded = np.pad(planes, ((0, 0), (0, -rows % BLOCK_ROWS), (0, 0)))
    blocks = padded.reshape(count, -1, BLOCK_ROWS, words).transpose(1, 0, 3, 2)
    return np.ascontiguousarray(blocks)
