# SPDX-License-Identifier: Apache-2.0
"""Quantizer values against hand computation; gradients against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from batflow.quant.brevitas_bridge import activation_site, elastic_of, quant_linear, weight_quant_of
from batflow.quant.config import bounds
from batflow.quant.quantizers import MIN_ALPHA, ElasticQuant, WeightQuant, binary_pattern, ternary_pattern

from .models import tiny_config


def elastic(bits: int, signed: bool, alpha: float, beta: float = 0.0) -> ElasticQuant:
    quant = ElasticQuant(bits, signed, free_beta=True)
    with torch.no_grad():
        quant.alpha.fill_(alpha)
        quant.beta.fill_(beta)
    return quant


@pytest.mark.parametrize(
    ("bits", "signed", "given", "expected"),
    [
        (2, True, [-9, -1.25, -0.75, -0.25, 0, 0.25, 9], [-1.0, -1.0, -0.5, 0, 0, 0.5, 0.5]),
        (2, False, [-9, 0.24, 0.25, 0.75, 9], [0, 0, 0.5, 1.0, 1.5]),
        (1, True, [-9, -0.01, 0, 9], [-0.5, -0.5, 0.5, 0.5]),
        (1, False, [-9, 0.24, 0.25, 9], [0, 0, 0.5, 0.5]),
    ],
)
def test_values_by_hand_ties_go_up(
    bits: int, signed: bool, given: list[float], expected: list[float]
) -> None:
    out = elastic(bits, signed, 0.5).quantize(torch.tensor(given))
    assert out.tolist() == expected


def test_half_to_even_would_differ() -> None:
    """Negative control: the rounding of ``torch.round`` is not ours."""
    x = torch.tensor([0.5, 1.5, 2.5, -0.5])
    ours = elastic(4, True, 1.0).quantize(x)
    assert ours.tolist() == [1.0, 2.0, 3.0, 0.0]
    assert ours.tolist() != torch.round(x).tolist()


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [True, False])
def test_levels_of_every_width(bits: int, signed: bool) -> None:
    quant = elastic(bits, signed, 0.25, 0.125)
    x = torch.linspace(-60, 80, 5001)
    low, high = bounds(bits, signed=signed)
    q = quant.integers(x)
    levels = {-1, 1} if bits == 1 and signed else set(range(low, high + 1))
    assert set(q.tolist()) == levels
    assert torch.equal(quant.quantize(x), q * 0.25 + 0.125)


def surrogate(quant: ElasticQuant, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """The straight-through reading: inside the range, rounding adds a constant."""
    t0 = (x - quant.beta.detach()) / quant.alpha.detach()
    q0 = quant.integers(x).to(x.dtype)
    inside = (t0 >= quant.lo) & (t0 <= quant.hi)
    t = (x - beta) / alpha
    q = torch.where(inside, t + (q0 - t0), q0)
    return alpha * q + beta


@pytest.mark.parametrize(
    ("bits", "signed"), [(b, s) for b in (1, 2, 4, 8) for s in (True, False) if (b, s) != (1, True)]
)
def test_gradients_equal_finite_differences(bits: int, signed: bool) -> None:
    torch.manual_seed(bits)
    quant = elastic(bits, signed, 0.3, 0.07).double()
    x = (torch.randn(200, dtype=torch.float64) * 0.3 * (quant.hi + 1)).requires_grad_()
    weight = torch.randn(200, dtype=torch.float64)
    (quant.quantize(x) * weight).sum().backward()  # type: ignore[no-untyped-call]
    scale = 1 / math.sqrt(200 * quant.hi)
    step = 1e-6
    for parameter, index in ((quant.alpha, 0), (quant.beta, 1)):
        pair = [quant.alpha.detach().clone(), quant.beta.detach().clone()]
        values = []
        for sign in (1, -1):
            moved = [p.clone() for p in pair]
            moved[index] += sign * step
            values.append(float((surrogate(quant, x.detach(), *moved) * weight).sum()))
        assert parameter.grad is not None
        expected = (values[0] - values[1]) / (2 * step) * scale
        assert float(parameter.grad) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    t = (x.detach() - 0.07) / 0.3
    inside = (t >= quant.lo) & (t <= quant.hi)
    assert x.grad is not None and torch.equal(x.grad, weight * inside)


def test_bipolar_gradients() -> None:
    quant = elastic(1, True, 0.5, 0.1)
    x = torch.tensor([-2.0, -0.2, 0.1, 0.3, 3.0], requires_grad=True)
    weight = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])
    (quant.quantize(x) * weight).sum().backward()  # type: ignore[no-untyped-call]
    scale = 1 / math.sqrt(5)
    assert x.grad is not None and quant.alpha.grad is not None and quant.beta.grad is not None
    assert x.grad.tolist() == [0, 2, 4, 8, 0]
    assert float(quant.alpha.grad) == pytest.approx((-1 - 2 + 4 + 8 + 16) * scale)
    assert float(quant.beta.grad) == pytest.approx((1 + 16) * scale)


def test_fit_finds_the_step_of_a_grid() -> None:
    quant = ElasticQuant(4, True, free_beta=False)
    grid = torch.arange(-8, 8).repeat(50) * 0.2
    quant.fit(grid)
    assert float((quant.quantize(grid) - grid).square().mean().detach()) < 1e-3
    assert float(quant.beta) == 0.0


def test_alpha_stays_positive() -> None:
    quant = elastic(4, True, -3.0)
    quant.project()
    assert float(quant.alpha.detach()) == pytest.approx(MIN_ALPHA)


def test_beta_is_fixed_where_a_product_needs_it() -> None:
    config = tiny_config()
    free = {site for site in config.bits if elastic_of(activation_site(config, site)).beta.requires_grad}
    assert free == {"attn_in", "ctx", "ffn_in"}


def test_patterns_by_hand() -> None:
    weight = torch.tensor([[0.0, -0.0, 1e-9, -1e-9], [1.0, -2.0, 0.5, -0.1]])
    assert binary_pattern(weight).tolist() == [[1, 1, 1, -1], [1, -1, 1, -1]]
    # Row means of |w| are 5e-10 and 0.9: thresholds 3.5e-10 and 0.63.
    assert ternary_pattern(weight, per_channel=True).tolist() == [[0, 0, 1, -1], [1, -1, 0, 0]]
    assert ternary_pattern(weight, per_channel=False).tolist() == [[0, 0, 0, 0], [1, -1, 1, 0]]


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
@pytest.mark.parametrize("per_channel", [True, False])
def test_weight_start_and_gradients(kind: str, per_channel: bool) -> None:
    torch.manual_seed(3)
    weight = torch.randn(5, 7)
    quant = WeightQuant(kind, per_channel, 5, 7)
    latent = weight.clone()
    quant.start(latent)
    assert torch.allclose(latent.mean(1), torch.zeros(5), atol=1e-6)
    patterns = quant.patterns(latent)
    kept = patterns[0].abs()
    axis = (1,) if per_channel else (0, 1)
    mean = (latent.abs() * kept).sum(axis) / kept.sum(axis)
    assert torch.allclose(quant.coefficient[0, :, 0], mean.reshape(-1))
    tracked = latent.clone().requires_grad_()
    grad = torch.randn(5, 7)
    value = quant(tracked)[0]
    expected = sum(c * p for c, p in zip(quant.coefficient, patterns, strict=True))
    assert torch.allclose(value, torch.as_tensor(expected))
    (value * grad).sum().backward()
    assert tracked.grad is not None and torch.equal(tracked.grad, grad)
    assert quant.coefficient.grad is not None
    for part, pattern in enumerate(patterns):
        wanted = (grad * pattern).sum(axis).reshape(-1)
        assert torch.allclose(quant.coefficient.grad[part, :, 0], wanted)


def test_a_negative_coefficient_turns_the_straight_through_gradient() -> None:
    """A descent step must lower the loss also where c < 0: finite change of the latent, not of c."""
    torch.manual_seed(5)
    quant, weight = WeightQuant("wtws", True, 4, 6), torch.randn(4, 6, requires_grad=True)
    with torch.no_grad():
        quant.second.copy_(torch.randn(4, 6))
        quant.coefficient.copy_(torch.tensor([1.0, -0.5, 2.0, -1.0, -1.0, 0.5, 0.3, 0.1]).reshape(2, 4, 1))
    grad = torch.randn(4, 6)
    quant(weight)[0].backward(grad)
    signs = quant.coefficient.detach().sign()
    assert weight.grad is not None and torch.equal(weight.grad, grad * signs[0])
    assert quant.second.grad is not None and torch.equal(quant.second.grad, grad * signs[1])
    moved = weight.detach() - 1e3 * weight.grad
    before, after = (float((quant(w)[0] * grad).sum().detach()) for w in (weight, moved))
    assert after < before


def test_two_parts_come_closer_than_one() -> None:
    torch.manual_seed(4)
    weight = torch.randn(20, 30)
    errors = []
    for kind in ("binary", "wtws"):
        latent = weight.clone()
        quant = WeightQuant(kind, True, 20, 30)
        quant.start(latent)
        errors.append(float((quant(latent)[0] - latent).square().mean().detach()))
    assert errors[1] < 0.5 * errors[0]


def test_brevitas_linear_uses_the_quantizer() -> None:
    layer = quant_linear(tiny_config(weight="ternary"), "ffn1")
    weight = layer.weight
    weight_quant_of(layer).start(weight)  # type: ignore[arg-type]
    x = torch.randn(3, 16)
    value = weight_quant_of(layer)(weight)[0]
    assert torch.equal(layer(x), torch.nn.functional.linear(x, value, layer.bias))  # type: ignore[arg-type]
