# SPDX-License-Identifier: Apache-2.0
"""A teacher's logits and hidden states, computed once for every sentence of a split.

They are equal to those computed in each step up to float rounding, not bit for bit: a sentence is
multiplied in another batch than in training. Training therefore does not use them unless asked.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from batflow.errors import InputError

from .batches import Batch, Split

SENTENCES = 64


class TeacherOutputs:
    """Outputs of ``teacher`` over ``split``, filled at the first look-up.

    Args:
        teacher: maps (ids, types, mask) to (logits [B, C], one state [B, L, d] per layer).
        split: the sentences that batches are taken from.
        folder: where the states lie, in a file that vanishes with this object; None keeps them in
            memory. They take 4 bytes for each true token, layer and hidden unit.
    """

    def __init__(self, teacher: nn.Module, split: Split, folder: Path | None = None) -> None:
        self.teacher, self.split, self.folder = teacher, split, folder
        lengths = split.mask.sum(1)
        self.end = torch.cumsum(lengths, 0)
        self.start = self.end - lengths
        self.logits = torch.empty(0)
        self.states = torch.empty(0)

    def lookup(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Return (logits [B, C], states [B, L, d] with zeros at padding) of a batch of the split.

        Raises:
            InputError: the disk has no room for the states.
        """
        if not len(self.logits):
            self._fill()
        places = self.start[batch.rows, None] + torch.arange(batch.mask.shape[1])
        found = self.states[places[batch.mask]]
        full = found.new_zeros(*batch.mask.shape, *found.shape[1:])
        full[batch.mask] = found
        return self.logits[batch.rows], list(full.unbind(2))

    @torch.no_grad()
    def _fill(self) -> None:
        logits, parts = [], []
        order = torch.argsort(self.split.mask.sum(1), stable=True)
        for rows in torch.split(order, SENTENCES):
            batch = self.split.take(rows)
            answer, states = self.teacher(batch.ids, batch.types, batch.mask)
            logits.append(answer)
            stacked = torch.stack(states, 2)
            if not len(self.states):
                self.states = self._room(int(self.end[-1]), *stacked.shape[2:])
            places = self.start[rows, None] + torch.arange(batch.mask.shape[1])
            self.states[places[batch.mask]] = stacked[batch.mask]
            parts.append(rows)
        joined = torch.cat(logits)
        self.logits = torch.empty_like(joined)
        self.logits[torch.cat(parts)] = joined

    def _room(self, *shape: int) -> Tensor:
        """Return a float32 tensor, in memory or over an unnamed file of the folder."""
        if self.folder is None:
            return torch.empty(shape)
        wanted, free = 4 * int(np.prod(shape)), shutil.disk_usage(self.folder).free
        if wanted > free:
            raise InputError(
                f"the teacher's outputs need {wanted >> 20} MiB and {self.folder} has {free >> 20};"
                " train without keeping them"
            )
        with tempfile.TemporaryFile(dir=self.folder) as handle:
            return torch.from_numpy(np.memmap(handle, np.float32, "w+", shape=shape))
