# SPDX-License-Identifier: Apache-2.0
"""Ternary weight splitting: BinaryBERT's identities to machine precision, at awkward rows too."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from batflow.errors import InputError
from batflow.quant.config import SplitForm
from batflow.quant.quantizers import WeightQuant, binary_pattern, ternary_pattern
from batflow.quant.splitting import MIN_SHIFT, split_latent, split_terms

FORMS: tuple[SplitForm, ...] = ("binarybert", "signed")


def rows(seed: int) -> Tensor:
    """Random latents with ties at zero, one-signed rows and rows of very different size."""
    torch.manual_seed(seed)
    weight = torch.randn(12, 40, dtype=torch.float64)
    weight[1] = weight[1].abs()
    weight[2] *= 1e-4
    weight[3, ::2] = 0.0
    weight[4] = 0.05
    weight[4, 0] = -3.0
    return weight


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_halves_sum_to_the_weight_and_their_signs_to_the_ternary(
    seed: int, per_channel: bool, form: SplitForm
) -> None:
    weight = rows(seed)
    pattern = ternary_pattern(weight, per_channel=per_channel)
    first, second = split_latent(weight, pattern, per_channel=per_channel, form=form)
    assert float((first + second - weight).abs().max()) < 1e-15
    assert torch.equal(binary_pattern(first) + binary_pattern(second), 2 * pattern)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_binaryberts_own_scales_come_out_as_half_of_alpha(per_channel: bool, form: SplitForm) -> None:
    """mean|w1| = mean|w2| = alpha/2: the identity bin(w1) + bin(w2) = ter(w) with run-time scales."""
    torch.manual_seed(9)
    weight = torch.randn(6, 50, dtype=torch.float64)
    pattern = ternary_pattern(weight, per_channel=per_channel)
    kept = pattern.abs()
    axes = (1,) if per_channel else (0, 1)
    alpha = ((weight.abs() * kept).sum(axes) / kept.sum(axes)).reshape(-1, 1)
    first, second = split_latent(weight, pattern, per_channel=per_channel, form=form)
    scales = [half.abs().mean(axes).reshape(-1, 1) for half in (first, second)]
    for scale in scales:
        assert torch.allclose(scale, alpha / 2, rtol=1e-14, atol=0)
    total = scales[0] * binary_pattern(first) + scales[1] * binary_pattern(second)
    assert float((total - alpha * pattern).abs().max()) < 1e-14


def test_terms_by_hand() -> None:
    weight = torch.tensor([[4.0, -2.0, 1.0, -1.0, 1.0]])
    # The mean of |w| is 1.8 and the threshold 1.26: 4 and -2 are kept, their mean is 3.
    # By the formulas b is (3*5 - 9) / 6 and a is (6 - 2 + 1) / 12.
    pattern = ternary_pattern(weight, per_channel=True)
    assert pattern.tolist() == [[1, -1, 0, 0, 0]]
    a, b = split_terms(weight, pattern, per_channel=True)
    assert float(b) == 1.0 and float(a) == pytest.approx(5 / 12, rel=1e-15)
    first, second = split_latent(weight, pattern, per_channel=True)
    assert first.tolist()[0][2:] == [2.0, 1.0, 2.0] and second.tolist()[0][2:] == [-1.0, -2.0, -1.0]
    assert first[0, :2].tolist() == pytest.approx([20 / 12, -10 / 12])


def test_the_signed_form_keeps_each_weights_own_sign_in_the_first_half() -> None:
    """Then unequal coefficients give four levels in the order of the weights; BinaryBERT's do not."""
    weight = torch.tensor([[4.0, -2.0, 1.0, -1.0, 1.0]])
    pattern = ternary_pattern(weight, per_channel=True)
    a, b = split_terms(weight, pattern, per_channel=True, form="signed")
    assert float(b) == 1.0 and float(a) == pytest.approx((6 - 3) / 12, rel=1e-15)
    first, second = split_latent(weight, pattern, per_channel=True, form="signed")
    assert first.tolist() == [[1.0, -0.5, 2.0, -2.0, 2.0]] and second.tolist()[0][2:] == [-1.0, 1.0, -1.0]
    values = {}
    for form in FORMS:
        one, two = split_latent(weight, pattern, per_channel=True, form=form)
        values[form] = (2 * binary_pattern(one) + binary_pattern(two)).tolist()
    assert values == {"signed": [[3, -3, 1, -1, 1]], "binarybert": [[3, -3, 1, 1, 1]]}


