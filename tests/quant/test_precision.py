# SPDX-License-Identifier: Apache-2.0
"""bfloat16 training products: exact where bfloat16 is, close elsewhere, and off by default."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from batflow.errors import InputError
from batflow.quant import precision
from batflow.quant.precision import PreciseLinear, has_bf16, linear, set_precision


def operands(rows: int, inputs: int, outputs: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(rows)
    x = torch.randint(-8, 8, (2, rows, inputs), generator=generator).float()
    weight = torch.randint(0, 2, (outputs, inputs), generator=generator).float() * 2 - 1
    return x.requires_grad_(), weight.requires_grad_(), torch.zeros(outputs, requires_grad=True)


def test_small_integers_are_exact() -> None:
    # 16 products of at most 8 stay below 2^8, which bfloat16 holds exactly.
    x, weight, bias = operands(5, 16, 7)
    assert torch.equal(linear(x, weight, bias, "bf16"), nn.functional.linear(x, weight, bias))


def test_gradients_are_those_of_float32_up_to_bfloat16() -> None:
    x, weight, bias = operands(9, 64, 11)
    grad = torch.randn(2, 9, 11, generator=torch.Generator().manual_seed(1))
    wanted = torch.autograd.grad(linear(x, weight, bias, "float32"), (x, weight, bias), grad)
    given = torch.autograd.grad(linear(x, weight, bias, "bf16"), (x, weight, bias), grad)
    assert torch.equal(given[2], wanted[2])
    for own, other in zip(given[:2], wanted[:2], strict=True):
        assert float((own - other).norm() / other.norm()) < 2**-7


def test_a_frozen_operand_gets_no_gradient() -> None:
    x, weight, bias = operands(3, 8, 4)
    frozen = weight.detach()
    linear(x, frozen, bias.detach(), "bf16").sum().backward()
    assert x.grad is not None and frozen.grad is None


def test_set_precision_reaches_every_encoder_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(PreciseLinear(4, 4), nn.Sequential(PreciseLinear(4, 4)), nn.Linear(4, 4))
    monkeypatch.setattr(precision, "has_bf16", lambda: True)
    set_precision(model, "bf16")
    assert [getattr(m, "precision", None) for m in model.modules() if isinstance(m, nn.Linear)] == [
        "bf16",
        "bf16",
        None,
    ]


def test_a_cpu_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    with pytest.raises(InputError, match="avx512_bf16"):
        set_precision(PreciseLinear(2, 2), "bf16")
    set_precision(PreciseLinear(2, 2), "float32")


def test_the_cpu_is_asked() -> None:
    assert isinstance(has_bf16(), bool)
