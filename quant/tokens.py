# SPDX-License-Identifier: Apache-2.0
"""Text to token numbers: BERT's WordPiece, through the ``tokenizers`` library.

Normalisation is BERT's: control characters dropped, CJK characters set apart and, for an uncased
vocabulary, lower case with accents stripped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batflow.errors import FormatError, InputError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


@dataclass(frozen=True)
class TokenBatch:
    """Tokens of N texts padded to L: three int64 arrays [N, L], and how many texts were cut."""

    input_ids: npt.NDArray[np.int64]
    token_type_ids: npt.NDArray[np.int64]
    attention_mask: npt.NDArray[np.int64]
    truncated: int

    def __len__(self) -> int:
        return len(self.input_ids)

    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the true length of each text, [N]."""
        lengths: npt.NDArray[np.int64] = self.attention_mask.sum(axis=1)
        return lengths


class WordPiece:
    """A WordPiece tokenizer over a vocabulary list (token number = position in the list)."""

    def __init__(self, vocab: Sequence[str], *, lower_case: bool = True) -> None:
        from tokenizers.implementations import BertWordPieceTokenizer

        index = {token: number for number, token in enumerate(vocab)}
        if len(index) != len(vocab):
            raise FormatError(f"the vocabulary repeats {len(vocab) - len(index)} tokens; repair vocab.txt")
        missing = [token for token in SPECIAL if token not in index]
        if missing:
            raise FormatError(f"the vocabulary lacks {', '.join(missing)}; give a BERT vocab.txt")
        self.pad_id = index["[PAD]"]
        self._tokenizer = BertWordPieceTokenizer(
            vocab=index, handle_chinese_chars=True, strip_accents=lower_case, lowercase=lower_case
        )

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, max_len: int = 128
    ) -> TokenBatch:
        """Encode texts, or text pairs, as ``[CLS] a [SEP]`` or ``[CLS] a [SEP] b [SEP]``.

        Longer ones lose tokens from the end of the longer part first.

        Raises:
            InputError: ``max_len`` leaves no room for text, or the numbers of texts differ.
        """
        least = 3 if pairs is None else 5
        if max_len < least:
            raise InputError(f"max_len {max_len} leaves no room for text; give at least {least}")
        if pairs is not None and len(pairs) != len(texts):
            raise InputError(f"{len(texts)} first texts but {len(pairs)} second ones; give one each")
        self._tokenizer.enable_truncation(max_len, strategy="longest_first")
        self._tokenizer.enable_padding(length=max_len, pad_id=self.pad_id, pad_token="[PAD]")
        inputs = list(texts) if pairs is None else list(zip(texts, pairs, strict=True))
        encodings = self._tokenizer.encode_batch(inputs)
        return TokenBatch(
            _table([encoding.ids for encoding in encodings], max_len),
            _table([encoding.type_ids for encoding in encodings], max_len),
            _table([encoding.attention_mask for encoding in encodings], max_len),
            sum(bool(encoding.overflowing) for encoding in encodings),
        )


def _table(rows: list[list[int]], width: int) -> npt.NDArray[np.int64]:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)
