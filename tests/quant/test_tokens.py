# SPDX-License-Identifier: Apache-2.0
"""WordPiece on a small vocabulary whose answers can be written down by hand."""

from __future__ import annotations

import numpy as np
import pytest

from batflow.errors import FormatError, InputError
from batflow.quant.tokens import WordPiece

VOCAB = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "cafe",
    "un",
    "##able",
    "##s",
    "a",
    "b",
    "c",
    "d",
    ",",
    "中",
    "Cafe",
]
PAD, UNK, CLS, SEP = range(4)


def ids(text: str, *, lower_case: bool = True, max_len: int = 12) -> list[int]:
    batch = WordPiece(VOCAB, lower_case=lower_case).encode([text], max_len=max_len)
    return batch.input_ids[0, 1 : batch.lengths()[0] - 1].tolist()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("CAFÉ", ["cafe"]),
        ("cafés", ["cafe", "##s"]),
        ("unable", ["un", "##able"]),
        ("a,b", ["a", ",", "b"]),
        ("a中b", ["a", "中", "b"]),
        ("a\u00a0\tb\x00", ["a", "b"]),
        ("zebra a", ["[UNK]", "a"]),
        ("unz", ["[UNK]"]),
        ("", []),
        (" \n", []),
    ],
)
def test_pieces(text: str, tokens: list[str]) -> None:
    assert ids(text) == [VOCAB.index(token) for token in tokens]


def test_cased_keeps_case_and_accents() -> None:
    assert ids("Cafe cafe", lower_case=False) == [VOCAB.index("Cafe"), VOCAB.index("cafe")]
    assert ids("café", lower_case=False) == [UNK]
    assert ids("Cafe") == [VOCAB.index("cafe")]


def test_batch_layout() -> None:
    batch = WordPiece(VOCAB).encode(["a b", "c"], ["d", "a b c"], max_len=8)
    a, b, c, d = (VOCAB.index(token) for token in "abcd")
    expected = [[CLS, a, b, SEP, d, SEP, PAD, PAD], [CLS, c, SEP, a, b, c, SEP, PAD]]
    np.testing.assert_array_equal(batch.input_ids, expected)
    np.testing.assert_array_equal(batch.token_type_ids, [[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0]])
    np.testing.assert_array_equal(batch.attention_mask, np.array(expected) != PAD)
    assert batch.lengths().tolist() == [6, 7] and len(batch) == 2 and batch.truncated == 0
    assert {batch.input_ids.dtype, batch.token_type_ids.dtype, batch.attention_mask.dtype} == {
        np.dtype("int64")
    }


def test_truncation_is_counted_exactly() -> None:
    tokenizer = WordPiece(VOCAB)
    texts = [" ".join("a" * n) for n in range(8)]
    batch = tokenizer.encode(texts, max_len=6)
    assert batch.lengths().tolist() == [2, 3, 4, 5, 6, 6, 6, 6]
    assert batch.truncated == 3
    assert (batch.input_ids[np.arange(8), batch.lengths() - 1] == SEP).all()
    assert tokenizer.encode(texts, max_len=9).truncated == 0


def test_pairs_lose_from_the_longer_part() -> None:
    batch = WordPiece(VOCAB).encode(["a a a a a", "a", "a a"], ["b", "b b b b b b", "b b"], max_len=7)
    kept = [(int((row == 8).sum()), int((row == 9).sum())) for row in batch.input_ids]
    assert kept == [(3, 1), (1, 3), (2, 2)] and batch.truncated == 2


def test_order_of_calls_does_not_matter() -> None:
    tokenizer = WordPiece(VOCAB)
    first = tokenizer.encode(["a b c d"], max_len=8)
    tokenizer.encode(["a"], ["b"], max_len=5)
    np.testing.assert_array_equal(tokenizer.encode(["a b c d"], max_len=8).input_ids, first.input_ids)


def test_no_texts() -> None:
    assert WordPiece(VOCAB).encode([], max_len=5).input_ids.shape == (0, 5)


def test_bad_arguments() -> None:
    tokenizer = WordPiece(VOCAB)
    with pytest.raises(InputError, match="max_len 2 leaves no room for text; give at least 3"):
        tokenizer.encode(["a"], max_len=2)
    with pytest.raises(InputError, match="at least 5"):
        tokenizer.encode(["a"], ["b"], max_len=4)
    with pytest.raises(InputError, match="2 first texts but 1 second"):
        tokenizer.encode(["a", "b"], ["c"], max_len=8)


def test_bad_vocabularies() -> None:
    with pytest.raises(FormatError, match="repeats 1 tokens"):
        WordPiece([*VOCAB, "a"])
    with pytest.raises(FormatError, match=r"lacks \[CLS\]"):
        WordPiece([token for token in VOCAB if token != "[CLS]"])
