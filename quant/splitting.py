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

from .config import SplitForm

SHARE_MARGIN = 0.05
MIN_SHIFT = 1e-6


def _binary(latent: Tensor) -> Tensor:
    return torch.where(latent >= 0, 1, -1)


def split_terms(
    weight: Tensor, pattern: Tensor, *, per_channel: bool, form: SplitForm = "binarybert"
) -> tuple[Tensor, Tensor]:
    """Return (a, b) of the split of ``weight`` [out, in], float64 [out or 1, 1].

    I are the kept weights (``pattern`` not 0), J the others, alpha the mean of |w| over I, S_X the
    sum of |w| over X. ``b = (alpha n - S_I - S_J) / (2 |J|)`` makes the two halves' mean magnitudes
    sum to alpha, ``a = (S_I - S_1 + S_2) / (2 S_I)`` makes them equal; S_1 and S_2 are what the
    weights of J add to each half beside b: S_J+ and S_J-, or S_J and 0 with form ``signed``.

    The a can leave (0, 1) when few weights are kept beside many of one sign; it is kept inside,
    since the signs alone decide the sum. Rows without kept weights get a small b.
    """
    w = weight.detach().to(torch.float64)
    kept = pattern != 0
    magnitude = w.abs()
    axes = (1,) if per_channel else (0, 1)

    def total(values: Tensor) -> Tensor:
        return values.sum(axes, keepdim=True).reshape(-1, 1)

    large, count = total(magnitude * kept), total(kept.double())
    small, others = total(magnitude * ~kept), total((~kept).double())
    second = total(magnitude * (~kept & (w < 0))) if form == "binarybert" else torch.zeros_like(small)
    first = small - second
    alpha = large / count.clamp(min=1)
    b = (alpha * (count + others) - large - small) / (2 * others.clamp(min=1))
    a = (large - first + second) / (2 * large.clamp(min=torch.finfo(torch.float64).tiny))
    return a.clamp(SHARE_MARGIN, 1 - SHARE_MARGIN), b.clamp(min=MIN_SHIFT)


def split_latent(
    weight: Tensor, pattern: Tensor, *, per_channel: bool, form: SplitForm = "binarybert"
) -> tuple[Tensor, Tensor]:
    """Return two latent matrices with ``w1 + w2 = weight`` and ``sign(w1) + sign(w2) = 2 pattern``.

    Args:
        weight: latent ternary weight [out, in].
        pattern: its {-1, 0, +1}, same shape.
        per_channel: whether a and b belong to a row or to the whole matrix.
        form: see ``SplitForm``.

    Raises:
        InputError: weights are not finite, or too small for the signs to survive the split.
    """
    a, b = split_terms(weight, pattern, per_channel=per_channel, form=form)
    w = weight.detach().to(torch.float64)
    shift = b.expand_as(w)
    if form == "signed":
        shift = torch.where(w >= 0, shift, -shift)
        pair = (w + shift, -shift)
    else:
        positive = w > 0
        pair = (torch.where(positive, w + shift, shift), torch.where(positive, -shift, w - shift))
    kept = pattern != 0
    first = torch.where(kept, a * w, pair[0]).to(weight.dtype)
    second = torch.where(kept, (1 - a) * w, pair[1]).to(weight.dtype)
    if not torch.equal(_binary(first) + _binary(second), (2 * pattern).to(torch.int64)):
        raise InputError("a ternary weight is not finite or too small to be split; train it again")
    return first, second
