# SPDX-License-Identifier: Apache-2.0
"""EncoderProgram to a FINN dataflow graph: the residual stream h in, h of the last layer out.

The graph has one length for all sequences. Tensors: h and all token tensors [1, l, d]; heads [1, H, l, e].
"""

from __future__ import annotations

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from batflow.errors import InputError

from ..packing import Int64
from ..program import EncoderProgram, Layer, Matrix, Shape
from ..ranges import signed_bits
from .graph import Dataflow
from .levels import acc_type, levels, operand_type

STREAM = "INT16"
FLOAT_EXACT_BITS = 24
"""FINN's Python execution carries integers as float32, which is exact up to 2^24."""


def encoder_graph(
    program: EncoderProgram, length: int, layers: tuple[int, ...] | None = None
) -> ModelWrapper:
    """The graph of ``layers`` (default: all) for sequences of exactly ``length`` tokens.

    Raises:
        InputError: a length or layer outside the program, or accumulators that FINN cannot execute exactly.
    """
    shape = program.shape
    if not 1 <= length <= shape.max_len:
        raise InputError(
            f"a FINN graph of length {length} was asked for; this model takes 1..{shape.max_len}"
        )
    chosen = tuple(range(shape.layers)) if layers is None else layers
    if not chosen or any(not 0 <= index < shape.layers for index in chosen):
        raise InputError(f"layers {chosen} were asked for; this model has 0..{shape.layers - 1}")
    flow = Dataflow("encoder")
    stream = source = flow.value("h", (1, length, shape.hidden), STREAM)
    for index in chosen:
        stream = _Layer(flow, program.layers[index], shape, index).add(stream)
    return flow.model(source, stream)


