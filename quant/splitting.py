# SPDX-License-Identifier: Apache-2.0
"""Ternary weight splitting (TWS): one ternary matrix as the exact sum of two binary ones.

Source: BinaryBERT (Bai et al., arXiv 2012.15701, "ternary weight splitting") and its code; the
formulas are derived again in docs/bmt.md, here for a whole matrix or for each row. That the sum
does not need BinaryBERT's run-time scales, since ours are trained coefficients, is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from batflow.errors import InputError

SHARE_MARGIN = 0.05
MIN_SHIFT = 1e-6


def _binary(latent: Tensor) -> Tensor:
    return torch.where(latent >= 0, 1, -1)


def split_terms(weight: Tensor, pattern: Tensor, *, per_channel: bool) -> tuple[Tensor, Tensor]:
    """Return (a, b) of the split of ``weight`` [out, in], float64 [out or 1, 1].

    With I the kept weights (``pattern`` not 0) and J the others, alpha = mean over I of |w|:
    ``b = (alpha n - sum|w|) / (2 |J|)`` makes the two halves' mean magnitudes sum to alpha, and
    ``a = (S_I - S_J+ + S_J-) / (2 S_I)`` makes them equal, S_J+ and S_J- being the sums of |w|
    over the positive and negative weights of J.

    BinaryBERT's a can leave (0, 1) when the small weights of a row are nearly all of one sign; it
    is kept inside, since the signs alone decide the sum. Rows without kept weights get a small b.
    """
    w = weight.detach().to(torch.float64)
    kept = pattern != 0
    magnitude = w.abs()
    axes = (1,) if per_channel else (0, 1)

    def total(values: Tensor) -> Tensor:
        return values.sum(axes, keepdim=True).reshape(-1, 1)

    large, count = total(magnitude * kept), total(kept.double())
    small = total(magnitude * ~kept)
    negative = total(magnitude * (~kept & (w < 0)))
    others = total((~kept).double())
    alpha = large / count.clamp(min=1)
    b = (alpha * (count + others) - large - small) / (2 * others.clamp(min=1))
    tiny = torch.finfo(torch.float64).tiny
    a = (large - (small - negative) + negative) / (2 * large.clamp(min=tiny))
    return a.clamp(SHARE_MARGIN, 1 - SHARE_MARGIN), b.clamp(min=MIN_SHIFT)


def split_latent(weight: Tensor, pattern: Tensor, *, per_channel: bool) -> tuple[Tensor, Tensor]:
    """Return two latent matrices with ``w1 + w2 = weight`` and ``sign(w1) + sign(w2) = 2 pattern``.

    Args:
        weight: latent ternary weight [out, in].
        pattern: its {-1, 0, +1}, same shape.
        per_channel: whether a and b belong to a row or to the whole matrix.

    Where ``pattern`` is 0 the first half is positive and the second negative.

    Raises:
        InputError: weights are not finite, or too small for the signs to survive the split.
    """
    a, b = split_terms(weight, pattern, per_channel=per_channel)
    w = weight.detach().to(torch.float64)
    kept = pattern != 0
    first = torch.where(kept, a * w, torch.where(w > 0, w + b, b.expand_as(w))).to(weight.dtype)
    second = torch.where(kept, (1 - a) * w, torch.where(w > 0, -b, w - b)).to(weight.dtype)
    if not torch.equal(_binary(first) + _binary(second), (2 * pattern).to(torch.int64)):
        raise InputError("a ternary weight is not finite or too small to be split; train it again")
    return first, second
