# SPDX-License-Identifier: Apache-2.0
"""Integer LayerNorm of deployment (docs/numerics.md, "Residual (VU) and LayerNorm (LN)").

Training uses ``torch.nn.LayerNorm``; the integers here differ from it by less than the step of
the residual stream.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .dyadic import RSQRT_TABLE


@dataclass(frozen=True)
class LayerNormConstants:
    """Integer constants: ``gain`` G and ``bias`` B [d] int64, their ``shift`` n, ``epsilon`` E."""

    gain: Tensor
    bias: Tensor
    shift: int
    epsilon: int


def sat16(x: Tensor) -> Tensor:
    """Clip to the signed 16-bit range of the residual stream."""
    return x.clamp(-32768, 32767)


def bit_length(x: Tensor) -> Tensor:
    """Return the bit length of each element of a positive int64 tensor.

    Halves below 2^32 convert to float64 without rounding, so the exponent is exact.
    """
    high = x >> 32
    exponent_high = torch.frexp(high.double())[1].to(torch.int64) + 32
    exponent_low = torch.frexp((x & 0xFFFFFFFF).double())[1].to(torch.int64)
    return torch.where(high > 0, exponent_high, exponent_low)


def integer_rsqrt(variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return (y, g) with ``1/sqrt(variance)`` close to ``y * 2^-(31+g)``, y about 2^15..2^16.

    Args:
        variance: int64 of at least 1, below 2^55.
    """
    g = (bit_length(variance) - 31) >> 1
    v = torch.where(g >= 0, variance >> (2 * g).clamp(min=0), variance << (-2 * g).clamp(min=0))
    y = torch.as_tensor(RSQRT_TABLE, dtype=torch.int64)[(v >> 24) - 64]
    y = (y * (((3 << 50) - y * y * (v >> 12)) >> 34)) >> 17
    return y, g


def integer_layernorm(r: Tensor, constants: LayerNormConstants) -> tuple[Tensor, Tensor]:
    """Return (o, unclipped o) as int64 of the shape of ``r`` [..., d], values of int16."""
    d = r.shape[-1]
    total = r.sum(-1, keepdim=True)
    variance = d * (r * r).sum(-1, keepdim=True) - total * total + constants.epsilon
    y, g = integer_rsqrt(variance)
    z = ((d * r - total) * y + (1 << (18 + g))) >> (19 + g)
    wide = (z * constants.gain + constants.bias) >> constants.shift
    return sat16(wide), wide
