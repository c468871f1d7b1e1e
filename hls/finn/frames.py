# SPDX-License-Identifier: Apache-2.0
"""Frames for the checks, embeddings and extreme int16 values, and what the reference makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..packing import Int64
from ..program import EncoderProgram
from ..reference.encoder import Reference
from ..reference.host import embed


def frames(program: EncoderProgram, length: int, count: int, seed: int) -> Int64:
    """``count`` frames h [l, d]: embeddings of random tokens, every fourth one of random int16 values."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count):
        if index % 4 == 3:
            found.append(rng.integers(-(1 << 15), 1 << 15, (length, program.shape.hidden)))
        else:
            ids = rng.integers(0, program.shape.vocab_size, length)
            found.append(embed(program.host, ids, np.zeros_like(ids)))
    return np.array(found, np.int64)


def expected(program: EncoderProgram, layers: Sequence[int], inputs: Int64) -> Int64:
    """The reference's frames out of ``layers``."""
    reference = Reference(chosen(program, layers))
    return np.array([reference.encode(h).hidden for h in inputs], np.int64)


def chosen(program: EncoderProgram, layers: Sequence[int]) -> EncoderProgram:
    """The program with these layers alone."""
    kept = tuple(program.layers[index] for index in layers)
    return replace(program, layers=kept, shape=replace(program.shape, layers=len(kept)))
