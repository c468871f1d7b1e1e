# SPDX-License-Identifier: Apache-2.0
"""Reading a QONNX graph node by node, with errors that name what was found and where."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import NodeProto, numpy_helper

from batflow.errors import FormatError

from .packing import Int64
from .program import NUMERICS_VERSION

HASH_KEY = "batflow.sha256"


def content_hash(model: onnx.ModelProto) -> str:
    """SHA-256 over ``key NUL value NUL`` of the other metadata, keys sorted, then over the graph."""
    digest = hashlib.sha256()
    for entry in sorted(model.metadata_props, key=lambda e: e.key):
        if entry.key != HASH_KEY:
            digest.update(f"{entry.key}\0{entry.value}\0".encode())
    digest.update(model.graph.SerializeToString(deterministic=True))
    return digest.hexdigest()


class Graph:
    """A model.onnx of the schema of docs/contracts.md.

    Raises:
        FormatError: on construction, when the file is missing, corrupt, foreign or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self.model = onnx.load(str(path), load_external_data=False)
            onnx.checker.check_model(self.model)
        except FileNotFoundError as exc:
            raise FormatError(f"{path} does not exist; export the model first") from exc
        except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as exc:
            first = (str(exc).splitlines() or ["unreadable"])[0]
            raise FormatError(f"{path} is corrupt or no ONNX file ({first}); export again") from exc
        self.meta = {entry.key: entry.value for entry in self.model.metadata_props}
        if self.meta.get("batflow.numerics") != str(NUMERICS_VERSION):
            raise FormatError(
                f"{path}: numerics version {self.meta.get('batflow.numerics')}; this batflow lowers"
                f" {NUMERICS_VERSION}; export the model with `batflow export`"
            )
        if self.meta.get(HASH_KEY) != content_hash(self.model):
            raise FormatError(f"{path}: the hash does not fit the content; the file was edited; export again")
        self._initializers = {t.name: t for t in self.model.graph.initializer}
        self._producers = {o: node for node in self.model.graph.node for o in node.output}
        self.used: set[str] = set()

    def config(self) -> dict[str, Any]:
        """The document ``batflow.config``."""
        try:
            config = json.loads(self.meta["batflow.config"])
        except (KeyError, json.JSONDecodeError) as exc:
            raise FormatError(f"{self.path}: batflow.config is missing or broken; export again") from exc
        if not isinstance(config, dict):
            raise FormatError(f"{self.path}: batflow.config is no object; export again")
        return config

    def initializer(self, name: str) -> np.ndarray[Any, Any]:
        """Initializer ``name`` as an array."""
        if name not in self._initializers:
            raise FormatError(f"{self.path}: initializer {name} is missing; export again")
        return np.asarray(numpy_helper.to_array(self._initializers[name]))

    def integers(self, name: str) -> Int64:
        """Initializer ``name``, which must hold integers, as int64."""
        values = self.initializer(name)
        rounded: Int64 = np.rint(values).astype(np.int64)
        if not np.array_equal(rounded, values):
            raise FormatError(f"{self.path}: {name} holds a value that is no integer; export again")
        return rounded

    def producer(self, tensor: str, *op_types: str) -> NodeProto:
        """The node that makes ``tensor``; it must be one of ``op_types``."""
        node = self._producers.get(tensor)
        if node is None or node.op_type not in op_types:
            found = "nothing" if node is None else f"node {node.name} of type {node.op_type}"
            raise FormatError(
                f"{self.path}: {tensor} must come from {' or '.join(op_types)}; found {found};"
                " batflow lowers the graphs of its own exporter"
            )
        self.used.add(node.output[0])
        return node

    def attribute(self, node: NodeProto, name: str) -> Any:
        """Attribute ``name`` of ``node``."""
        for entry in node.attribute:
            if entry.name == name:
                value = onnx.helper.get_attribute_value(entry)
                return value.decode() if isinstance(value, bytes) else value
        raise FormatError(
            f"{self.path}: node {node.name} ({node.op_type}) has no attribute {name}; export again"
        )

    def check_all_used(self) -> None:
        """Every node must have been read.

        Raises:
            FormatError: naming the first node that the lowering does not know.
        """
        for node in self.model.graph.node:
            if node.output[0] not in self.used:
                raise FormatError(
                    f"{self.path}: node {node.name} ({node.domain or 'onnx'}.{node.op_type}) is not part of"
                    " a BMT encoder; remove it or export the model again"
                )