class _Layer:
    """Adds one encoder layer to a graph. Names are those of docs/contracts.md, with ``_`` for the dot."""

    def __init__(self, flow: Dataflow, layer: Layer, shape: Shape, index: int) -> None:
        self.flow, self.layer, self.shape, self.prefix = flow, layer, shape, f"L{index}_"

    def add(self, h: str) -> str:
        """MHA, then FFN."""
        return self._ffn(self._mha(h))

    def _name(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def _quantize(self, site: str, source: str, acc_bits: int) -> str:
        dyadic = self.layer.dyadics[site]
        constants = (np.array([dyadic.M], np.int64), np.array([dyadic.C], np.int64), dyadic.shift)
        found = levels(*constants, self.layer.formats[site], acc_bits)
        return self.flow.threshold(source, self._name(site), found)

    def _accumulate(self, name: str, source: str) -> list[str]:
        """Accumulators of a matrix: one tensor, or two for WTWS."""
        matrix = self.layer.matrices[name]
        _check_width(self._name(name), matrix.acc_bits)
        parts = matrix.parts()
        many = len(parts) > 1
        sources = [source]
        if many:
            sources = self.flow.fork(source, [self._name(f"{name}_in{part}") for part in range(len(parts))])
        found = []
        for part, (weights, origin) in enumerate(zip(parts, sources, strict=True)):
            label = self._name(f"{name}{part + 1}" if many else name)
            kept = self.flow.constant(f"{label}_weight", _columns(weights), "INT2")
            found.append(self.flow.product(origin, kept, f"{label}_acc", acc_type(matrix.acc_bits)))
        return found

    def _project(self, name: str, source: str) -> str:
        matrix, site = self.layer.matrices[name], "ffn_mid" if name == "ffn1" else name
        accs, target = self._accumulate(name, source), self.layer.formats[site]
        if len(accs) == 1:
            found = levels(matrix.M[0], matrix.C, matrix.shift, target, matrix.acc_bits)
            return self.flow.threshold(accs[0], self._name(site), found)
        result = self.flow.value(self._name(site), self.flow.shape(accs[0]), operand_type(target))
        formats = {"bits": target.bits, "signed": int(target.signed), "outputDataType": operand_type(target)}
        self.flow.node("BatRequant", accs, [result], **self._frame(result), **_scale(matrix), **formats)
        return result

    def _frame(self, tensor: str) -> dict[str, int]:
        _, rows, channels = self.flow.shape(tensor)
        return {"rows": rows, "channels": channels, "SIMD": 1}

    def _add_norm(self, name: str, norm: str, block: str, source: str, h: str) -> str:
        matrix, constants = self.layer.matrices[name], self.layer.norms[norm]
        accs = self._accumulate(name, source)
        total = self.flow.value(self._name(f"{block}_sum"), self.flow.shape(h), STREAM)
        frame, parts = self._frame(total), len(accs)
        self.flow.node("BatResidual", [*accs, h], [total], parts=parts, **frame, **_scale(matrix))
        result = self.flow.value(self._name(f"{block}_out"), self.flow.shape(h), STREAM)
        lists = {"gamma": constants.gamma, "beta": constants.beta}
        scalars = {"shift": constants.shift, "epsilon": constants.epsilon}
        self.flow.node("BatLayerNorm", [total], [result], **frame, **lists, **scalars)
        return result

    def _mha(self, h: str) -> str:
        to_quantize, to_add = self.flow.fork(h, [self._name("h_in"), self._name("h_add")])
        a = self._quantize("attn_in", to_quantize, 16)
        copies = self.flow.fork(a, [self._name(f"attn_in_{name}") for name in ("q", "k", "v")])
        q, k, v = (self._project(name, a) for name, a in zip(("q", "k", "v"), copies, strict=True))
        ctx_acc, bits = self._attend(q, k, v)
        ctx = self._quantize("ctx", ctx_acc, bits)
        return self._add_norm("o", "ln1", "attn", ctx, to_add)

    def _attend(self, q: str, k: str, v: str) -> tuple[str, int]:
        """Context accumulators [1, l, d] and their bits."""
        flow, formats = self.flow, self.layer.formats
        (_, length, hidden), heads = flow.shape(q), self.shape.heads
        head = hidden // heads
        view = (length, heads, head)
        q_heads = flow.permute(q, self._name("q_heads"), view, (1, 0, 2), (1, heads, length, head))
        k_heads = flow.permute(k, self._name("k_heads"), view, (1, 2, 0), (1, heads, head, length))
        v_heads = flow.permute(v, self._name("v_heads"), view, (1, 0, 2), (1, heads, length, head))
        score_bits = signed_bits(head * formats["q"].largest * formats["k"].largest)
        _check_width(self._name("scores"), score_bits)
        scores = flow.product(q_heads, k_heads, self._name("scores"), acc_type(score_bits), dynamic=True)
        probs = self._softmax(scores, score_bits)
        ctx_bits = signed_bits(length * formats["probs"].largest * formats["v"].largest)
        _check_width(self._name("ctx"), ctx_bits)
        ctx = flow.product(probs, v_heads, self._name("ctx_heads"), acc_type(ctx_bits), dynamic=True)
        shape, order = (1, length, hidden), (heads, length, head)
        return flow.permute(ctx, self._name("ctx_acc"), order, (1, 0, 2), shape), ctx_bits

    def _softmax(self, scores: str, score_bits: int) -> str:
        target, constants = self.layer.formats["probs"], self.layer.softmax
        _, heads, rows, keys = self.flow.shape(scores)
        result = self.flow.value(self._name("probs"), self.flow.shape(scores), operand_type(target))
        self.flow.node(
            "BatSoftmax",
            [scores],
            [result],
            heads=heads,
            rows=rows,
            keys=keys,
            score_bits=score_bits,
            bits=target.bits,
            outputDataType=operand_type(target),
            SIMD=1,
            **vars(constants),
        )
        return result

    def _ffn(self, h: str) -> str:
        to_quantize, to_add = self.flow.fork(h, [self._name("ffn_h_in"), self._name("ffn_h_add")])
        mid = self._project("ffn1", self._quantize("ffn_in", to_quantize, 16))
        return self._add_norm("ffn2", "ln2", "ffn", mid, to_add)


def _columns(weights: Int64) -> Int64:
    """[outputs, inputs] to [inputs, outputs]."""
    return np.ascontiguousarray(weights.T)


def _scale(matrix: Matrix) -> dict[str, object]:
    return {"M": matrix.M.ravel(), "C": matrix.C, "shift": matrix.shift, "acc_bits": matrix.acc_bits}


def _check_width(name: str, bits: int) -> None:
    if bits > FLOAT_EXACT_BITS:
        raise InputError(
            f"{name}: accumulators need {bits} bits; FINN's float32 execution is exact up to "
            f"{FLOAT_EXACT_BITS}; use fewer bits or a shorter sequence"
        )
