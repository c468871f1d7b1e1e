# SPDX-License-Identifier: Apache-2.0
"""The one exporter: integer constants to ``model.onnx`` (schema in docs/contracts.md).

The graph is built node by node instead of traced. Tracing Brevitas modules has three faults here:
the exported Quant nodes round half to even, an unsigned 1-bit activation becomes {-1, +1} in
silence, and a ternary threshold other than 1/2 is lost in silence. And a trace would carry float
scales, softmax and LayerNorm, which no engine could follow bit for bit.

``batflow.sha256`` is SHA-256 over each other metadata entry as ``key NUL value NUL``, keys sorted,
and then over the graph serialized by protobuf in its deterministic mode.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from batflow.errors import InputError
from batflow.files import write_bytes

from .config import UNSIGNED_SITES
from .constants import LayerConstants, ModelConstants, RequantConstants, ResidualConstants
from .graph_builder import GraphBuilder, datatype
from .layernorm import LayerNormConstants

OPSET = 17
DOMAIN = "batflow.bat"
QONNX_DOMAIN = "qonnx.custom_op.general"
EXACT_FLOAT32 = 1 << 24
HASH_KEY = "batflow.sha256"


class _Exporter:
    """Writes the nodes of one classifier into a builder."""

    def __init__(self, constants: ModelConstants) -> None:
        self.c, self.config = constants, constants.config
        self.b = GraphBuilder()
        self.rows = [1, self.config.max_len]

    def _accumulator(self, name: str, shape: Sequence[int], largest: int) -> str:
        if largest >= EXACT_FLOAT32:
            raise InputError(
                f"{name}: sums up to {largest} are not exact in the float32 tensors of ONNX;"
                " lower the bits of its operands"
            )
        return self.b.describe(name, shape, f"INT{largest.bit_length() + 1}")

    def _largest(self, site: str) -> int:
        bits = self.config.bits[site]
        return (1 << bits) - 1 if site in UNSIGNED_SITES else 1 << max(bits - 1, 0)

    def _weight(self, name: str, matrix: NDArray[np.int8]) -> str:
        """Add one matrix [out, in] as a quantizer of scale 1 over a constant [in, out]."""
        value = self.b.constant(name, matrix.T.astype(np.float32))
        one = self.b.constant(f"{name}.scale", np.ones((), np.float32))
        if self.config.weight == "ternary":
            zero = self.b.constant(f"{name}.zero_point", np.zeros((), np.float32))
            bits = self.b.constant(f"{name}.bits", np.array(2, np.float32))
            inputs, op = [value, one, zero, bits], "Quant"
            extra = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
        else:
            inputs, op, extra = [value, one], "BipolarQuant", {}
        out = self.b.node(op, inputs, f"{name}.quant", QONNX_DOMAIN, **extra)
        kind = "TERNARY" if self.config.weight == "ternary" else "BIPOLAR"
        return self.b.describe(out, matrix.T.shape, kind)

    def _products(self, prefix: str, linear: str, source: str, layer: LayerConstants) -> list[str]:
        """Add the MatMul of each part of a linear layer; return the accumulators' names."""
        accs = []
        site = source.split(".")[1]
        for part, matrix in enumerate(layer.weight[linear]):
            suffix = "" if part == 0 else str(part + 1)
            weight = self._weight(f"{prefix}.{linear}.weight{suffix}", matrix)
            acc = self.b.node("MatMul", [source, weight], f"{prefix}.{linear}.acc{suffix}")
            used = int((matrix != 0).sum(axis=1).max())
            shape = [*self.rows, matrix.shape[0]]
            accs.append(self._accumulator(acc, shape, max(used, 1) * self._largest(site)))
        return accs

    def _affine_inputs(
        self, name: str, accs: list[str], c: RequantConstants | ResidualConstants
    ) -> list[str]:
        inputs = [accs[0], self.b.constant(f"{name}.M", c.M[0]), self.b.constant(f"{name}.C", c.C)]
        for part in range(1, len(accs)):
            inputs += [accs[part], self.b.constant(f"{name}.M{part + 1}", c.M[part])]
        return inputs

    def _requant(self, name: str, accs: list[str], c: RequantConstants, width: int) -> str:
        inputs = self._affine_inputs(name, accs, c)
        attributes = {"shift": c.shift, "bits": c.bits, "signed": int(c.signed)}
        self.b.node("Requant", inputs, name, DOMAIN, **attributes)
        return self.b.describe(name, [*self.rows, width], datatype(c.bits, signed=c.signed))

    def _residual(self, name: str, h: str, accs: list[str], c: ResidualConstants) -> str:
        inputs = [h, *self._affine_inputs(name, accs, c)]
        self.b.node("Residual", inputs, name, DOMAIN, shift=c.shift)
        return self.b.describe(name, [*self.rows, self.config.hidden], "INT16")

    def _norm(self, name: str, constants_name: str, x: str, c: LayerNormConstants) -> str:
        gain = self.b.constant(f"{constants_name}.gamma", c.gain.numpy())
        bias = self.b.constant(f"{constants_name}.beta", c.bias.numpy())
        self.b.node("LayerNorm", [x, gain, bias], name, DOMAIN, shift=c.shift, epsilon=c.epsilon)
        return self.b.describe(name, [*self.rows, self.config.hidden], "INT16")

    def _split_heads(self, source: str, perm: list[int]) -> str:
        config = self.config
        out = self.b.node("Reshape", [source, "split_shape"], f"{source}.split")
        self.b.describe(out, [*self.rows, config.heads, config.head_size], self.b.types[source])
        shape = [[*self.rows, config.heads, config.head_size][axis] for axis in perm]
        out = self.b.node("Transpose", [out], f"{source}.heads", perm=perm)
        return self.b.describe(out, shape, self.b.types[source])

    def _attention(self, p: str, c: LayerConstants) -> str:
        config, length = self.config, self.config.max_len
        q = self._split_heads(f"{p}.q", [0, 2, 1, 3])
        k = self._split_heads(f"{p}.k", [0, 2, 3, 1])
        v = self._split_heads(f"{p}.v", [0, 2, 1, 3])
        square = [1, config.heads, length, length]
        largest = config.head_size * self._largest("q") * self._largest("k")
        scores = self._accumulator(self.b.node("MatMul", [q, k], f"{p}.scores"), square, largest)
        s = c.softmax
        attributes = {"scale": s.scale, "scale_shift": s.scale_shift, "reciprocal": s.reciprocal}
        attributes |= {"shift": s.shift, "bits": s.bits}
        self.b.node("Softmax", [scores, "attention_mask"], f"{p}.probs", DOMAIN, **attributes)
        self.b.describe(f"{p}.probs", square, datatype(s.bits, signed=False))
        largest = length * self._largest("probs") * self._largest("v")
        acc = self.b.node("MatMul", [f"{p}.probs", v], f"{p}.ctx.acc_heads")
        self._accumulator(acc, [1, config.heads, length, config.head_size], largest)
        merged = self.b.node("Transpose", [acc], f"{p}.ctx.acc_rows", perm=[0, 2, 1, 3])
        shape = [*self.rows, config.heads, config.head_size]
        self._accumulator(merged, shape, largest)
        out = self.b.node("Reshape", [merged, "merge_shape"], f"{p}.ctx.acc")
        return self._accumulator(out, [*self.rows, config.hidden], largest)

    def _layer(self, index: int, h: str) -> str:
        c, p, d = self.c.layers[index], f"L{index}", self.config.hidden
        a = self._requant(f"{p}.attn_in", [h], c.requant["attn_in"], d)
        for name in ("q", "k", "v"):
            self._requant(f"{p}.{name}", self._products(p, name, a, c), c.requant[name], d)
        context = self._attention(p, c)
        context = self._requant(f"{p}.ctx", [context], c.requant["ctx"], d)
        accs = self._products(p, "o", context, c)
        summed = self._residual(f"{p}.attn_sum", h, accs, c.residual["o"])
        h = self._norm(f"{p}.attn_out", f"{p}.ln1", summed, c.norm["ln1"])
        x = self._requant(f"{p}.ffn_in", [h], c.requant["ffn_in"], d)
        accs = self._products(p, "ffn1", x, c)
        x = self._requant(f"{p}.ffn_mid", accs, c.requant["ffn_mid"], self.config.ffn)
        accs = self._products(p, "ffn2", x, c)
        summed = self._residual(f"{p}.ffn_sum", h, accs, c.residual["ffn2"])
        return self._norm(f"{p}.ffn_out", f"{p}.ln2", summed, c.norm["ln2"])

    def _words(self) -> str:
        """Add the word table as stored and the nodes that give its rows; return int16 rows."""
        b, shape, table = self.b, [*self.rows, self.config.hidden], self.c.word
        kind = {"int16": "INT16", "int8": "INT8", "binary": "BIPOLAR"}[table.kind]
        word = b.constant("embed.word", table.values, kind)
        rows = b.node("Gather", [word, "input_ids"], "embed.word_rows", axis=0)
        if table.kind == "int16":
            return b.describe(rows, shape, kind, TensorProto.INT16)
        b.describe(rows, shape, kind, TensorProto.INT8)
        scale = b.constant("embed.word.scale", table.scale, "UINT15")
        scales = b.node("Gather", [scale, "input_ids"], "embed.word_scales", axis=0)
        b.describe(scales, self.rows, "UINT15", TensorProto.INT16)
        scaled = b.node("RowScale", [rows, scales], "embed.word_scaled", DOMAIN, shift=table.shift)
        b.describe(scaled, shape, "INT16")
        cast = b.node("Cast", [scaled], "embed.word_cast", to=TensorProto.INT16)
        return b.describe(cast, shape, "INT16", TensorProto.INT16)

    def _embedding(self) -> str:
        b, shape = self.b, [*self.rows, self.config.hidden]
        x = self._words()
        position = b.constant("embed.position", self.c.position, "INT16")
        kind = b.constant("embed.type", self.c.kind, "INT16")
        y = b.node("Gather", [kind, "token_type_ids"], "embed.type_rows", axis=0)
        total = b.node("Add", [x, y], "embed.word_type")
        for name in (y, total):
            b.describe(name, shape, "INT16", TensorProto.INT16)
        total = b.node("Add", [total, position], "embed.sum")
        b.describe(total, shape, "INT16", TensorProto.INT16)
        cast = b.node("Cast", [total], "embed.cast", to=TensorProto.FLOAT)
        b.describe(cast, shape, "INT16")
        return self._norm("embed", "embed.ln", cast, self.c.embed_norm)

    def _head(self, h: str) -> None:
        b, d, classes = self.b, self.config.hidden, self.config.classes
        b.node("Pool", [h, "attention_mask"], "pooled", DOMAIN, mode=self.config.pooling)
        b.describe("pooled", [1, d], "INT16")
        wide = b.node("Cast", ["pooled"], "pooled.wide", to=TensorProto.DOUBLE)
        b.describe(wide, [1, d], "INT16", TensorProto.DOUBLE)
        weight = b.constant("head.weight", self.c.head_weight.T.astype(np.float64), "INT16")
        product = b.node("MatMul", [wide, weight], "head.acc")
        largest = int(np.abs(self.c.head_weight.astype(np.int64)).sum(axis=1).max()) << 15
        b.describe(product, [1, classes], f"INT{largest.bit_length() + 1}", TensorProto.DOUBLE)
        bias = b.constant("head.bias", self.c.head_bias.astype(np.float64))
        b.node("Add", [product, bias], "logits")
        largest += int(np.abs(self.c.head_bias).max())
        b.types["logits"] = f"INT{largest.bit_length() + 1}"

    def graph(self) -> onnx.GraphProto:
        config, b = self.config, self.b
        split = [0, 0, config.heads, config.head_size]
        b.constant("split_shape", np.array(split, np.int64))
        b.constant("merge_shape", np.array([0, 0, config.hidden], np.int64))
        h = self._embedding()
        for index in range(config.layers):
            h = self._layer(index, h)
        self._head(h)
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, self.rows)
            for name in ("input_ids", "token_type_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("logits", TensorProto.DOUBLE, [1, config.classes])
        graph = helper.make_graph(
            b.nodes, "bmt", inputs, [output], initializer=b.initializers, value_info=b.values
        )
        graph.quantization_annotation.extend(b.annotations())
        return graph


def content_hash(model: ModelProto) -> str:
    """Return the hexadecimal digits of ``batflow.sha256`` (definition at the top of this file)."""
    digest = hashlib.sha256()
    for entry in sorted(model.metadata_props, key=lambda e: e.key):
        if entry.key != HASH_KEY:
            digest.update(f"{entry.key}\0{entry.value}\0".encode())
    digest.update(model.graph.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _metadata(c: ModelConstants, vocab: Sequence[str], extra: dict[str, Any] | None) -> dict[str, str]:
    names = ["score"] if c.config.regression else [str(i) for i in range(c.config.classes)]
    config = c.config.model_dump(mode="json") | {
        "labels": list(c.config.labels) or names,
        "frac_bits_embed": c.frac_bits_table,
        "frac_bits": c.frac_bits,
        "frac_bits_logits": c.frac_bits_logits,
    }
    tokens = [*vocab, *(f"[unused_row_{i}]" for i in range(len(vocab), c.config.vocab_size))]
    return {
        "batflow.numerics": "1",
        "batflow.config": json.dumps(config | (extra or {}), sort_keys=True),
        "batflow.vocab": "\n".join(tokens),
    }


def build_onnx(
    constants: ModelConstants, vocab: Sequence[str], extra: dict[str, Any] | None = None
) -> ModelProto:
    """Return the ONNX model of a classifier.

    Args:
        constants: all integers.
        vocab: tokens in index order, at most vocab_size; missing rows get placeholder names.
        extra: more entries of ``batflow.config``, for example ``pretrained``.

    Raises:
        InputError: a sum that float32 tensors cannot hold, or too many tokens.
    """
    if len(vocab) > constants.config.vocab_size:
        raise InputError(
            f"{len(vocab)} tokens for {constants.config.vocab_size} embedding rows;"
            " give the vocabulary of the model"
        )
    model = helper.make_model(
        _Exporter(constants).graph(),
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid(DOMAIN, 1),
            helper.make_opsetid(QONNX_DOMAIN, 1),
        ],
        producer_name="batflow",
        ir_version=8,
    )
    helper.set_model_props(model, _metadata(constants, vocab, extra))
    digest = content_hash(model)
    model.metadata_props.append(onnx.StringStringEntryProto(key=HASH_KEY, value=digest))
    onnx.checker.check_model(model)
    return model


def export_onnx(
    constants: ModelConstants, vocab: Sequence[str], path: Path, extra: dict[str, Any] | None = None
) -> None:
    """Write ``model.onnx`` atomically; arguments and errors as in :func:`build_onnx`."""
    write_bytes(path, build_onnx(constants, vocab, extra).SerializeToString(deterministic=True))
