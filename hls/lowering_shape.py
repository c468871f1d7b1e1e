# SPDX-License-Identifier: Apache-2.0
"""Model dimensions, labels and vocabulary of a model.onnx, checked against each other."""

from __future__ import annotations

from typing import Any

from batflow.errors import FormatError

from .graph import Graph
from .program import Shape

_DIMENSIONS = ("layers", "hidden", "heads", "ffn", "max_len", "vocab_size", "classes")
_CARRIED = ("task", "weight", "lower_case", "regression", "pretrained")


def read_shape(graph: Graph) -> Shape:
    """Dimensions of the config, checked against the tables of the graph.

    Raises:
        FormatError: a dimension is missing, not positive, or contradicts an initializer.
    """
    config = graph.config()
    values = {}
    for name in _DIMENSIONS:
        value = config.get(name)
        if not isinstance(value, int) or value < 1:
            raise FormatError(
                f"{graph.path}: {name} is {value!r}; a positive integer is needed; export again"
            )
        values[name] = value
    shape = Shape(**values)
    if shape.hidden % shape.heads:
        raise FormatError(
            f"{graph.path}: {shape.heads} heads do not divide hidden {shape.hidden}; export again"
        )
    for name, rows in (
        ("embed.word", shape.vocab_size),
        ("embed.position", shape.max_len),
        ("embed.type", 2),
    ):
        found = graph.initializer(name).shape
        if found != (rows, shape.hidden):
            raise FormatError(f"{graph.path}: {name} has shape {found}; expected {(rows, shape.hidden)}")
    return shape


def read_meta(
    graph: Graph, shape: Shape
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...], dict[str, Any]]:
    """Labels, vocabulary, fraction bits of the residual stream, and what is carried along.

    Raises:
        FormatError: a list of the wrong length.
    """
    config = graph.config()
    labels = tuple(str(label) for label in config.get("labels", ()))
    vocab = tuple(graph.meta.get("batflow.vocab", "").split("\n"))
    frac_bits = tuple(int(bits) for bits in config.get("frac_bits", ()))
    expected = (
        ("labels", len(labels), shape.classes),
        ("batflow.vocab", len(vocab), shape.vocab_size),
        ("frac_bits", len(frac_bits), 1 + 2 * shape.layers),
    )
    for name, found, wanted in expected:
        if found != wanted:
            raise FormatError(f"{graph.path}: {name} has {found} entries; expected {wanted}; export again")
    return labels, vocab, frac_bits, {name: config[name] for name in _CARRIED if name in config}