def test_a_share_outside_0_and_1_is_kept_inside() -> None:
    """100 small weights of one sign outweigh the one that is kept; BinaryBERT's a would be negative."""
    weight = torch.ones(1, 101, dtype=torch.float64)
    weight[0, 0] = 60.0
    pattern = ternary_pattern(weight, per_channel=True)
    assert pattern.sum() == 1
    a, _ = split_terms(weight, pattern, per_channel=True)
    assert 0 < float(a) < 1
    first, second = split_latent(weight, pattern, per_channel=True)
    assert torch.equal(binary_pattern(first) + binary_pattern(second), 2 * pattern)


def test_a_row_of_zeros_stays_zero() -> None:
    weight = torch.zeros(2, 4)
    pattern = ternary_pattern(weight, per_channel=True)
    first, second = split_latent(weight, pattern, per_channel=True)
    assert torch.equal(first, torch.full((2, 4), MIN_SHIFT)) and torch.equal(second, -first)


def test_what_cannot_be_split_is_refused() -> None:
    weight = torch.tensor([[float("nan"), 1.0]])
    with pytest.raises(InputError, match="not finite"):
        split_latent(weight, torch.ones(1, 2), per_channel=True)


def test_the_wrong_pattern_breaks_the_identity() -> None:
    """Negative control: signs of a weight that the pattern drops do not cancel by themselves."""
    weight = rows(0)
    naive = binary_pattern(weight / 2) + binary_pattern(weight / 2)
    assert not torch.equal(naive, 2 * ternary_pattern(weight, per_channel=True))


@pytest.mark.parametrize("kind", ["tws", "wtws"])
@pytest.mark.parametrize("per_channel", [True, False])
def test_quantizers_start_from_the_ternary_value_bit_for_bit(kind: str, per_channel: bool) -> None:
    latent = rows(3).float()
    ternary = WeightQuant("ternary", per_channel, 12, 40)
    ternary.start(latent)
    with torch.no_grad():
        ternary.coefficient[:, ::2] *= -1.3
    given = latent.clone()
    split = WeightQuant(kind, per_channel, 12, 40)
    split.start_split(given, ternary.patterns(latent)[0], ternary.coefficient.detach())
    assert torch.equal(split(given)[0], ternary(latent)[0])


def test_tws_ties_the_coefficients_and_wtws_does_not() -> None:
    torch.manual_seed(1)
    latent = torch.randn(5, 9)
    grad = torch.randn(5, 9)
    values = {}
    for kind in ("tws", "wtws"):
        quant, weight = WeightQuant(kind, True, 5, 9), latent.clone()
        ternary = ternary_pattern(weight, per_channel=True)
        quant.start_split(weight, ternary, torch.full((1, 5, 1), 0.5))
        quant(weight)[0].backward(grad)
        with torch.no_grad():
            for parameter in (quant.coefficient, quant.second):
                assert parameter.grad is not None
                parameter.sub_(0.1 * parameter.grad)
        values[kind] = quant
    tied, free = (values[kind].coefficients() for kind in ("tws", "wtws"))
    assert torch.equal(tied[0], tied[1]) and not torch.equal(free[0], free[1])
    assert torch.allclose(tied[0] - 0.25, (free[0] + free[1]) - 0.5, atol=1e-6)
