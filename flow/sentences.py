# SPDX-License-Identifier: Apache-2.0
"""The held-out sentences of a run as an engine takes them: token ids without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batflow.hls.program import EncoderProgram
from batflow.quant.data import read_dataset
from batflow.quant.tokens import WordPiece

from .run_folder import RunFolder
from .verify import Int64, Sentence


@dataclass(frozen=True)
class HeldOut:
    """Test sentences, their text, and their answers (class numbers, or scores)."""

    sentences: list[Sentence]
    texts: list[tuple[str, str | None]]
    targets: list[int | float]
    regression: bool


def held_out(run: RunFolder, program: EncoderProgram, count: int) -> HeldOut:
    """Return the first ``count`` sentences of the test split (all when there are fewer)."""
    dataset = read_dataset(run.path)
    examples = dataset.split("test")[:count]
    tokenizer = WordPiece(program.vocab, lower_case=bool(program.meta.get("lower_case", True)))
    pairs = [example.text_b or "" for example in examples] if dataset.pairs else None
    batch = tokenizer.encode([example.text_a for example in examples], pairs, program.shape.max_len)
    return HeldOut(
        [
            Sentence(tuple(ids[:length].tolist()), tuple(types[:length].tolist()))
            for ids, types, length in zip(batch.input_ids, batch.token_type_ids, batch.lengths(), strict=True)
        ],
        [(example.text_a, example.text_b) for example in examples],
        [example.label for example in examples],
        dataset.regression,
    )


def padded(sentences: Sequence[Sentence], width: int) -> tuple[Int64, Int64, Int64]:
    """Return ids, types and mask, int64 [n, width], padded with zeros."""
    ids, types, mask = (np.zeros((len(sentences), width), dtype=np.int64) for _ in range(3))
    for row, sentence in enumerate(sentences):
        length = len(sentence.ids)
        ids[row, :length], types[row, :length], mask[row, :length] = sentence.ids, sentence.types, 1
    return ids, types, mask


def score(logits: Int64, held: HeldOut) -> float:
    """Accuracy in percent, or 100 times Pearson's r for scores, of integer logits [n, classes]."""
    targets: npt.NDArray[np.float64] = np.asarray(held.targets, dtype=np.float64)
    if not held.regression:
        return 100.0 * float(np.mean(logits.argmax(axis=1) == targets))
    predicted = logits[:, 0].astype(np.float64)
    if predicted.std() == 0 or targets.std() == 0:
        return 0.0
    return 100.0 * float(np.corrcoef(predicted, targets)[0, 1])
