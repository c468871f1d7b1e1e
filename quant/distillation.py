# SPDX-License-Identifier: Apache-2.0
"""Losses: labels for the teacher; logits and hidden states of the teacher for the student."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .batches import Batch
from .teacher_outputs import TeacherOutputs
from .training import Loss


def label_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross entropy, or mean squared error for float targets."""
    logits, _ = model(batch.ids, batch.types, batch.mask)
    if batch.targets.is_floating_point():
        return nn.functional.mse_loss(logits[:, 0], batch.targets)
    return nn.functional.cross_entropy(logits, batch.targets)


def hidden_loss(student: list[Tensor], teacher: list[Tensor], mask: Tensor) -> Tensor:
    """Mean over layers of the squared error on true tokens; states are [B, L, d]."""
    weight = mask[:, :, None].to(student[0].dtype)
    count = weight.sum() * student[0].shape[-1]
    terms = [((s - t).square() * weight).sum() / count for s, t in zip(student, teacher, strict=True)]
    return torch.stack(terms).mean()


def distillation_loss(
    teacher: nn.Module, hidden_weight: float = 1.0, kept: TeacherOutputs | None = None
) -> Loss:
    """Return the loss of the student: soft cross entropy to the teacher plus hidden states.

    The teacher is frozen by this call. With one output (regression) the squared error to the
    teacher's output takes the place of the cross entropy. ``kept`` holds the outputs of this
    teacher for every sentence of the training split; without it they are computed in each step.
    """
    teacher.eval().requires_grad_(False)

    def loss(student: nn.Module, batch: Batch) -> Tensor:
        with torch.no_grad():
            if kept is None:
                target, target_states = teacher(batch.ids, batch.types, batch.mask)
            else:
                target, target_states = kept.lookup(batch)
        logits, states = student(batch.ids, batch.types, batch.mask)
        if logits.shape[1] == 1:
            soft = nn.functional.mse_loss(logits, target)
        else:
            soft = nn.functional.cross_entropy(logits, target.softmax(-1))
        return soft + hidden_weight * hidden_loss(states, target_states, batch.mask)

    return loss
