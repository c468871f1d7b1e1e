# SPDX-License-Identifier: Apache-2.0
"""Losses: labels for the teacher; logits, hidden states, attention of the teacher for the student."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from batflow.errors import InputError

from .batches import Batch
from .encoder import QuantLayer
from .teacher import TeacherLayer
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


def attention_loss(student: list[Tensor], teacher: list[Tensor], mask: Tensor) -> Tensor:
    """Mean over layers and heads of the squared error of attention scores between true tokens.

    Scores are [B, H, L, L] before the softmax, ``mask`` [B, L] (TernaryBERT, BinaryBERT).
    """
    pairs = (mask[:, None, :, None] & mask[:, None, None, :]).to(student[0].dtype)
    count = pairs.sum() * student[0].shape[1]
    terms = [((s - t).square() * pairs).sum() / count for s, t in zip(student, teacher, strict=True)]
    return torch.stack(terms).mean()


@contextlib.contextmanager
def recorded_scores(model: nn.Module) -> Iterator[list[Tensor]]:
    """Yield a list that fills with the attention scores of each layer while ``model`` runs."""
    layers = [m for m in model.modules() if isinstance(m, (QuantLayer, TeacherLayer))]
    scores: list[Tensor] = []
    for layer in layers:
        layer.recorded = scores
    try:
        yield scores
    finally:
        for layer in layers:
            layer.recorded = None


def distillation_loss(
    teacher: nn.Module,
    hidden_weight: float = 1.0,
    kept: TeacherOutputs | None = None,
    attention_weight: float = 0.0,
) -> Loss:
    """Return the loss of the student: soft cross entropy to the teacher plus hidden states.

    The teacher is frozen by this call. With one output (regression) the squared error to the
    teacher's output takes the place of the cross entropy. ``kept`` holds the outputs of this
    teacher for every sentence of the training split; without it they are computed in each step.
    An ``attention_weight`` above 0 adds the error of the attention scores.

    Raises:
        InputError: ``kept`` together with attention scores, which it does not hold.
    """
    teacher.eval().requires_grad_(False)
    if kept is not None and attention_weight:
        raise InputError("kept teacher outputs hold no attention scores; leave out one of the two")

    def plain(student: nn.Module, batch: Batch) -> Tensor:
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

    def with_attention(student: nn.Module, batch: Batch) -> Tensor:
        with recorded_scores(teacher) as target, recorded_scores(student) as own:
            value = plain(student, batch)
        return value + attention_weight * attention_loss(own, target, batch.mask)

    return with_attention if attention_weight else plain
