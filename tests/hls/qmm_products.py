# SPDX-License-Identifier: Apache-2.0
"""The matrix products of a whole program on the simulated QMM engine, checked against the reference.

Every product of every layer of a sentence runs on the SystemVerilog engine with the very
activations of the reference; accumulators must be equal and the clocks those of the formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from batflow.hls.cosim_qmm import Product, QmmEngine, WeightKind, weight_operand
from batflow.hls.packing import Int64
from batflow.hls.program import EncoderProgram, Layer
from batflow.hls.qmm_protocol import Operand, operand
from batflow.hls.reference.encoder import Reference, Taps
from batflow.hls.reference.qmm import matmul

_Scalar = TypeVar("_Scalar", np.int64, np.uint64)
_SOURCES = {"q": "attn_in", "k": "attn_in", "v": "attn_in", "o": "ctx", "ffn1": "ffn_in", "ffn2": "ffn_mid"}


@dataclass(frozen=True)
class ProductRun:
    """One product on the engine: shape [tokens, inputs] x [inputs, outputs], ``count`` of them (heads)."""

    layer: int
    name: str
    tokens: int
    inputs: int
    outputs: int
    count: int
    binary_macs: int
    cycles: int
    formula_cycles: int
    mismatches: int


@dataclass(frozen=True)
class _Case:
    layer: int
    name: str
    products: list[Product]
    expected: list[Int64]


def _activations(taps: Taps, layer: Layer, prefix: str, site: str) -> Operand:
    form = layer.formats[site]
    return operand(taps[f"{prefix}.{site}"], form.bits, form.signed, f"{prefix}.{site}")


def _interleaved(parts: Sequence[npt.NDArray[_Scalar]]) -> npt.NDArray[_Scalar]:
    """Rows [parts * n, k] of matrices [n, k]: row parts * i + p is row i of part p."""
    return np.stack(parts, axis=1).reshape(-1, parts[0].shape[1])


def _linear_cases(program: EncoderProgram, taps: Taps, index: int) -> Iterator[_Case]:
    layer, prefix = program.layers[index], f"L{index}"
    for name, site in _SOURCES.items():
        matrix = layer.matrices[name]
        acts = _activations(taps, layer, prefix, site)
        kind: WeightKind = "ternary" if matrix.kind == "ternary" else "binary"
        # A WTWS pair is one binary matrix of twice the rows: 2 * channel + part.
        planes = matrix.weight if kind == "ternary" else _interleaved(list(matrix.weight))[None]
        rows = _interleaved(matrix.parts())
        product = Product(acts, weight_operand(planes, kind, 1, matrix.inputs))
        yield _Case(index, name, [product], [matmul(taps[f"{prefix}.{site}"], rows.T)])


def _attention_cases(program: EncoderProgram, taps: Taps, index: int) -> Iterator[_Case]:
    layer, prefix, heads = program.layers[index], f"L{index}", program.shape.heads
    q, k, v = (np.split(taps[f"{prefix}.{site}"], heads, axis=1) for site in ("q", "k", "v"))
    probs = taps[f"{prefix}.probs"]

    def product(left: Int64, left_site: str, right: Int64, right_site: str) -> Product:
        a, b = layer.formats[left_site], layer.formats[right_site]
        sides = operand(left, a.bits, a.signed, left_site), operand(right, b.bits, b.signed, right_site)
        return Product(*sides, on_chip=True)

    yield _Case(
        index,
        "scores",
        [product(q[h], "q", k[h], "k") for h in range(heads)],
        [matmul(q[h], k[h].T) for h in range(heads)],
    )
    yield _Case(
        index,
        "context",
        [product(probs[h], "probs", np.ascontiguousarray(v[h].T), "v") for h in range(heads)],
        [matmul(probs[h], v[h]) for h in range(heads)],
    )


def cosim_sentence(
    program: EncoderProgram, ids: Int64, types: Int64, engine: QmmEngine, *, stall: int = 0, seed: int = 1
) -> Iterator[ProductRun]:
    """Run every matrix product of one sentence; yields one record a product.

    Args:
        ids, types: int64 [l].
        engine: keeps its totals over calls.
        stall: chance of a stall on each stream and clock, in 256ths; the formula then is a lower bound.
        seed: of the stalls.

    Raises:
        InputError, EngineError, MissingToolError: see :class:`QmmEngine`.
    """
    taps = Reference(program).run(ids, types).taps
    for index in range(program.shape.layers):
        for case in (*_linear_cases(program, taps, index), *_attention_cases(program, taps, index)):
            found, cycles = engine.run(case.products, stall_in=stall, stall_out=stall, seed=seed)
            wrong = sum(int(np.count_nonzero(a != b)) for a, b in zip(found, case.expected, strict=True))
            _, tokens, inputs = case.products[0].acts.planes.shape
            yield ProductRun(
                case.layer,
                case.name,
                tokens,
                inputs,
                case.expected[0].shape[1],
                len(case.products),
                sum(product.binary_macs for product in case.products),
                cycles,
                engine.cycles(case.products),
                wrong,
            )
