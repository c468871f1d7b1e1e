# SPDX-License-Identifier: Apache-2.0
"""Pooling and classifier on the host, in integers (docs/numerics.md)."""

from __future__ import annotations

import numpy as np

from .program import HostProgram, Int16, Int64


def pool(h: Int16, mode: str) -> Int64:
    """Pool ``h`` int16 [l, d] of true tokens to int64 [d]; mode mean or cls."""
    if mode == "cls":
        first: Int64 = h[0].astype(np.int64)
        return first
    reciprocal = ((1 << 21) // len(h) + 1) >> 1
    pooled: Int64 = (h.sum(axis=0, dtype=np.int64) * reciprocal + (1 << 19)) >> 20
    return pooled


def classify(program: HostProgram, h: Int16) -> Int64:
    """Integer logits int64 [classes] of the encoder's output ``h`` int16 [l, d]."""
    logits: Int64 = program.head_weight @ pool(h, program.pooling) + program.head_bias
    return logits


def real_logits(program: HostProgram, logits: Int64) -> list[float]:
    """Logits as real numbers: ``logits * 2^-logit_frac_bits``."""
    return [float(value) * 2.0**-program.logit_frac_bits for value in logits]
