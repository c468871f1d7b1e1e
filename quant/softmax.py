# SPDX-License-Identifier: Apache-2.0
"""Softmax over keys: float with a mask for training, exact integers for deployment."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .dyadic import EXP2_TABLE


@dataclass(frozen=True)
class SoftmaxConstants:
    """Integer constants of one softmax unit (docs/numerics.md, "Scores, softmax, context").

    ``scale`` Ms and ``scale_shift`` ns turn a score difference into an exponent of 2 in steps
    of 1/64; ``reciprocal`` Kp and ``shift`` np turn e/D into an unsigned q of ``bits`` bits.
    """

    scale: int
    scale_shift: int
    reciprocal: int
    shift: int
    bits: int


def float_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Return softmax of ``scores`` [B, H, L, L] over keys where ``mask`` [B, L] is true."""
    return torch.softmax(scores.masked_fill(~mask[:, None, None, :], float("-inf")), dim=-1)


def integer_softmax(scores: Tensor, mask: Tensor, constants: SoftmaxConstants) -> Tensor:
    """Return the quantized probabilities as int64.

    Args:
        scores: int64 [B, H, L, L], |scores| < 2^27.
        mask: bool [B, L]; at least one key of every sequence is true.
        constants: of the layer.
    """
    keys = mask[:, None, None, :]
    top = scores.masked_fill(~keys, torch.iinfo(torch.int64).min).amax(-1, keepdim=True)
    half = 1 << (constants.scale_shift - 1)
    x = ((top - scores) * constants.scale + half) >> constants.scale_shift
    # A padded key may exceed the maximum; its exponent is made valid here and masked below.
    x = x.masked_fill(~keys, 0)
    table = torch.as_tensor(EXP2_TABLE, dtype=torch.int64)
    octave = x >> 6
    e = (table[x & 63] >> octave.clamp(max=16)).masked_fill((octave > 15) | ~keys, 0)
    reciprocal = constants.reciprocal // e.sum(-1, keepdim=True)
    rounded = (e * reciprocal + (1 << (constants.shift - 1))) >> constants.shift
    return rounded.clamp(max=(1 << constants.bits) - 1)
