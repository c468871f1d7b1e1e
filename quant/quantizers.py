# SPDX-License-Identifier: Apache-2.0
"""Elastic activation quantizers and binary, ternary and two-part weight quantizers.

Sources: the elastic quantizer of BiT with coefficient and bias fixed after training, gradients
of LSQ; BWN and TWN weights. Trainable weight coefficients in place of run-time means are ours:
the mean of a drifting latent weight would tie the scale to weights that no longer matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .config import TWO_PART_KINDS, SplitForm, bounds
from .splitting import split_latent

TERNARY_THRESHOLD = 0.7
MIN_ALPHA = 1e-5


class _ElasticFunction(torch.autograd.Function):
    """``alpha * clip(floor((x - beta) / alpha + 1/2)) + beta`` with LSQ gradients.

    Two tensors are kept for the backward pass: which elements lie inside the clip range, and the
    derivative by alpha. A composition of torch operations would keep five.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: Tensor, beta: Tensor, lo: int, hi: int, bipolar: bool) -> Tensor:
        t = torch.sub(x, beta).div_(alpha)
        if bipolar:
            q = binary_pattern(t)
            inside = t.abs() <= 1
            slope = q
        else:
            q = (t + 0.5).floor_().clamp_(lo, hi)
            inside = (t >= lo).logical_and_(t <= hi)
            slope = torch.sub(q, t.mul_(inside))
        ctx.save_for_backward(inside, slope)
        ctx.grad_scale = 1.0 / math.sqrt(x.numel() * hi)
        return torch.addcmul(beta, q, alpha)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        inside, slope = ctx.saved_tensors
        grad_x = grad * inside
        grad_alpha = torch.dot(grad.reshape(-1), slope.reshape(-1)) * ctx.grad_scale
        grad_beta = (grad.sum() - grad_x.sum()) * ctx.grad_scale if ctx.needs_input_grad[2] else None
        return grad_x, grad_alpha, grad_beta, None, None, None


class ElasticQuant(nn.Module):
    """Activation quantizer of one site, in the form of a Brevitas ``tensor_quant``.

    Args:
        bits: 1 to 8.
        signed: range as in docs/numerics.md; 1 bit signed is {-1, +1}.
        free_beta: whether beta is trained; else it is 0.

    Its forward returns (value, alpha, beta / alpha, bits), the tuple Brevitas expects.
    While ``calibrating`` is set, each call first fits alpha and beta to its input.
    """

    bit_width: Tensor

    def __init__(self, bits: int, signed: bool, free_beta: bool) -> None:
        super().__init__()
        self.bits, self.signed, self.free_beta = bits, signed, free_beta
        self.lo, self.hi = bounds(bits, signed=signed)
        self.bipolar = signed and bits == 1
        self.alpha = nn.Parameter(torch.ones(()))
        self.beta = nn.Parameter(torch.zeros(()), requires_grad=free_beta)
        self.register_buffer("bit_width", torch.tensor(float(bits)), persistent=False)
        self.calibrating = False

    def quantize(self, x: Tensor) -> Tensor:
        """Return the value ``alpha * q + beta`` for each element of ``x``."""
        return self.elastic(x, self.beta)

    def elastic(self, x: Tensor, beta: Tensor) -> Tensor:
        """Return ``alpha * q + beta`` for a ``beta`` of the caller's."""
        apply: Callable[..., Tensor] = _ElasticFunction.apply
        return apply(x, self.alpha, beta, self.lo, self.hi, self.bipolar)

    def integers(self, x: Tensor) -> Tensor:
        """Return q as int64 (no gradient); the reference that tests compare with."""
        t = (x - self.beta) / self.alpha
        if self.bipolar:
            return torch.where(t >= 0, 1, -1)
        return (t + 0.5).floor().clamp(self.lo, self.hi).to(torch.int64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # noqa: D102
        if self.calibrating:
            self.fit(x)
        return self.quantize(x), self.alpha, -self.beta / self.alpha, self.bit_width

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Choose beta = mean (free sites) and the alpha of least squared error for ``x``."""
        flat = x.detach().reshape(-1)
        flat = flat[:: max(1, flat.numel() // 65536)]
        if self.free_beta:
            self.beta.copy_(flat.mean())
        centred = flat - self.beta
        if self.bipolar:
            self.alpha.copy_(centred.abs().mean().clamp_(min=MIN_ALPHA))
            return
        top = float(centred.max() if not self.signed else centred.abs().max())
        best = (math.inf, 1.0)
        for fraction in torch.logspace(-2, 0, 60).tolist():
            alpha = max(top * fraction / max(self.hi, 1), MIN_ALPHA)
            q = (centred / alpha + 0.5).floor_().clamp_(self.lo, self.hi)
            best = min(best, (float((q * alpha - centred).square().mean()), alpha))
        self.alpha.fill_(best[1])

    @torch.no_grad()
    def project(self) -> None:
        """Keep alpha positive; called after each optimizer step."""
        self.alpha.clamp_(min=MIN_ALPHA)


def ternary_pattern(weight: Tensor, *, per_channel: bool) -> Tensor:
    """Return {-1, 0, +1}: 0 where ``|w| <= 0.7 mean|w|`` (TWN); shape of ``weight`` [out, in]."""
    magnitude = weight.abs()
    mean = magnitude.mean(1, keepdim=True) if per_channel else magnitude.mean()
    return weight.sign() * (magnitude > TERNARY_THRESHOLD * mean)


def binary_pattern(weight: Tensor) -> Tensor:
    """Return {-1, +1} with sign(0) = +1."""
    return (weight >= 0).to(weight.dtype).mul_(2).sub_(1)


class _PatternFunction(torch.autograd.Function):
    """``c * pattern``; the gradient reaches the latent weight straight through.

    Its size is that of the product's gradient, its sign follows c: where a coefficient has become
    negative, a larger latent weight gives a smaller product.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, coefficient: Tensor, pattern: Tensor) -> Tensor:
        ctx.save_for_backward(pattern)
        ctx.per_channel = coefficient.shape[0] > 1
        negative = coefficient < 0
        ctx.sign = torch.where(negative, -1.0, 1.0).to(coefficient.dtype) if negative.any() else None
        return pattern * coefficient

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (pattern,) = ctx.saved_tensors
        product = grad * pattern
        reduced = product.sum(1, keepdim=True) if ctx.per_channel else product.sum().reshape(1, 1)
        return grad if ctx.sign is None else grad * ctx.sign, reduced, None


