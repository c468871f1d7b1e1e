# SPDX-License-Identifier: Apache-2.0
"""Noise and attacks on embeddings: nothing at level 0, inside the ball, and in the right direction."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from batflow.errors import InputError
from batflow.quant.batches import Batch, Split
from batflow.quant.robustness import (
    FloatSubject,
    IntegerSubject,
    Perturbation,
    embedding_rms,
    fgsm,
    gaussian,
    perturbed_logits,
    pgd,
    radius,
    random_signs,
    robustness_score,
)
from batflow.quant.teacher import TeacherClassifier
from batflow.quant.training import predict, score

from .models import tiny_config, tiny_pretrained, tiny_split, tiny_student

Make = Callable[[float, float, int], Perturbation]
KINDS: dict[str, Make] = {
    "gaussian": gaussian,
    "random_signs": random_signs,
    "fgsm": lambda level, rms, seed: fgsm(level, rms),
    "pgd": lambda level, rms, seed: pgd(level, rms, seed, 3),
}


@functools.cache
def subjects(seed: int = 0) -> tuple[IntegerSubject, FloatSubject, Split, float]:
    integer, split = IntegerSubject(tiny_student(seed)), tiny_split(80, seed=3)
    teacher = TeacherClassifier(tiny_config(), tiny_pretrained(seed=seed)).eval()
    return integer, FloatSubject(teacher, integer.step), split, embedding_rms(integer, split)


def deltas(subject: FloatSubject, split: Split, perturbation: Perturbation) -> list[tuple[Batch, Tensor]]:
    return [(batch, perturbation(subject, batch)) for _, batch in split.in_order()]


def mean_loss(subject: FloatSubject, split: Split, perturbation: Perturbation) -> float:
    pairs = deltas(subject, split, perturbation)
    return float(torch.cat([subject.slope(batch, delta)[0] for batch, delta in pairs]).mean())


def integer_loss(subject: IntegerSubject, split: Split, perturbation: Perturbation) -> float:
    """Cross entropy of the deployed integers, from their real values."""
    logits = perturbed_logits(subject, split, perturbation).double()
    real = logits / 2.0**subject.deployed.constants.frac_bits_logits
    return float(torch.nn.functional.cross_entropy(real, split.targets))


@pytest.mark.parametrize("kind", KINDS)
def test_level_zero_is_the_clean_model(kind: str) -> None:
    integer, teacher, split, rms = subjects()
    clean = integer.deployed.constants
    found = perturbed_logits(integer, split, KINDS[kind](0.0, rms, 1))
    wanted = tiny_student().deploy().logits(split.ids, split.types, split.mask)
    assert clean.config.classes == found.shape[1] and torch.equal(found, wanted)
    assert score(found.double(), split.targets) == score(wanted.double(), split.targets)
    found = perturbed_logits(teacher, split, KINDS[kind](0.0, rms, 1))
    assert torch.equal(found, predict(teacher.model, split))


@pytest.mark.parametrize("kind", KINDS)
def test_a_level_changes_logits_and_a_seed_decides_them(kind: str) -> None:
    for subject in subjects()[:2]:
        _, _, split, rms = subjects()
        clean = perturbed_logits(subject, split, gaussian(0.0, rms, 1))
        first, second, other = (
            perturbed_logits(subject, split, KINDS[kind](0.3, rms, seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(first, second) and not torch.equal(first, clean)
        assert torch.equal(first, other) == (kind == "fgsm")


def test_more_noise_changes_more() -> None:
    integer, _, split, rms = subjects()
    clean = perturbed_logits(integer, split, gaussian(0.0, rms, 1))
    moved = [
        float((perturbed_logits(integer, split, gaussian(sigma, rms, 1)) - clean).abs().double().mean())
        for sigma in (0.01, 0.1, 1.0)
    ]
    assert 0 < moved[0] < moved[1] < moved[2]


def test_the_rms_is_over_true_tokens() -> None:
    integer, _, split, rms = subjects()
    c = integer.deployed.constants
    squares = []
    for ids, types, mask in zip(split.ids.tolist(), split.types.tolist(), split.mask.tolist(), strict=True):
        for at in range(sum(mask)):
            x = c.word.rows(ids[at]) + c.position[at] + c.kind[types[at]]
            squares.append((x.astype(np.float64) ** 2).mean())
    assert rms == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-12)


def test_gaussian_noise_has_its_size_and_is_rounded_on_the_table_step() -> None:
    integer, _, split, rms = subjects()
    batch = split.take(torch.arange(64))
    noise = gaussian(0.5, rms, 4)(integer, batch)
    assert float(noise.std()) == pytest.approx(0.5 * rms, rel=0.03)
    rounded = torch.from_numpy(np.floor(noise.numpy() + 0.5)).long()
    assert torch.equal(integer.logits(batch, noise), integer.deployed.logits_with(batch, rounded))


def test_the_perturbed_sum_saturates_at_16_bits() -> None:
    integer, _, split, _ = subjects()
    batch = split.take(torch.arange(8))
    x = integer.deployed.embedding_sum(batch)
    far, top = torch.full_like(x, 200_000), 32767 - x
    assert torch.equal(integer.deployed.logits_with(batch, far), integer.deployed.logits_with(batch, top))


@pytest.mark.parametrize("seed", range(4))
def test_attacks_stay_inside_the_ball_and_on_whole_steps(seed: int) -> None:
    integer, teacher, split, rms = subjects()
    for subject in (integer, teacher):
        for level in (0.01, 0.2):
            bound = radius(level, rms)
            for make in (KINDS["fgsm"], KINDS["pgd"], KINDS["random_signs"]):
                for _, delta in deltas(subject, split, make(level, rms, seed)):
                    assert float(delta.abs().max()) <= bound
                    assert torch.equal(delta.float(), delta.float().round())


@pytest.mark.parametrize("name", ["integer", "teacher"])
def test_attacks_raise_the_loss_and_blind_signs_do_not(name: str) -> None:
    rises: dict[str, list[float]] = {kind: [] for kind in ("random_signs", "fgsm", "pgd")}
    for seed in range(4):
        integer, teacher, split, rms = subjects(seed)
        subject = integer if name == "integer" else teacher
        clean = mean_loss(subject, split, gaussian(0.0, rms, 1))
        for kind, found in rises.items():
            found.append(mean_loss(subject, split, KINDS[kind](0.1, rms, seed)) - clean)
    means = {kind: float(np.mean(values)) for kind, values in rises.items()}
    assert means["fgsm"] > 0 and means["pgd"] > means["fgsm"]
    assert abs(means["random_signs"]) < 0.3 * means["fgsm"]


def test_attacks_reach_the_deployed_integers() -> None:
    """Gradients are the student's; the loss that must rise is that of the exact integers."""
    rises = []
    for seed in range(4):
        integer, _, split, rms = subjects(seed)
        clean = integer_loss(integer, split, gaussian(0.0, rms, 1))
        rises.append(integer_loss(integer, split, fgsm(0.1, rms)) - clean)
    assert float(np.mean(rises)) > 0


