# SPDX-License-Identifier: Apache-2.0
"""The negative control of verify: one flipped weight bit must be caught and located. Source: ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from batflow.errors import InputError
from batflow.hls.program import EncoderProgram, Matrix

from .verify import Engine, Mismatch, Sentence, climb

# A product's first tap: where a flipped weight can first be seen.
TAP_OF_MATRIX = {
    "q": ("q", "mha.qmm"),
    "k": ("k", "mha.qmm"),
    "v": ("v", "mha.qmm"),
    "o": ("attn_sum", "mha.vu"),
    "ffn1": ("ffn_mid", "ffn.qmm"),
    "ffn2": ("ffn_sum", "ffn.vu"),
}


@dataclass(frozen=True)
class Flip:
    """One weight bit: layer, matrix, and its output and input numbers (plane 0)."""

    layer: int
    matrix: str
    output: int
    input: int


def flip_weight(program: EncoderProgram, flip: Flip) -> EncoderProgram:
    """Return ``program`` with one bit of plane 0 inverted; binary weights change sign by it.

    Raises:
        InputError: the bit lies outside the program, or it holds a ternary pair that may not be 1,1.
    """
    if not 0 <= flip.layer < len(program.layers) or flip.matrix not in TAP_OF_MATRIX:
        raise InputError(f"the program has no matrix {flip.matrix!r} in layer {flip.layer}")
    layer = program.layers[flip.layer]
    matrix = layer.matrices[flip.matrix]
    if not (0 <= flip.output < matrix.outputs and 0 <= flip.input < matrix.inputs):
        raise InputError(f"matrix {flip.matrix!r} is {matrix.outputs} by {matrix.inputs}")
    changed = replace(layer, matrices={**layer.matrices, flip.matrix: _flipped(matrix, flip)})
    layers = (*program.layers[: flip.layer], changed, *program.layers[flip.layer + 1 :])
    return replace(program, layers=layers)


def _flipped(matrix: Matrix, flip: Flip) -> Matrix:
    weight = matrix.weight.copy()
    word, bit = divmod(flip.input, 64)
    weight[0, flip.output, word] ^= np.uint64(1 << bit)
    if matrix.kind == "ternary":
        weight[1, flip.output, word] &= ~np.uint64(1 << bit)
    return replace(matrix, weight=weight)


def candidates(program: EncoderProgram) -> list[Flip]:
    """Bits to try in order: some flips round away before the logits, the next one then serves."""
    last = len(program.layers) - 1
    names = ("v", "ffn1", "q", "o", "ffn2", "k")
    return [Flip(layer, name, at, at) for at in (0, 1, 2) for layer in (last, 0) for name in names]


def negative_control(
    origin: Engine,
    program: EncoderProgram,
    make_engine: Callable[[EncoderProgram], Engine],
    sentences: Sequence[Sentence],
) -> dict[str, Any]:
    """Flip one bit in the program of one engine; return what the ladder said about it.

    Returns:
        JSON values: ``flip``, ``engine``, ``caught``, ``located`` (in the right layer, unit and
        tap), ``tried`` (flips until one reached the logits) and ``first_mismatch``.
    """
    layers = len(program.layers)
    record: dict[str, Any] = {"caught": False, "located": False, "tried": 0}
    for flip in candidates(program):
        engine = make_engine(flip_weight(program, flip))
        found = climb([origin, engine], sentences, layers).first_mismatch
        record |= {"flip": asdict(flip), "engine": engine.name, "tried": int(record["tried"]) + 1}
        if found is not None:
            right = is_at(found, flip)
            return {**record, "caught": True, "located": right, "first_mismatch": asdict(found)}
    return record


def is_at(found: Mismatch, flip: Flip) -> bool:
    """Whether ``found`` names the layer, unit and tap in which ``flip`` first shows."""
    tap, unit = TAP_OF_MATRIX[flip.matrix]
    return (found.layer, found.unit, found.tap) == (flip.layer, unit, f"L{flip.layer}.{tap}")
