# SPDX-License-Identifier: Apache-2.0
"""Training that sees the integers: forward values are those of deploy mode, gradients the float path's.

Every tap of docs/numerics.md gets its deployed value, straight through (ours): the backward pass
is that of the float operation at the deployed values of its inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .classifier import BmtClassifier
    from .constants import Tables

Taps = dict[str, Tensor]


class _Substitute(torch.autograd.Function):
    """``integers * step + offset`` in place of a float value that receives the whole gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, integers: Tensor, step: Tensor, offset: Tensor) -> Tensor:
        return torch.addcmul(offset, integers.to(value.dtype), step)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return grad, None, None, None


def substitute(value: Tensor, integers: Tensor, step: Tensor, offset: Tensor | None = None) -> Tensor:
    """Return ``integers * step + offset``; the gradient goes to ``value``, of the same shape."""
    base = torch.zeros_like(step) if offset is None else offset.detach()
    result: Tensor = _Substitute.apply(value, integers, step.detach(), base)  # type: ignore[no-untyped-call]
    return result


def power_step(frac_bits: int) -> Tensor:
    """Return 2^-frac_bits."""
    return torch.tensor(2.0**-frac_bits)


@dataclass(frozen=True)
class LayerTaps:
    """The taps of one layer, and the fraction bits of its four residual tensors."""

    taps: Taps
    frac_bits: dict[str, int]

    def residual(self, name: str, value: Tensor) -> Tensor:
        """Return the deployed ``attn_sum``, ``attn_out``, ``ffn_sum`` or ``ffn_out``."""
        return substitute(value, self.taps[name], power_step(self.frac_bits[name]))


def layer_taps(taps: Taps, index: int, frac_bits: list[int]) -> LayerTaps:
    """Return what ``taps`` of a whole model hold of layer ``index``."""
    prefix = f"L{index}."
    f_in, f_mid, f_out = frac_bits[2 * index : 2 * index + 3]
    bits = {"attn_sum": f_in, "attn_out": f_mid, "ffn_sum": f_mid, "ffn_out": f_out}
    return LayerTaps({k.removeprefix(prefix): v for k, v in taps.items() if k.startswith(prefix)}, bits)


class Rounding:
    """Makes the forward pass of a calibrated student give the values of its deploy mode.

    Args:
        model: its frozen embedding tables are made integers once, here.
    """

    def __init__(self, model: BmtClassifier) -> None:
        from .constants import integer_tables

        self.tables: Tables = integer_tables(model.embeddings)

    def forward(
        self, model: BmtClassifier, ids: Tensor, types: Tensor, mask: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Return what ``model.forward`` returns, logits as the nearest float32 of the integers.

        Raises:
            InputError: the residual stream is not calibrated, or a constant does not fit.
        """
        from .constants import build_constants
        from .deploy import IntegerModel

        constants, f = build_constants(model, self.tables), model.frac_bits
        taps = IntegerModel(constants).run(ids, types, mask)
        h = substitute(model.embeddings(ids, types), taps["embed"], power_step(f[0]))
        exact = [layer_taps(taps, index, f) for index in range(model.config.layers)]
        states = model.encoder(h, mask, exact)
        pooled = substitute(model.head.pool(states[-1], mask), taps["pooled"], power_step(f[-1]))
        step = power_step(constants.frac_bits_logits)
        return substitute(model.head.linear(pooled), taps["logits"], step), states
