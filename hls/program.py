# SPDX-License-Identifier: Apache-2.0
"""The EncoderProgram: every integer that inference needs, and nothing else (docs/contracts.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .packing import Int64, WeightKind, Words, unpack_weights
from .word_table import WordTable

SITES = ("attn_in", "q", "k", "v", "probs", "ctx", "ffn_in", "ffn_mid")
"""Activation sites of a layer in order."""
UNSIGNED_SITES = frozenset({"probs", "ffn_mid"})
MATRICES = ("q", "k", "v", "o", "ffn1", "ffn2")
DYADICS = ("attn_in", "ctx", "ffn_in")
NORMS = ("ln1", "ln2")
PROGRAM_VERSION = 1
NUMERICS_VERSION = 1


@dataclass(frozen=True)
class Format:
    """An activation format: ``bits`` 1 to 8, signed or not."""

    bits: int
    signed: bool

    @property
    def low(self) -> int:
        """Smallest q."""
        if not self.signed:
            return 0
        return -1 if self.bits == 1 else -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """Largest q."""
        if not self.signed:
            return (1 << self.bits) - 1
        return 1 if self.bits == 1 else (1 << (self.bits - 1)) - 1

    @property
    def largest(self) -> int:
        """Largest magnitude of q."""
        return max(-self.low, self.high)


@dataclass(frozen=True)
class Dyadic:
    """Constants of one requantization with a common scale: ``(a * M + C) >> shift``."""

    M: int
    C: int
    shift: int


@dataclass(frozen=True)
class Matrix:
    """A matrix product and what follows it.

    ``weight`` uint64 [planes, outputs, words], ``M`` int64 [parts, outputs], ``C`` int64 [outputs].
    """

    kind: WeightKind
    inputs: int
    outputs: int
    weight: Words
    M: Int64
    C: Int64
    shift: int
    acc_bits: int

    def parts(self) -> list[Int64]:
        """The weight matrices [outputs, inputs]: two for wtws, else one."""
        return unpack_weights(self.weight, self.kind, self.inputs)


@dataclass(frozen=True)
class Norm:
    """LayerNorm constants: ``gamma`` and ``beta`` int64 [d]."""

    gamma: Int64
    beta: Int64
    shift: int
    epsilon: int


@dataclass(frozen=True)
class SoftmaxConstants:
    """Ms, ns, Kp, np of docs/numerics.md."""

    scale: int
    scale_shift: int
    reciprocal: int
    shift: int


@dataclass(frozen=True)
class Layer:
    """One encoder layer: MHA, then FFN."""

    formats: dict[str, Format]
    dyadics: dict[str, Dyadic]
    matrices: dict[str, Matrix]
    norms: dict[str, Norm]
    softmax: SoftmaxConstants


@dataclass(frozen=True)
class Shape:
    """Model dimensions; ``max_len`` in tokens."""

    layers: int
    hidden: int
    heads: int
    ffn: int
    max_len: int
    vocab_size: int
    classes: int


@dataclass(frozen=True)
class HostPart:
    """What the host computes: embedding and classifier."""

    word: WordTable
    position: npt.NDArray[np.int16]
    type: npt.NDArray[np.int16]
    norm: Norm
    pooling: str
    head_weight: Int64
    head_bias: Int64
    logit_frac_bits: int


@dataclass(frozen=True)
class EncoderProgram:
    """A whole model in integers."""

    shape: Shape
    layers: tuple[Layer, ...]
    host: HostPart
    labels: tuple[str, ...]
    vocab: tuple[str, ...]
    frac_bits: tuple[int, ...]
    """Fraction bits of the residual stream: embed, then attn_out and ffn_out of every layer."""
    meta: dict[str, object] = field(default_factory=dict)
    """Free facts from the export: task, weight kind, lower_case."""


def matrix_shape(shape: Shape, name: str) -> tuple[int, int]:
    """(inputs, outputs) of the product ``name`` of :data:`MATRICES`."""
    if name == "ffn1":
        return shape.hidden, shape.ffn
    if name == "ffn2":
        return shape.ffn, shape.hidden
    return shape.hidden, shape.hidden


def iterate_matrices(program: EncoderProgram) -> Iterator[tuple[int, str, Matrix]]:
    """Yield (layer, name, matrix) over the program."""
    for index, layer in enumerate(program.layers):
        for name in MATRICES:
            yield index, name, layer.matrices[name]
