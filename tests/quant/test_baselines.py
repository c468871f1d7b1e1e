# SPDX-License-Identifier: Apache-2.0
"""Baselines of activations: values by hand, gradients, training, and that nothing makes integers of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from batflow.errors import InputError
from batflow.quant.baselines import MinMaxQuant, RuntimeMinQuant
from batflow.quant.brevitas_bridge import activation_site, elastic_of
from batflow.quant.calibration import calibrate_quantizers, calibrate_residual
from batflow.quant.checkpoint import load_student, save_student
from batflow.quant.classifier import BmtClassifier
from batflow.quant.config import SITES, UNSIGNED_SITES
from batflow.quant.constants import build_constants
from batflow.quant.distillation import label_loss
from batflow.quant.quantizers import ElasticQuant
from batflow.quant.rounding import Rounding
from batflow.quant.teacher import TeacherClassifier
from batflow.quant.training import Trainer, TrainSettings, predict, score

from .models import tiny_config, tiny_pretrained, tiny_split

BASELINES = {"bit_runtime_min": RuntimeMinQuant, "minmax_dynamic": MinMaxQuant}


def runtime_min(bits: int, signed: bool, alpha: float) -> RuntimeMinQuant:
    quant = RuntimeMinQuant(bits, signed, free_beta=False)
    with torch.no_grad():
        quant.alpha.fill_(alpha)
    return quant


def student(kind: str, **changes: object) -> BmtClassifier:
    torch.manual_seed(0)
    config, pretrained = tiny_config(activation=kind, **changes), tiny_pretrained()
    model = BmtClassifier(config, pretrained)
    model.start_from(TeacherClassifier(config, pretrained))
    calibrate_quantizers(model, tiny_split())
    return model


def test_runtime_minimum_by_hand() -> None:
    # m = 0.25, alpha 0.5: (x - m) / alpha = 0, 0.75, 1.5, 4; ties go up; 4 is clipped to 3.
    x = torch.tensor([0.25, 0.625, 1.0, 2.25])
    out = runtime_min(2, False, 0.5).quantize(x)
    assert out.tolist() == [0.25, 0.75, 1.25, 1.75]
    # ReLU comes first, so the minimum of a tensor with a negative value is 0.
    out = runtime_min(2, False, 0.5).quantize(torch.tensor([-7.0, 0.25, 0.5, 1.0]))
    assert out.tolist() == [0.0, 0.5, 0.5, 1.0]


def test_the_minimum_is_that_of_the_tensor_at_hand() -> None:
    """What makes it no hardware quantizer: a sentence's values depend on its neighbours."""
    quant = runtime_min(4, False, 0.25)
    alone, other = torch.tensor([[0.6, 0.9]]), torch.tensor([[0.2, 3.0]])
    together = quant.quantize(torch.cat([alone, other]))[:1]
    assert not torch.equal(quant.quantize(alone), together)
    elastic = ElasticQuant(4, False, free_beta=False)
    assert torch.equal(elastic.quantize(alone), elastic.quantize(torch.cat([alone, other]))[:1])


@pytest.mark.parametrize(("bits", "signed"), [(1, True), (1, False), (2, True), (4, True), (8, True)])
def test_elsewhere_it_is_the_elastic_quantizer(bits: int, signed: bool) -> None:
    torch.manual_seed(bits)
    x = torch.randn(300)
    ours, theirs = ElasticQuant(bits, signed, free_beta=True), RuntimeMinQuant(bits, signed, free_beta=True)
    values = []
    for quant in (ours, theirs):
        quant.fit(x)
        given = x.clone().requires_grad_()
        value = quant.quantize(given)
        (value * x).sum().backward()  # type: ignore[no-untyped-call]
        assert quant.alpha.grad is not None and quant.beta.grad is not None
        values.append((value.detach(), given.grad, quant.alpha.grad, quant.beta.grad))
    assert all(torch.equal(a, b) for a, b in zip(*values, strict=True))  # type: ignore[arg-type]


def surrogate(x: Tensor, alpha: Tensor, anchor: tuple[Tensor, Tensor], high: int) -> Tensor:
    """The straight-through reading: inside the range rounding adds a constant, the minimum is one too."""
    x0, alpha0 = anchor
    low = torch.relu(x0).min()
    t0 = (torch.relu(x0) - low) / alpha0
    q0 = (t0 + 0.5).floor().clamp(0, high)
    inside = (t0 >= 0) & (t0 <= high)
    return alpha * torch.where(inside, (torch.relu(x) - low) / alpha + (q0 - t0), q0) + low


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_runtime_minimum_gradients_equal_finite_differences(bits: int) -> None:
    torch.manual_seed(bits)
    quant = runtime_min(bits, False, 0.3).double()
    x = torch.randn(120, dtype=torch.float64) * 0.2 * 2**bits
    weight = torch.randn(120, dtype=torch.float64)
    given = x.clone().requires_grad_()
    (quant.quantize(given) * weight).sum().backward()  # type: ignore[no-untyped-call]
    step, anchor = 1e-6, (x, quant.alpha.detach().clone())

    def moved(at: Tensor, alpha: Tensor) -> float:
        return float((surrogate(at, alpha, anchor, quant.hi) * weight).sum())

    pair = [moved(x, anchor[1] + sign * step) for sign in (1, -1)]
    assert quant.alpha.grad is not None and given.grad is not None
    expected = (pair[0] - pair[1]) / (2 * step) / math.sqrt(120 * quant.hi)
    assert float(quant.alpha.grad) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    for index in range(0, 120, 7):
        shift = torch.zeros_like(x)
        shift[index] = step
        pair = [moved(x + sign * shift, anchor[1]) for sign in (1, -1)]
        assert float(given.grad[index]) == pytest.approx((pair[0] - pair[1]) / (2 * step), rel=1e-5, abs=1e-6)


