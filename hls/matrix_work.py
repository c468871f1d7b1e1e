# SPDX-License-Identifier: Apache-2.0
"""The matrix work of a program on a config: steps of the QMM engines and binary MACs, no more.

A step is one clock in which an array takes operands. Their sum is the least that a sentence can
take on engines that never wait, and what the RTL's CYCLES_MHA_QMM and CYCLES_FFN_QMM count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .config import AcceleratorConfig
from .program import EncoderProgram, Layer, Matrix, Shape

_SOURCES = {"q": "attn_in", "k": "attn_in", "v": "attn_in", "o": "ctx", "ffn1": "ffn_in", "ffn2": "ffn_mid"}


@dataclass(frozen=True)
class Work:
    """Steps of each module's engine and binary MACs of both."""

    mha_steps: int
    ffn_steps: int
    binary_macs: int

    @property
    def steps(self) -> int:
        """Steps of both engines: the ideal cycles of one sentence alone."""
        return self.mha_steps + self.ffn_steps


@dataclass(frozen=True)
class _Product:
    """``count`` products [tokens, inputs] x [inputs, outputs] in ``planes`` pairs of bit planes."""

    tokens: int
    inputs: int
    outputs: int
    planes: int
    parts: int = 1
    count: int = 1

    def steps(self, tokens: int, outputs: int, simd: int) -> int:
        """Steps on an array of ``tokens`` rows, ``outputs`` columns and ``simd`` bits."""
        tiles = -(-self.tokens // tokens) * -(-self.outputs // (outputs // self.parts))
        return self.count * tiles * -(-self.inputs // simd) * self.planes

    @property
    def macs(self) -> int:
        """Products of one bit with one bit."""
        return self.count * self.tokens * self.inputs * self.outputs * self.parts * self.planes


def _linear(layer: Layer, name: str, length: int) -> _Product:
    matrix: Matrix = layer.matrices[name]
    planes = layer.formats[_SOURCES[name]].bits * (2 if matrix.kind == "ternary" else 1)
    parts = 2 if matrix.kind == "wtws" else 1
    return _Product(length, matrix.inputs, matrix.outputs, planes, parts)


def _attention(layer: Layer, shape: Shape, length: int) -> Iterator[_Product]:
    head = shape.hidden // shape.heads
    bits = {site: form.bits for site, form in layer.formats.items()}
    yield _Product(length, head, length, bits["q"] * bits["k"], count=shape.heads)
    yield _Product(length, length, head, bits["probs"] * bits["v"], count=shape.heads)


def sentence_work(program: EncoderProgram, config: AcceleratorConfig, length: int) -> Work:
    """Matrix work of one sentence of ``length`` tokens. Source: ours."""
    outputs, simd = config.qmm_outputs, config.qmm_simd_bits
    steps = {"mha": 0, "ffn": 0}
    macs = 0
    for layer in program.layers:
        mha = [_linear(layer, name, length) for name in ("q", "k", "v", "o")]
        mha += _attention(layer, program.shape, length)
        ffn = [_linear(layer, name, length) for name in ("ffn1", "ffn2")]
        steps["mha"] += sum(product.steps(config.qmm_tokens, outputs, simd) for product in mha)
        rows = config.ffn_qmm_tokens or config.qmm_tokens
        steps["ffn"] += sum(product.steps(rows, outputs, simd) for product in ffn)
        macs += sum(product.macs for product in (*mha, *ffn))
    return Work(steps["mha"], steps["ffn"], macs)
