# SPDX-License-Identifier: Apache-2.0
"""Training's matrix products in bfloat16, for CPUs that multiply it natively (ours).

Operands are rounded to bfloat16 (8 significant bits), sums are float32, results bfloat16. Nothing
else changes: parameters, optimizer, quantizers, softmax, LayerNorm and all of deploy mode keep
their formats, so the exported integers mean the same. Training-mode values differ from float32's
by about 2^-9 of their size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from batflow.errors import InputError

from .config import Precision


class _Bf16Product(torch.autograd.Function):
    """``x @ weight.T + bias`` with operands of all three products in bfloat16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        rows, matrix = x.reshape(-1, x.shape[-1]).bfloat16(), weight.bfloat16()
        ctx.save_for_backward(rows, matrix)
        return (torch.mm(rows, matrix.t()) + bias).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, matrix = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        short = flat.bfloat16()
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        to_x = torch.mm(short, matrix).float().view(*grad.shape[:-1], -1) if needs_x else None
        to_weight = torch.mm(short.t(), rows).float() if needs_weight else None
        return to_x, to_weight, flat.sum(0) if needs_bias else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, precision: Precision) -> Tensor:
    """Return ``x @ weight.T + bias`` in float32; ``x`` [..., in], ``weight`` [out, in], ``bias`` [out]."""
    if precision == "float32" or bias is None:
        return nn.functional.linear(x, weight, bias)
    apply: Callable[..., Tensor] = _Bf16Product.apply
    return apply(x, weight, bias)


class PreciseLinear(nn.Linear):
    """A float linear layer whose products follow ``precision``."""

    precision: Precision = "float32"

    def forward(self, input: Tensor) -> Tensor:
        """Map [..., in] to [..., out]."""
        return linear(input, self.weight, self.bias, self.precision)


def has_bf16() -> bool:
    """Return whether this CPU multiplies bfloat16 natively."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def set_precision(model: nn.Module, precision: Precision) -> None:
    """Let the encoder's linear layers of ``model``, teacher or student, multiply in ``precision``.

    Raises:
        InputError: the CPU has no bfloat16 products, which would be emulated and slow.
    """
    if precision == "bf16" and not has_bf16():
        raise InputError("precision bf16 needs a CPU with bfloat16 products (avx512_bf16); use float32")
    for module in model.modules():
        if isinstance(getattr(module, "precision", None), str):
            module.precision = precision  # type: ignore[assignment]
