# SPDX-License-Identifier: Apache-2.0
"""The accelerator's stream form: a 16-byte header, then l rows of d int16 (docs/contracts.md)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from batflow.errors import EngineError

from .program import Int16

HEADER = struct.Struct("<IIQ")


def sequence_bytes(length: int, hidden: int) -> int:
    """Bytes of one sequence in the stream."""
    return HEADER.size + 2 * length * hidden


def pack(sequences: Sequence[tuple[int, Int16]]) -> bytes:
    """Stream bytes of (tag, h int16 [l, d]) pairs."""
    parts: list[bytes] = []
    for tag, h in sequences:
        parts += [HEADER.pack(tag, len(h), 0), np.ascontiguousarray(h, dtype="<i2").tobytes()]
    return b"".join(parts)


def unpack(data: bytes, expected: Sequence[tuple[int, int]], hidden: int) -> dict[int, Int16]:
    """Read ``data`` back to {tag: h int16 [l, d]}; sequences may come in another order.

    ``expected`` lists the (tag, length) pairs that were sent.

    Raises:
        EngineError: a short transfer, an unknown tag, or another length than was sent.
    """
    lengths = dict(expected)
    found: dict[int, Int16] = {}
    at = 0
    while at < len(data):
        if at + HEADER.size > len(data):
            raise EngineError(f"short transfer: {len(data) - at} bytes where a header was due; reset()")
        tag, length, _ = HEADER.unpack_from(data, at)
        if lengths.get(tag) != length or tag in found:
            raise EngineError(
                f"the engine answered tag {tag} of {length} tokens, which was not asked; reset()"
            )
        start, at = at + HEADER.size, at + sequence_bytes(length, hidden)
        if at > len(data):
            raise EngineError(f"short transfer: tag {tag} lacks {at - len(data)} bytes; reset()")
        rows = np.frombuffer(data, dtype="<i2", count=length * hidden, offset=start)
        found[tag] = rows.reshape(length, hidden).astype(np.int16)
    if len(found) != len(lengths):
        raise EngineError(f"the engine answered {len(found)} of {len(lengths)} sequences; reset()")
    return found
