# SPDX-License-Identifier: Apache-2.0
"""Activation quantizers of other papers, for comparison in training mode alone (docs/bmt.md).

Their offsets or steps are statistics of the tensor at hand: padding and the other sentences of a
batch change a sentence's values, and no integer constant can stand for them. So
``BmtConfig.require_deployable`` refuses them wherever integers are made.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .quantizers import MIN_ALPHA, ElasticQuant
from .rounding import substitute


class RuntimeMinQuant(ElasticQuant):
    """BiT's run-time minimum, at unsigned sites of 2 bits and more.

    ``alpha * clip(round((x - m) / alpha), 0, 2^k - 1) + m`` with ``m = min(x)`` over the whole tensor, a
    constant for the gradients, which are LSQ's. Signed sites and 1 bit are the elastic quantizer, as
    in BiT. An unsigned input goes through ReLU first: no lower clip at 0 stands for it here.
    """

    def quantize(self, x: Tensor) -> Tensor:  # noqa: D102
        if self.signed or self.bits == 1:
            return super().quantize(x)
        positive = torch.relu(x)
        return self.elastic(positive, positive.detach().min())

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:  # noqa: D102
        if self.signed or self.bits == 1:
            super().fit(x)
            return
        positive = torch.relu(x)
        super().fit(positive - positive.min())


class MinMaxQuant(ElasticQuant):
    """Dynamic min-max of one tensor (TernaryBERT's and BinaryBERT's 8 bits): nothing is trained.

    ``a * round((x - m) / a) + m`` with ``m = min(x)`` and ``a = (max(x) - m) / (2^k - 1)``. No value lies
    outside, so the gradient is that of the identity, straight through. An unsigned input goes through
    ReLU first.
    """

    def __init__(self, bits: int, signed: bool, free_beta: bool) -> None:
        super().__init__(bits, signed, free_beta)
        self.alpha.requires_grad_(False)
        self.beta.requires_grad_(False)

    def quantize(self, x: Tensor) -> Tensor:  # noqa: D102
        value = x if self.signed else torch.relu(x)
        low, high = torch.aminmax(value.detach())
        step = ((high - low) / (2**self.bits - 1)).clamp_(min=MIN_ALPHA)
        q = torch.sub(value.detach(), low).div_(step).add_(0.5).floor_()
        return substitute(value, q, step, low)

    def fit(self, x: Tensor) -> None:
        """Keep nothing: each call takes its own range."""
