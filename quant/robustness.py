# SPDX-License-Identifier: Apache-2.0
"""Perturbed embeddings: Gaussian noise, random signs, FGSM and PGD (docs/robustness.md).

Every perturbation is a tensor in steps of the embedding tables, added to the sum of the three table
rows before the embedding's LayerNorm. Sources: Gaussian noise on embeddings from the BMT summary,
FGSM of Goodfellow et al. 2015, PGD of Madry et al. 2018; the integer forms are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from batflow.errors import InputError

from .batches import Batch, Split
from .classifier import BmtClassifier
from .constants import ModelConstants, build_constants
from .deploy import IntegerModel
from .faults import flip_weights, integer_logits, logits_of
from .layernorm import sat16
from .teacher import TeacherClassifier
from .training import score

PGD_STEPS = 7
PGD_REACH = 2.5
"""The steps of PGD together span this many radii, so that it can cross the ball (Madry et al.)."""

SCORE_SIGMAS, SCORE_RATES, SCORE_SEEDS = (0.2, 0.5, 1.0), (0.01, 0.1), (1, 2, 3)
"""The conditions of :func:`robustness_score`: from nearly harmless to plainly harmful."""

GAUSSIAN_STREAM, SIGN_STREAM, PGD_STREAM = 1, 2, 3


class PerturbedModel(IntegerModel):
    """Deploy mode with ``sat16(X + delta)`` in place of the embedding sum X."""

    _delta: Tensor

    def _embedding_sum(self, ids: Tensor, types: Tensor) -> Tensor:
        return sat16(super()._embedding_sum(ids, types) + self._delta)

    def embedding_sum(self, batch: Batch) -> Tensor:
        """Return the clean X, int64 [B, L, d]."""
        return super()._embedding_sum(batch.ids, batch.types)

    def logits_with(self, batch: Batch, delta: Tensor) -> Tensor:
        """Return the integer logits for ``delta`` int64 [B, L, d]."""
        self._delta = delta
        return self.logits(batch.ids, batch.types, batch.mask)


class FloatSubject:
    """A float model under test: it answers and gives gradients itself.

    Args:
        model: in evaluation mode.
        step: real value of one table step.
    """

    name = "teacher"

    def __init__(self, model: BmtClassifier | TeacherClassifier, step: float) -> None:
        self.model, self.step = model, step

    def _shifted(self, batch: Batch, delta: Tensor) -> Tensor:
        def shift(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (inputs[0] + (delta * self.step).to(inputs[0].dtype),)

        handle = self.model.embeddings.norm.register_forward_pre_hook(shift)
        try:
            logits: Tensor = self.model(batch.ids, batch.types, batch.mask)[0]
        finally:
            handle.remove()
        return logits

    @torch.no_grad()
    def logits(self, batch: Batch, delta: Tensor) -> Tensor:
        """Return logits [B, classes] for ``delta`` [B, L, d] in table steps."""
        return self._shifted(batch, delta)

    def slope(self, batch: Batch, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Return (loss of each sentence [B], its gradient by ``delta`` [B, L, d]).

        The loss is the cross entropy of the true label, or the squared error of a regression.
        """
        point = delta.float().clone().requires_grad_()
        logits = self._shifted(batch, point)
        if batch.targets.is_floating_point():
            losses = (logits[:, 0] - batch.targets).square()
        else:
            losses = nn.functional.cross_entropy(logits, batch.targets, reduction="none")
        (gradient,) = torch.autograd.grad(losses.sum(), point)
        return losses.detach(), gradient


class IntegerSubject(FloatSubject):
    """The deployed integers; gradients come from the student's straight-through estimators."""

    name = "integer"

    def __init__(self, student: BmtClassifier, constants: ModelConstants | None = None) -> None:
        super().__init__(student, 2.0**-student.embeddings.frac_bits)
        self.deployed = PerturbedModel(build_constants(student) if constants is None else constants)

    @torch.no_grad()
    def logits(self, batch: Batch, delta: Tensor) -> Tensor:
        """Return integer logits [B, classes] for ``delta`` rounded to whole table steps."""
        return self.deployed.logits_with(batch, (delta.double() + 0.5).floor().long())


Perturbation = Callable[[FloatSubject, Batch], Tensor]
"""Maps (subject, batch) to delta [B, L, d] in table steps. One object serves one pass over a split."""


def embedding_rms(subject: IntegerSubject, split: Split) -> float:
    """Return R: the root mean square of X over the true tokens of ``split``, in table steps."""
    total, count = 0.0, 0
    for _, batch in split.in_order():
        x = subject.deployed.embedding_sum(batch)[batch.mask].double()
        total, count = total + float(x.square().sum()), count + x.numel()
    return math.sqrt(total / count)


