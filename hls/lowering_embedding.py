# SPDX-License-Identifier: Apache-2.0
"""Lowering of the embedding: the nodes between token numbers and the first LayerNorm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from batflow.errors import FormatError, InputError

from .graph import Graph
from .packing import pack_weights
from .program import Shape
from .word_table import WordTable, plain_words

TABLES = frozenset({"embed.word", "embed.position", "embed.type"})


def lower_words(graph: Graph, shape: Shape, tensor: str) -> WordTable:
    """Mark the nodes that add the three tables into ``tensor``; return the word table as stored.

    Raises:
        FormatError: something else feeds ``tensor``, or the word table does not fit its kind.
    """
    kind = str(graph.config().get("embedding", "int16"))
    found, shift = _walk(graph, tensor)
    if found != (TABLES if kind == "int16" else TABLES | {"embed.word.scale"}):
        raise FormatError(
            f"{graph.path}: the embedding of kind {kind} adds {sorted(found)}, not word, position and type"
        )
    if kind == "int16":
        return plain_words(graph.integers("embed.word").astype(np.int16))
    values = graph.initializer("embed.word")
    table = WordTable(
        kind,
        _packed(graph, values) if kind == "binary" else values,
        graph.initializer("embed.word.scale"),
        shift,
        shape.hidden,
    )
    table.check(graph.path, shape.vocab_size)
    return table


def _packed(graph: Graph, values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint64]:
    try:
        planes = pack_weights([values.astype(np.int64)], "binary")
    except InputError as exc:
        raise FormatError(f"{graph.path}: embed.word: {exc}") from exc
    words: npt.NDArray[np.uint64] = planes[0]
    return words


def _walk(graph: Graph, tensor: str) -> tuple[set[str], int]:
    """Return the tables that ``tensor`` is made from, and the shift of the word rows' scale."""
    tables: set[str] = set()
    shift = 0
    pending = [tensor]
    while pending:
        name = pending.pop()
        if name in TABLES:
            tables.add(name)
        elif name == "embed.word_scaled":
            shift = _row_scale(graph, name)
            tables |= {"embed.word", "embed.word.scale"}
        elif name not in {"input_ids", "token_type_ids"}:
            pending.extend(graph.producer(name, "Add", "Cast", "Gather").input)
    return tables, shift


def _row_scale(graph: Graph, tensor: str) -> int:
    """Check that a RowScale reads values and scales of the same tokens; return its shift."""
    node = graph.producer(tensor, "RowScale")
    for source, table in zip(node.input, ("embed.word", "embed.word.scale"), strict=True):
        gather = graph.producer(source, "Gather")
        if list(gather.input) != [table, "input_ids"]:
            raise FormatError(
                f"{graph.path}: node {gather.name} reads {', '.join(gather.input)}, not {table} and"
                " input_ids; export again"
            )
    return int(graph.attribute(node, "shift"))
