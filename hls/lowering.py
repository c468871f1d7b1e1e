# SPDX-License-Identifier: Apache-2.0
"""Lowering: model.onnx to the EncoderProgram, matching the one schema of docs/contracts.md.

Tensors are found by their tap names and every edge is checked, so a graph edited by hand is
refused with the node's name instead of being lowered to something else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import NodeProto

from batflow.errors import FormatError, InputError

from .graph import Graph
from .lowering_embedding import lower_words
from .lowering_shape import read_meta, read_shape
from .packing import Int64, WeightKind, pack_weights
from .program import (
    UNSIGNED_SITES,
    Dyadic,
    EncoderProgram,
    Format,
    HostPart,
    Layer,
    Matrix,
    Norm,
    Shape,
    SoftmaxConstants,
)
from .ranges import check_widths, product_bits


def lower(path: Path) -> EncoderProgram:
    """Read model.onnx and return its program, with widths proved.

    Raises:
        FormatError: a corrupt file, another version, an unknown node, or a constant out of range.
    """
    graph = Graph(path)
    shape = read_shape(graph)
    layers = []
    stream = "embed"
    for index in range(shape.layers):
        layers.append(_layer(graph, shape, f"L{index}", stream))
        stream = f"L{index}.ffn_out"
    host = _host(graph, shape, stream)
    graph.check_all_used()
    labels, vocab, frac_bits, meta = read_meta(graph, shape)
    program = EncoderProgram(shape, tuple(layers), host, labels, vocab, frac_bits, meta)
    check_widths(program, path)
    return program


def _expect(graph: Graph, node: NodeProto, position: int, tensor: str) -> None:
    if len(node.input) <= position or node.input[position] != tensor:
        found = node.input[position] if len(node.input) > position else "nothing"
        raise FormatError(
            f"{graph.path}: node {node.name} ({node.op_type}) reads {found} where {tensor} belongs"
        )


def _requant(graph: Graph, tap: str) -> tuple[NodeProto, Format]:
    """The Requant node of a tap and its format."""
    node = graph.producer(tap, "Requant")
    target = Format(int(graph.attribute(node, "bits")), bool(graph.attribute(node, "signed")))
    site = tap.split(".")[1]
    if not 1 <= target.bits <= 8 or target.signed == (site in UNSIGNED_SITES):
        sign = "unsigned" if site in UNSIGNED_SITES else "signed"
        raise FormatError(
            f"{graph.path}: {tap} has {target.bits} bits, signed {target.signed};"
            f" allowed are 1 to 8 bits, {sign}; export again"
        )
    return node, target


def _dyadic(graph: Graph, node: NodeProto) -> Dyadic:
    M, C = graph.integers(node.input[1]).ravel(), graph.integers(node.input[2]).ravel()
    if M.size != 1 or C.size != 1:
        raise FormatError(
            f"{graph.path}: node {node.name} takes one M and one C; found {M.size} and {C.size}"
        )
    return Dyadic(int(M[0]), int(C[0]), int(graph.attribute(node, "shift")))


def _weight(graph: Graph, tensor: str) -> tuple[Int64, WeightKind]:
    """Weights [in, out] behind a quantizer node of scale 1, and their kind."""
    node = graph.producer(tensor, "BipolarQuant", "Quant")
    if not (graph.initializer(node.input[1]) == 1).all():
        raise FormatError(f"{graph.path}: node {node.name} has a scale other than 1; export again")
    return graph.integers(node.input[0]), "binary" if node.op_type == "BipolarQuant" else "ternary"


def _matrix(graph: Graph, node: NodeProto, first: int, source: str, operand: Format) -> Matrix:
    """The matrix product(s) that feed a Requant or Residual node, whose acc input is ``first``."""
    positions = [first] + ([first + 3] if len(node.input) > first + 3 else [])
    parts, kinds = [], []
    for position in positions:
        product = graph.producer(node.input[position], "MatMul")
        _expect(graph, product, 0, source)
        weight, kind = _weight(graph, product.input[1])
        parts.append(np.ascontiguousarray(weight.T))
        kinds.append(kind)
    kind = "wtws" if len(parts) == 2 else kinds[0]
    try:
        packed = pack_weights(parts, kind)
    except InputError as exc:
        raise FormatError(f"{graph.path}: node {node.name}: {exc}") from exc
    outputs, inputs = parts[0].shape
    spread = [np.broadcast_to(graph.integers(node.input[p + 1]), (outputs,)) for p in positions]
    return Matrix(
        kind=kind,
        inputs=inputs,
        outputs=outputs,
        weight=packed,
        M=np.stack(spread),
        C=np.broadcast_to(graph.integers(node.input[first + 2]), (outputs,)).copy(),
        shift=int(graph.attribute(node, "shift")),
        acc_bits=product_bits(parts, operand),
    )


def _norm(graph: Graph, node: NodeProto) -> Norm:
    return Norm(
        graph.integers(node.input[1]),
        graph.integers(node.input[2]),
        int(graph.attribute(node, "shift")),
        int(graph.attribute(node, "epsilon")),
    )


def _heads(graph: Graph, tensor: str, source: str, shape: Shape, perm: list[int]) -> None:
    """Check that ``tensor`` is ``source`` split into heads and transposed by ``perm``."""
    transpose = graph.producer(tensor, "Transpose")
    reshape = graph.producer(transpose.input[0], "Reshape")
    _expect(graph, reshape, 0, source)
    split = graph.integers(reshape.input[1]).tolist()[-2:]
    if list(graph.attribute(transpose, "perm")) != perm or split != [
        shape.heads,
        shape.hidden // shape.heads,
    ]:
        raise FormatError(
            f"{graph.path}: node {transpose.name} does not split {source} into {shape.heads} heads"
        )


def _softmax(graph: Graph, prefix: str, shape: Shape) -> tuple[SoftmaxConstants, Format]:
    node = graph.producer(f"{prefix}.probs", "Softmax")
    _expect(graph, node, 1, "attention_mask")
    scores = graph.producer(node.input[0], "MatMul")
    _heads(graph, scores.input[0], f"{prefix}.q", shape, [0, 2, 1, 3])
    _heads(graph, scores.input[1], f"{prefix}.k", shape, [0, 2, 3, 1])
    names = ("scale", "scale_shift", "reciprocal", "shift")
    bits = int(graph.attribute(node, "bits"))
    return SoftmaxConstants(*(int(graph.attribute(node, name)) for name in names)), Format(bits, False)


def _context(graph: Graph, prefix: str, shape: Shape) -> tuple[Dyadic, Format]:
    node, target = _requant(graph, f"{prefix}.ctx")
    merge = graph.producer(node.input[0], "Reshape")
    transpose = graph.producer(merge.input[0], "Transpose")
    product = graph.producer(transpose.input[0], "MatMul")
    _expect(graph, product, 0, f"{prefix}.probs")
    _heads(graph, product.input[1], f"{prefix}.v", shape, [0, 2, 1, 3])
    if list(graph.attribute(transpose, "perm")) != [0, 2, 1, 3]:
        raise FormatError(f"{graph.path}: node {transpose.name} does not merge the heads; export again")
    return _dyadic(graph, node), target


def _layer(graph: Graph, shape: Shape, prefix: str, stream: str) -> Layer:
    formats: dict[str, Format] = {}
    dyadics: dict[str, Dyadic] = {}
    matrices: dict[str, Matrix] = {}
    norms: dict[str, Norm] = {}

    def quantize(site: str, source: str) -> None:
        node, formats[site] = _requant(graph, f"{prefix}.{site}")
        _expect(graph, node, 0, source)
        dyadics[site] = _dyadic(graph, node)

    def project(name: str, site: str, source: str) -> None:
        node, formats[site] = _requant(graph, f"{prefix}.{site}")
        matrices[name] = _matrix(graph, node, 0, f"{prefix}.{source}", formats[source])

    def add_norm(name: str, norm: str, source: str, block: str, residual: str) -> None:
        node = graph.producer(f"{prefix}.{block}_sum", "Residual")
        _expect(graph, node, 0, residual)
        matrices[name] = _matrix(graph, node, 1, f"{prefix}.{source}", formats[source])
        normalize = graph.producer(f"{prefix}.{block}_out", "LayerNorm")
        _expect(graph, normalize, 0, f"{prefix}.{block}_sum")
        norms[norm] = _norm(graph, normalize)

    quantize("attn_in", stream)
    for site in ("q", "k", "v"):
        project(site, site, "attn_in")
    softmax, formats["probs"] = _softmax(graph, prefix, shape)
    dyadics["ctx"], formats["ctx"] = _context(graph, prefix, shape)
    add_norm("o", "ln1", "ctx", "attn", stream)
    quantize("ffn_in", f"{prefix}.attn_out")
    project("ffn1", "ffn_mid", "ffn_in")
    add_norm("ffn2", "ln2", "ffn_mid", "ffn", f"{prefix}.attn_out")
    return Layer(formats, dyadics, matrices, norms, softmax)


def _host(graph: Graph, shape: Shape, stream: str) -> HostPart:
    """Embedding before the layers, pooling and classifier behind them."""
    norm = graph.producer("embed", "LayerNorm")
    pool = graph.producer("pooled", "Pool")
    _expect(graph, pool, 0, stream)
    add = graph.producer("logits", "Add")
    product = graph.producer(add.input[0], "MatMul")
    cast = graph.producer(product.input[0], "Cast")
    _expect(graph, cast, 0, "pooled")
    config = graph.config()
    return HostPart(
        word=lower_words(graph, shape, norm.input[0]),
        position=graph.integers("embed.position").astype(np.int16),
        type=graph.integers("embed.type").astype(np.int16),
        norm=_norm(graph, norm),
        pooling=str(graph.attribute(pool, "mode")),
        head_weight=np.ascontiguousarray(graph.integers(product.input[1]).T),
        head_bias=graph.integers(add.input[1]).ravel(),
        logit_frac_bits=int(config["frac_bits_logits"]),
    )
