# SPDX-License-Identifier: Apache-2.0
"""Tokenized splits as tensors, and length-bucketed batches in a seeded order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from batflow.errors import InputError

from .dataset import Example
from .tokens import WordPiece

BUCKET_BATCHES = 16


@dataclass(frozen=True)
class Batch:
    """``ids``, ``types`` int64 and ``mask`` bool [B, L]; ``targets`` [B] int64 or float32.

    ``rows`` int64 [B] says which sentences of its split these are.
    """

    ids: Tensor
    types: Tensor
    mask: Tensor
    targets: Tensor
    rows: Tensor


@dataclass(frozen=True)
class Split:
    """All sentences of a split, padded to max_len: tensors as in :class:`Batch`, N rows."""

    ids: Tensor
    types: Tensor
    mask: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def take(self, rows: Tensor) -> Batch:
        """Return the given rows cut to the longest true length among them."""
        mask = self.mask[rows]
        longest = int(mask.sum(1).max())
        return Batch(
            self.ids[rows, :longest],
            self.types[rows, :longest],
            mask[:, :longest],
            self.targets[rows],
            rows,
        )

    def in_order(self, size: int = 64) -> Iterator[tuple[Tensor, Batch]]:
        """Yield (rows, batch) over all sentences, shortest first: little padding."""
        order = torch.argsort(self.mask.sum(1), stable=True)
        for rows in torch.split(order, size):
            yield rows, self.take(rows)

    def shuffled(self, size: int, seed: int, epoch: int) -> list[Tensor]:
        """Return the row sets of one epoch; the order depends on seed and epoch alone."""
        rng = np.random.default_rng([seed, epoch])
        lengths = self.mask.sum(1).numpy()
        order = rng.permutation(len(self))
        batches: list[Tensor] = []
        for start in range(0, len(order), size * BUCKET_BATCHES):
            bucket = order[start : start + size * BUCKET_BATCHES]
            bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
            batches += list(torch.split(torch.from_numpy(bucket), size))
        return [batches[index] for index in rng.permutation(len(batches))]


def make_split(
    examples: Sequence[Example], tokenizer: WordPiece, max_len: int, *, regression: bool = False
) -> Split:
    """Tokenize ``examples`` to a :class:`Split` of width ``max_len``.

    Raises:
        InputError: there is no example.
    """
    if not examples:
        raise InputError("a split without examples cannot be used; give at least one")
    pairs = [e.text_b or "" for e in examples] if examples[0].text_b is not None else None
    tokens = tokenizer.encode([e.text_a for e in examples], pairs, max_len)
    return Split(
        torch.from_numpy(tokens.input_ids),
        torch.from_numpy(tokens.token_type_ids),
        torch.from_numpy(tokens.attention_mask).bool(),
        torch.tensor([e.label for e in examples], dtype=torch.float32 if regression else torch.int64),
    )


def with_text(split: Split, further: Sequence[Split]) -> Split:
    """Return ``split`` with the sentences of ``further`` behind its own; their targets are 0.

    For distillation, which reads the teacher's outputs in place of targets.
    """
    parts = [split, *further]
    silent = [torch.zeros_like(other.targets, dtype=split.targets.dtype) for other in further]
    return Split(
        torch.cat([part.ids for part in parts]),
        torch.cat([part.types for part in parts]),
        torch.cat([part.mask for part in parts]),
        torch.cat([split.targets, *silent]),
    )