def test_minmax_by_hand() -> None:
    # Range -1 to 2 in 4 levels: -1, 0, 1, 2; the tie 0.5 goes up.
    out = MinMaxQuant(2, True, free_beta=True).quantize(torch.tensor([-1.0, -0.6, 0.5, 1.4, 2.0]))
    assert out.tolist() == [-1.0, -1.0, 1.0, 1.0, 2.0]
    out = MinMaxQuant(2, False, free_beta=False).quantize(torch.tensor([-5.0, 1.0, 1.4, 3.0]))
    assert out.tolist() == [0.0, 1.0, 1.0, 3.0]
    for bits in range(1, 9):
        x = torch.linspace(-3, 5, 5001)
        assert len(MinMaxQuant(bits, True, free_beta=False).quantize(x).unique()) == 2**bits


@pytest.mark.parametrize("value", [0.0, 2.5, -2.5])
def test_minmax_of_equal_values(value: float) -> None:
    x = torch.full((3, 4), value)
    assert torch.equal(MinMaxQuant(4, True, free_beta=False).quantize(x), x)
    assert torch.equal(MinMaxQuant(4, False, free_beta=False).quantize(x), x.clamp(min=0))


def test_minmax_is_straight_through() -> None:
    x = torch.randn(50, requires_grad=True)
    weight = torch.randn(50)
    quant = MinMaxQuant(2, True, free_beta=True)
    (quant.quantize(x) * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and torch.equal(x.grad, weight)
    unsigned = x.detach().clone().requires_grad_()
    (MinMaxQuant(2, False, free_beta=False).quantize(unsigned) * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert unsigned.grad is not None and torch.equal(unsigned.grad, weight * (x.detach() > 0))
    assert not any(p.requires_grad for p in quant.parameters())


@pytest.mark.parametrize("kind", BASELINES)
def test_every_site_gets_the_baseline(kind: str) -> None:
    config = tiny_config(activation=kind)
    for site in SITES:
        quant = elastic_of(activation_site(config, site))
        assert type(quant) is BASELINES[kind] and quant.signed == (site not in UNSIGNED_SITES)
    assert type(elastic_of(activation_site(tiny_config(), "q"))) is ElasticQuant


@pytest.mark.parametrize("kind", BASELINES)
@pytest.mark.parametrize("bits", [1, 4])
def test_a_baseline_trains_and_is_saved(tmp_path: Path, kind: str, bits: int) -> None:
    model, split = student(kind, bits=bits), tiny_split(96)
    before = [p.detach().clone() for p in model.parameters() if p.requires_grad]
    history = Trainer(model, label_loss, TrainSettings(epochs=4, learning_rate=3e-3)).run(split, split)
    assert history[-1]["loss"] < history[0]["loss"]
    after = [p.detach() for p in model.parameters() if p.requires_grad]
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    save_student(model.eval(), tmp_path / "s.npz", tiny_pretrained().source)
    again, _, header = load_student(tmp_path / "s.npz", tiny_pretrained())
    assert header["config"]["activation"] == kind and again.frac_bits == []
    assert torch.equal(predict(again, split), predict(model, split))
    assert 0 <= score(predict(again, split), split.targets) <= 100


def test_at_one_bit_bits_model_is_the_elastic_one() -> None:
    """BiT takes no minimum at 1 bit, and both clip at 0: the whole model is the same, bit for bit."""
    split = tiny_split()
    assert torch.equal(
        predict(student("elastic", bits=1), split), predict(student("bit_runtime_min", bits=1), split)
    )
    assert not torch.equal(
        predict(student("elastic", bits=1), split), predict(student("minmax_dynamic", bits=1), split)
    )


@pytest.mark.parametrize("kind", BASELINES)
def test_nothing_makes_integers_of_a_baseline(kind: str) -> None:
    model, split = student(kind), tiny_split()
    ids, types, mask = split.ids[:2], split.types[:2], split.mask[:2]
    for refused in (
        lambda: model.deploy(),
        lambda: build_constants(model),
        lambda: calibrate_residual(model, split),
        lambda: Rounding(model).forward(model, ids, types, mask),
    ):
        with pytest.raises(InputError, match=f"'{kind}' is a baseline.*take 'elastic'") as caught:
            refused()
        assert "\n" not in str(caught.value) and "activation=elastic" in str(caught.value)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(InputError, match=r"activation.*'elastic', 'bit_runtime_min' or 'minmax_dynamic'"):
        tiny_config(activation="lsq")
