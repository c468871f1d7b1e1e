# SPDX-License-Identifier: Apache-2.0
"""WordPiece tokenizer equal to BERT's, in pure Python. Source: BERT's tokenization.

Basic tokenizer (control characters, CJK, lower case, accents, punctuation), then greedy
longest match over the vocabulary. It agrees with the ``tokenizers`` library on every character
of Unicode 8; that library does not know later ones, Python does (some 500 marks of rare scripts).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batflow.errors import FormatError, InputError

LONGEST_WORD = 100
"""Characters; a longer word becomes [UNK], as in BERT."""
SPECIAL = ("[UNK]", "[CLS]", "[SEP]")
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True)
class Encoding:
    """``ids`` and ``types`` of equal length; ``unknown`` counts the [UNK] among them.

    ``truncated`` counts the word pieces that were cut off.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...]
    unknown: int
    truncated: int


def _is_whitespace(char: str) -> bool:
    return char in "\t\n\r" or char.isspace()


def _is_control(char: str) -> bool:
    # Cn is no control here: tokenizers keeps characters that are not assigned.
    return char not in "\t\n\r" and unicodedata.category(char) in ("Cc", "Cf", "Co")


def _is_punctuation(char: str) -> bool:
    code = ord(char)
    ascii_mark = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_mark or unicodedata.category(char).startswith("P")


def _is_cjk(char: str) -> bool:
    code = ord(char)
    return any(low <= code <= high for low, high in _CJK)


def _clean(text: str) -> str:
    """Drop control characters, make all white space a space, set CJK characters apart."""
    out: list[str] = []
    for char in text:
        if char in "\0�" or _is_control(char):
            continue
        if _is_whitespace(char):
            out.append(" ")
        elif _is_cjk(char):
            out.append(f" {char} ")
        else:
            out.append(char)
    return "".join(out)


def _strip_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def basic_tokens(text: str, lower_case: bool = True) -> list[str]:
    """Words and single punctuation marks of ``text``."""
    text = _clean(text)
    if lower_case:
        # Character by character: no context rules, as a final sigma would have.
        text = "".join(char.lower() for char in _strip_accents(text))
    return [token for word in text.split() for token in _split_punctuation(word)]


def _split_punctuation(word: str) -> Iterator[str]:
    start = 0
    for index, char in enumerate(word):
        if _is_punctuation(char):
            if index > start:
                yield word[start:index]
            yield char
            start = index + 1
    if start < len(word):
        yield word[start:]


class Tokenizer:
    """WordPiece over ``vocab``, whose index is the token id.

    Raises:
        FormatError: the vocabulary lacks [UNK], [CLS] or [SEP].
    """

    def __init__(self, vocab: Sequence[str], lower_case: bool = True) -> None:
        self.lower_case = lower_case
        self._ids = {token: index for index, token in enumerate(vocab)}
        missing = [token for token in SPECIAL if token not in self._ids]
        if missing:
            raise FormatError(f"the vocabulary lacks {', '.join(missing)}; export the model again")
        self.unk, self.cls, self.sep = (self._ids[token] for token in SPECIAL)

    def pieces(self, text: str) -> list[int]:
        """Word piece ids of ``text`` without special tokens."""
        words = basic_tokens(text, self.lower_case)
        return [piece for word in words for piece in self._word(word)]

    def _word(self, word: str) -> list[int]:
        if len(word) > LONGEST_WORD:
            return [self.unk]
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(prefix + word[start:end])
                if piece is not None:
                    break
            else:
                return [self.unk]
            found.append(piece)
            start = end
        return found

    def encode(self, text: str, pair: str | None = None, max_len: int | None = None) -> Encoding:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP] with types 0 and 1.

        Longer than ``max_len``: the end of the text is cut, of a pair the end of the longer one first.

        Raises:
            InputError: a text that is not a string or has no token, or no room for one.
        """
        texts = (text,) if pair is None else (text, pair)
        parts = [self._checked(part) for part in texts]
        cut = _truncate(parts, max_len)
        ids, types = [self.cls], [0]
        for kind, part in enumerate(parts):
            ids += [*part, self.sep]
            types += [kind] * (len(part) + 1)
        return Encoding(tuple(ids), tuple(types), ids.count(self.unk), cut)

    def _checked(self, text: str) -> list[int]:
        if not isinstance(text, str):
            raise InputError(f"text must be a string; got {type(text).__name__}")
        pieces = self.pieces(text)
        if not pieces:
            raise InputError(f"the text {text[:40]!r} holds no token; give at least one word")
        return pieces


def _truncate(parts: list[list[int]], max_len: int | None) -> int:
    """Cut ``parts`` so that they fit with their special tokens; returns how many were cut."""
    if max_len is None:
        return 0
    room = max_len - 1 - len(parts)
    if room < len(parts):
        raise InputError(f"max_len {max_len} leaves no room for text; give at least {2 * len(parts) + 1}")
    cut = max(sum(map(len, parts)) - room, 0)
    if cut and len(parts) == 1:
        del parts[0][room:]
    elif cut:
        # As tokenizers' longest_first: the shorter keeps at most half, the longer the rest.
        shorter, longer = sorted(parts, key=len)
        del shorter[room // 2 :]
        del longer[room - len(shorter) :]
    return cut