def test_descending_the_gradient_lowers_the_loss() -> None:
    """Negative control of the direction: the opposite step helps."""
    integer, _, split, rms = subjects()
    attack = fgsm(0.1, rms)
    clean = mean_loss(integer, split, gaussian(0.0, rms, 1))
    assert mean_loss(integer, split, lambda s, b: -attack(s, b)) < clean


def test_pgd_keeps_the_worst_point_it_met() -> None:
    integer, _, split, rms = subjects()
    batch = split.take(torch.arange(32))
    met: list[Tensor] = []

    class Watched(IntegerSubject):
        def slope(self, batch: Batch, delta: Tensor) -> tuple[Tensor, Tensor]:
            losses, gradient = super().slope(batch, delta)
            met.append(losses)
            return losses, gradient

    watched = Watched(tiny_student())
    delta = pgd(0.3, rms, 1, 5)(watched, batch)
    assert len(met) == 6
    assert torch.equal(integer.slope(batch, delta)[0], torch.stack(met).amax(0))


def test_the_gradient_of_the_teacher_is_the_finite_difference() -> None:
    _, shared, split, _ = subjects()
    teacher = FloatSubject(copy.deepcopy(shared.model).double(), shared.step)
    for name in ("word", "position", "kind"):
        setattr(teacher.model.embeddings, name, getattr(teacher.model.embeddings, name).double())
    batch = split.take(torch.arange(4))
    zero = torch.zeros(*batch.ids.shape, 16)
    _, gradient = teacher.slope(batch, zero)
    for place in ((0, 0, 3), (1, 1, 7), (3, 0, 15)):
        nudge = zero.clone()
        nudge[place] = 1.0
        up, down = teacher.slope(batch, nudge)[0].sum(), teacher.slope(batch, -nudge)[0].sum()
        assert float((up - down) / 2) == pytest.approx(float(gradient[place]), rel=1e-3, abs=1e-9)


def test_a_hook_is_gone_after_an_error() -> None:
    _, teacher, split, _ = subjects()
    batch = split.take(torch.arange(4))
    before = teacher.logits(batch, torch.zeros(1))
    with pytest.raises(RuntimeError):
        teacher.logits(batch, torch.zeros(3, 5, 7))
    assert torch.equal(teacher.logits(batch, torch.zeros(1)), before)


def test_regression_is_attacked_by_its_squared_error() -> None:
    subject = IntegerSubject(tiny_student(classes=1, regression=True))
    split = tiny_split(40, regression=True)
    rms = embedding_rms(subject, split)
    clean = mean_loss(subject, split, gaussian(0.0, rms, 1))
    assert mean_loss(subject, split, fgsm(0.1, rms)) > clean


def test_the_score_is_clean_without_perturbation_and_falls_with_it() -> None:
    student, split = tiny_student(), tiny_split(80, seed=3)
    student_is_right = student.deploy().logits(split.ids, split.types, split.mask).argmax(1)
    easy = Split(split.ids, split.types, split.mask, student_is_right)
    assert robustness_score(student, easy, sigmas=(0.0,), flip_rates=(0.0,), seeds=(1,)) == 100.0
    mild = robustness_score(student, easy, sigmas=(0.05,), flip_rates=(0.001,))
    harsh = robustness_score(student, easy, sigmas=(2.0,), flip_rates=(0.3,))
    assert 0 <= harsh < mild <= 100
    assert robustness_score(student, easy) == robustness_score(student, easy)


@pytest.mark.parametrize("level", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", KINDS)
def test_bad_levels(kind: str, level: float) -> None:
    with pytest.raises(InputError, match="sigma or epsilon"):
        KINDS[kind](level, 100.0, 1)


def test_bad_settings() -> None:
    student, split = tiny_student(), tiny_split()
    with pytest.raises(InputError, match="at least one sigma"):
        robustness_score(student, split, sigmas=(), flip_rates=())
    with pytest.raises(InputError, match="one seed"):
        robustness_score(student, split, seeds=())
    with pytest.raises(InputError, match="PGD has 0 steps"):
        pgd(0.1, 100.0, 1, 0)
