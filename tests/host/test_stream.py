# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.host.stream import pack, sequence_bytes, unpack

D = 8


def rows(lengths: list[int]) -> list[tuple[int, np.ndarray]]:
    rng = np.random.default_rng(len(lengths))
    return [
        (10 + i, rng.integers(-32768, 32768, size=(n, D)).astype(np.int16)) for i, n in enumerate(lengths)
    ]


def test_round_trip_in_any_order() -> None:
    sent = rows([1, 5, 3])
    expected = [(tag, len(h)) for tag, h in sent]
    data = pack(sent)
    assert len(data) == sum(sequence_bytes(n, D) for n in (1, 5, 3))
    assert data[:16] == bytes([10, 0, 0, 0, 1, 0, 0, 0]) + bytes(8)
    for order in (sent, sent[::-1]):
        found = unpack(pack(order), expected, D)
        for tag, h in sent:
            assert np.array_equal(found[tag], h)
            assert found[tag].flags.writeable


def test_what_does_not_fit_is_named() -> None:
    sent = rows([2, 2])
    data, expected = pack(sent), [(10, 2), (11, 2)]
    half = len(data) // 2
    cases = [
        (data[:-2], "short transfer: tag 11 lacks 2 bytes"),
        (data[: half + 8], "8 bytes where a header was due"),
        (data[:half], "1 of 2 sequences"),
        (b"", "0 of 2 sequences"),
        (data[:half] * 2, "tag 10 of 2 tokens, which was not asked"),
        (pack(rows([2, 3])), "tag 11 of 3 tokens"),
    ]
    for bad, text in cases:
        with pytest.raises(EngineError, match=text):
            unpack(bad, expected, D)