def amount(level: float, rms: float) -> float:
    """Return ``level * rms``.

    Raises:
        InputError: the level is negative or not finite.
    """
    if not (math.isfinite(level) and level >= 0):
        raise InputError(f"sigma or epsilon is {level}; give a finite number of at least 0")
    return level * rms


def _width(subject: FloatSubject, batch: Batch) -> tuple[int, ...]:
    return (*batch.ids.shape, subject.model.config.hidden)


def gaussian(level: float, rms: float, seed: int) -> Perturbation:
    """``delta = sigma * R * z``, z standard normal: one draw of ``seed`` for every sigma."""
    scale, rng = amount(level, rms), np.random.default_rng([seed, GAUSSIAN_STREAM])
    return lambda subject, batch: scale * torch.from_numpy(rng.standard_normal(_width(subject, batch)))


def radius(level: float, rms: float) -> int:
    """Return E = floor(epsilon * R), the ball's radius in whole table steps."""
    return math.floor(amount(level, rms))


def random_signs(level: float, rms: float, seed: int) -> Perturbation:
    """``delta = E * s`` with random signs: the control of FGSM, as large but blind."""
    bound, rng = radius(level, rms), np.random.default_rng([seed, SIGN_STREAM])
    return lambda subject, batch: torch.from_numpy(bound * rng.choice([-1, 1], _width(subject, batch)))


def fgsm(level: float, rms: float) -> Perturbation:
    """``delta = E * sign(gradient at 0)``, sign(0) = 0."""
    bound = radius(level, rms)

    def perturbation(subject: FloatSubject, batch: Batch) -> Tensor:
        _, gradient = subject.slope(batch, torch.zeros(_width(subject, batch)))
        return bound * gradient.sign()

    return perturbation


def pgd(level: float, rms: float, seed: int, steps: int = PGD_STEPS) -> Perturbation:
    """PGD from a random start: ``delta <- clip(delta + A * sign(gradient), -E, E)``, all integers.

    ``A = max(1, floor(2.5 * E / steps + 1/2))``. Each sentence keeps the point of the largest loss
    that was met, the start included.

    Raises:
        InputError: no step at all.
    """
    if steps < 1:
        raise InputError(f"PGD has {steps} steps; give at least 1")
    bound, rng = radius(level, rms), np.random.default_rng([seed, PGD_STREAM])
    length = max(1, math.floor(PGD_REACH * bound / steps + 0.5))

    def perturbation(subject: FloatSubject, batch: Batch) -> Tensor:
        start = rng.integers(-bound, bound + 1, _width(subject, batch))
        delta = torch.from_numpy(start.astype(np.float32))
        best, top = delta, torch.full((len(delta),), -math.inf)
        for _ in range(steps):
            losses, gradient = subject.slope(batch, delta)
            best, top = _larger(best, top, delta, losses)
            delta = (delta + length * gradient.sign()).clamp(-bound, bound)
        losses, _ = subject.slope(batch, delta)
        return _larger(best, top, delta, losses)[0]

    return perturbation


def _larger(best: Tensor, top: Tensor, delta: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
    """Return (points, losses) of the larger loss, sentence by sentence."""
    wins = losses > top
    return torch.where(wins[:, None, None], delta, best), torch.where(wins, losses, top)


def perturbed_logits(subject: FloatSubject, split: Split, perturbation: Perturbation) -> Tensor:
    """Return the subject's logits [N, classes] under ``perturbation``, in the order of ``split``."""
    return logits_of(split, lambda batch: subject.logits(batch, perturbation(subject, batch)))


def robustness_score(
    student: BmtClassifier,
    split: Split,
    *,
    sigmas: Sequence[float] = SCORE_SIGMAS,
    flip_rates: Sequence[float] = SCORE_RATES,
    seeds: Sequence[int] = SCORE_SEEDS,
) -> float:
    """Return the mean score in percent of the integer model under noise and flipped weight bits.

    The mean runs over every (sigma, seed) and (rate, seed); larger is better. It is absolute, not
    relative to the clean score: a model that has learned nothing would keep 100 % of it.

    Raises:
        InputError: no condition, no seed, or a level outside its range.
    """
    if not seeds or not (sigmas or flip_rates):
        raise InputError("the robustness score needs at least one sigma or flip rate, and one seed")
    constants = build_constants(student)
    subject = IntegerSubject(student, constants)
    rms = embedding_rms(subject, split)
    values = [
        score(perturbed_logits(subject, split, gaussian(sigma, rms, seed)), split.targets)
        for sigma in sigmas
        for seed in seeds
    ]
    for rate in flip_rates:
        for seed in seeds:
            model = IntegerModel(flip_weights(constants, rate, seed))
            values.append(score(integer_logits(model, split), split.targets))
    return sum(values) / len(values)
