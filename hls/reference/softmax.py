# SPDX-License-Identifier: Apache-2.0
"""Softmax unit: base-2 exponent, one division a row, straight to k bits (docs/numerics.md)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..packing import Int64
from ..program import SoftmaxConstants
from .tables import EXP2

FLUSH = 15
"""Exponents beyond this many halvings are 0."""


def softmax(
    scores: Int64,
    constants: SoftmaxConstants,
    bits: int,
    valid: npt.NDArray[np.bool_] | None = None,
) -> Int64:
    """Quantized attention probabilities of scores [.., queries, keys].

    ``valid`` (broadcast to the scores) marks true keys; the others contribute exactly nothing and
    give 0. Every row needs one true key.
    """
    if valid is None:
        valid = np.ones(scores.shape[-1], dtype=np.bool_)
    floor = np.iinfo(np.int64).min
    top = np.where(valid, scores, floor).max(axis=-1, keepdims=True)
    drop = np.where(valid, top - scores, 0)
    half = np.int64(1) << (constants.scale_shift - 1)
    x = (drop * constants.scale + half) >> constants.scale_shift
    halvings = x >> 6
    e = np.where(valid & (halvings <= FLUSH), EXP2[x & 63] >> np.minimum(halvings, FLUSH), 0)
    reciprocal = constants.reciprocal // e.sum(axis=-1, keepdims=True)
    level = (e * reciprocal + (np.int64(1) << (constants.shift - 1))) >> constants.shift
    quantized: Int64 = np.minimum(level, (1 << bits) - 1)
    return quantized