class WeightQuant(nn.Module):
    """Weight quantizer with trainable coefficients, in the form of a Brevitas ``tensor_quant``.

    Args:
        kind: ``binary``, ``ternary``, or the sum of two binary matrices, whose second latent lives
            here: ``tws`` with one coefficient for both, ``wtws`` with one for each.
        per_channel: one coefficient for each output channel, else one in all.
        out_features, in_features: shape of the latent weight [out, in].
    """

    bit_width: Tensor
    zero_point: Tensor

    def __init__(self, kind: str, per_channel: bool, out_features: int, in_features: int) -> None:
        super().__init__()
        self.kind, self.per_channel = kind, per_channel
        rows = out_features if per_channel else 1
        self.coefficient = nn.Parameter(torch.ones(2 if kind == "wtws" else 1, rows, 1))
        if kind in TWO_PART_KINDS:
            self.second = nn.Parameter(torch.zeros(out_features, in_features))
        self.register_buffer("zero_point", torch.zeros(()), persistent=False)
        self.register_buffer("bit_width", torch.tensor(2.0 if kind == "ternary" else 1.0), persistent=False)

    def patterns(self, weight: Tensor) -> list[Tensor]:
        """Return the one or two matrices of {-1, 0, +1} that ``weight`` [out, in] stands for."""
        if self.kind == "ternary":
            return [ternary_pattern(weight, per_channel=self.per_channel)]
        return [binary_pattern(latent) for latent in self._latents(weight)]

    def _latents(self, weight: Tensor) -> list[Tensor]:
        return [weight, self.second] if self.kind in TWO_PART_KINDS else [weight]

    def coefficients(self) -> list[Tensor]:
        """Return the coefficient [out or 1, 1] of each pattern; ``tws`` has one and the same twice."""
        repeats = 2 if self.kind == "tws" else 1
        return list(self.coefficient) * repeats

    def forward(self, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # noqa: D102
        with torch.no_grad():
            patterns = self.patterns(weight)
        apply: Callable[..., Tensor] = _PatternFunction.apply
        parts = zip(self._latents(weight), self.coefficients(), patterns, strict=True)
        terms = [apply(latent, coefficient, pattern) for latent, coefficient, pattern in parts]
        value = terms[0] if len(terms) == 1 else terms[0] + terms[1]
        return value, self.coefficient[0], self.zero_point, self.bit_width

    @torch.no_grad()
    def start(self, weight: Tensor) -> None:
        """Centre the latent ``weight`` in place and set coefficients of least squared error.

        Rows are centred here and never again: centring in the forward pass would couple all
        weights of a row. ``wtws`` starts its second part with the residual of the first; ``tws``
        starts as the split of the ternary weight, the only start that one coefficient allows.
        """
        weight.sub_(weight.mean(1, keepdim=True))
        if self.kind == "tws":
            pattern = ternary_pattern(weight, per_channel=self.per_channel)
            self.start_split(weight, pattern, self._magnitude(weight, pattern.abs())[None])
            return
        kept = torch.ones_like(weight)
        if self.kind == "ternary":
            kept = ternary_pattern(weight, per_channel=self.per_channel).abs()
        self.coefficient[0].copy_(self._magnitude(weight, kept))
        if self.kind == "wtws":
            self.second.copy_(weight - self.coefficient[0] * binary_pattern(weight))
            self.coefficient[1].copy_(self._magnitude(self.second, kept))

    def _magnitude(self, latent: Tensor, kept: Tensor) -> Tensor:
        """Return the mean of ``|latent|`` where ``kept`` is 1, [out or 1, 1]."""
        magnitude = latent.abs() * kept
        if self.per_channel:
            return magnitude.sum(1, keepdim=True) / kept.sum(1, keepdim=True).clamp_(min=1)
        return (magnitude.sum() / kept.sum().clamp_(min=1)).reshape(1, 1)

    @torch.no_grad()
    def start_split(
        self, weight: Tensor, pattern: Tensor, coefficient: Tensor, form: SplitForm = "binarybert"
    ) -> None:
        """Become the exact split of the ternary weight ``coefficient * pattern``.

        Args:
            weight: latent [out, in] of the ternary weight; holds the first half afterwards.
            pattern: its {-1, 0, +1}.
            coefficient: [1, out or 1, 1]; each half gets one half of it, which is exact in float.
            form: see ``SplitForm``.

        Raises:
            InputError: the weights cannot be split; see ``split_latent``.
        """
        per_channel = coefficient.shape[1] > 1
        first, second = split_latent(weight, pattern, per_channel=per_channel, form=form)
        weight.copy_(first)
        self.second.copy_(second)
        self.coefficient.copy_((coefficient / 2).expand_as(self.coefficient))
