# SPDX-License-Identifier: Apache-2.0
"""The host's share: embedding, pooling, classifier (docs/numerics.md, "Embedding and classifier")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

from ..packing import Int64
from ..program import HostPart
from .layernorm import layernorm
from .qmm import matmul


def embed(host: HostPart, ids: Int64, types: Int64) -> Int64:
    """Residual stream h [l, d] of token ids [l] and token types [l].

    Raises:
        InputError: empty, too long, or an id outside the vocabulary.
    """
    limit, vocabulary = host.position.shape[0], host.word.vocabulary
    if not 1 <= len(ids) <= limit:
        raise InputError(f"a sequence has 1 to {limit} tokens; this one has {len(ids)}")
    if ids.min() < 0 or ids.max() >= vocabulary:
        raise InputError(f"token ids lie in 0..{vocabulary - 1}; got {ids.min()}..{ids.max()}")
    rows = host.word.rows(ids) + host.position[: len(ids)] + host.type[types]
    norm = host.norm
    return layernorm(rows, norm.gamma, norm.beta, norm.shift, norm.epsilon)[0]


def reciprocal(length: npt.NDArray[np.int64] | int) -> Int64:
    """RECIP[l] = floor(2^20 / l + 1/2)."""
    length = np.asarray(length, dtype=np.int64)
    rounded: Int64 = ((np.int64(1) << 21) // length + 1) >> 1
    return rounded


def pool(h: Int64, mask: npt.NDArray[np.bool_], mode: str) -> Int64:
    """Pool h [.., l, d] over true tokens mask [.., l] to [.., d]; mode mean or cls."""
    if mode == "cls":
        return h[..., 0, :]
    total = (h * mask[..., None]).sum(axis=-2)
    mean: Int64 = (total * reciprocal(mask.sum(axis=-1))[..., None] + (1 << 19)) >> 20
    return mean


def classify(host: HostPart, pooled: Int64) -> Int64:
    """Integer logits [.., classes] of pooled [.., d]."""
    return matmul(np.atleast_2d(pooled), host.head_weight.T).reshape(*pooled.shape[:-1], -1) + host.head_bias
