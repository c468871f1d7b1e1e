# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from typing import Any

import pytest

from batflow.errors import FormatError, InputError
from batflow.host.text import Tokenizer, basic_tokens

ASCII = [chr(code) for code in range(0x21, 0x7F)]
WORDS = [
    "the",
    "cat",
    "who",
    "discovered",
    "radium",
    "in",
    "1898",
    "un",
    "##able",
    "##ly",
    "##s",
    "café",
    "naïve",
    "cafe",
    "naive",
    "東",
    "京",
    "ß",
    "straße",
    "##ße",
    "é",
    "e",
    "σ",
    "ς",
    "ο",
    "δ",
    "υ",
    "ι",
    "don",
    "'",
    "t",
    "New",
    "York",
    "new",
    "york",
    "##ork",
    "ä",
    "ü",
    "##ü",
]
VOCAB = list(
    dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ASCII, *[f"##{c}" for c in ASCII], *WORDS])
)
SENTENCES = [
    "Who discovered radium in 1898?",
    "What's the un-ableS'  cafe\u0301 naïve — don't!",
    "東京 is the capital of 日本, 2.5 km away",
    "ΟΔΥΣΣΕΥΣ İstanbul STRASSE straße",
    "tabs\tand\nnewlines\r\nand\u00a0nbsp\u3000wide\u200bzero\u200dwidth",
    "control\x00\x01\x7f\ufffd chars \u00ad soft",
    "x" * 100 + " " + "y" * 101,
    "a_b^c`d$e~f|g<h>i=j+k",
    "emoji \U0001f600\U0001f469\u200d\U0001f4bb and \U00020000 rare",
    "e\u0301\u0323 \u1e69 \u212b \uac00 \u0cc6\u0cc2",
    "\u0378unassigned \ue000private",
]


def library(lower: bool, limit: int | None = None) -> Any:
    tokenizers = pytest.importorskip("tokenizers", reason="the tokenizers library is not installed")
    vocab = {word: index for index, word in enumerate(VOCAB)}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocab, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    if limit is not None:
        made.enable_truncation(limit, strategy="longest_first")
    return made


def random_text(rng: random.Random) -> str:
    words: list[str] = []
    for _ in range(rng.randint(1, 12)):
        pool = rng.choice([WORDS, ASCII, ["\u0301", "\u00c5", "\u4e00", "\u0130", "\u03a3", "\u200b", "é"]])
        words.append("".join(rng.choice(pool) for _ in range(rng.randint(1, 4))).replace("##", ""))
    return rng.choice([" ", "", "  ", "-"]).join(words)


@pytest.mark.parametrize("lower", [True, False])
def test_equals_the_library_on_sentences(lower: bool) -> None:
    theirs, ours = library(lower), Tokenizer(VOCAB, lower)
    rng = random.Random(4)
    for text in SENTENCES + [random_text(rng) for _ in range(1500)]:
        wanted = theirs.encode(text).ids
        if len(wanted) == 2:
            continue
        got = ours.encode(text)
        assert list(got.ids) == wanted, text
        assert got.unknown == wanted.count(1)


@pytest.mark.parametrize("lower", [True, False])
def test_equals_the_library_on_every_character_of_the_first_planes(lower: bool) -> None:
    theirs, ours = library(lower), Tokenizer(VOCAB, lower)
    later = []
    for code in [*range(1, 0x3100), *range(0x3100, 0xD800, 37), *range(0xF900, 0x10000), 0x1F600, 0x20001]:
        text = f"a{chr(code)}b"
        if list(ours.encode(text).ids) != theirs.encode(text).ids:
            later.append(code)
    # Marks that Unicode 9 and later added or recategorised; see host/text.py.
    assert len(later) < 150
    assert min(later) == 0x61D if not lower else min(later) >= 0x61D
    assert not [code for code in later if 0x1E00 <= code < 0x2E43 and not 0x1DF6 <= code < 0x1E00]


def test_equals_the_library_on_pairs_and_truncation() -> None:
    rng = random.Random(8)
    ours = Tokenizer(VOCAB)
    for limit in (5, 6, 7, 12, 33):
        theirs = library(True, limit)
        for _ in range(150):
            text, pair = random_text(rng) + " cat", random_text(rng) + " who"
            wanted, got = theirs.encode(text, pair), ours.encode(text, pair, limit)
            assert (list(got.ids), list(got.types)) == (wanted.ids, wanted.type_ids), (text, pair, limit)
            assert list(ours.encode(text, max_len=limit).ids) == theirs.encode(text).ids


def test_truncation_counts_what_it_cuts() -> None:
    got = Tokenizer(VOCAB).encode("the cat the cat the", max_len=5)
    assert (got.truncated, len(got.ids)) == (2, 5)
    assert Tokenizer(VOCAB).encode("the cat").truncated == 0


def test_greedy_longest_match_and_unknown() -> None:
    ours = Tokenizer(VOCAB)
    ids = [VOCAB.index(token) for token in ("un", "##able", "##ly")]
    assert ours.pieces("UNABLELY") == ids
    assert ours.pieces("un\u4e01able") == [ids[0], 1, *ours.pieces("able")]
    assert ours.pieces("y" * 101) == [1]


def test_basic_tokens() -> None:
    assert basic_tokens("Crème-brûlée, OK") == ["creme", "-", "brulee", ",", "ok"]
    assert basic_tokens("Crème OK", lower_case=False) == ["Crème", "OK"]


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b", "\x00", None, 7, b"bytes"])
def test_text_without_a_token(text: object) -> None:
    with pytest.raises(InputError):
        Tokenizer(VOCAB).encode(text)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Tokenizer(VOCAB).encode("cat", text if text is not None else "")  # type: ignore[arg-type]


def test_no_room() -> None:
    with pytest.raises(InputError, match="max_len 2"):
        Tokenizer(VOCAB).encode("cat", max_len=2)
    with pytest.raises(InputError, match="max_len 4"):
        Tokenizer(VOCAB).encode("cat", "who", max_len=4)


def test_vocabulary_without_specials() -> None:
    with pytest.raises(FormatError, match=r"\[SEP\]"):
        Tokenizer(["[UNK]", "[CLS]", "cat"])
