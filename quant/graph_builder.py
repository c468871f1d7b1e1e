# SPDX-License-Identifier: Apache-2.0
"""Collecting the parts of an ONNX graph with QONNX datatype annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def datatype(bits: int, *, signed: bool) -> str:
    """Return the QONNX datatype name of an activation."""
    if bits == 1:
        return "BIPOLAR" if signed else "BINARY"
    return f"{'INT' if signed else 'UINT'}{bits}"


class GraphBuilder:
    """Collects nodes, initializers, shapes and datatypes of one graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.values: list[onnx.ValueInfoProto] = []
        self.types: dict[str, str] = {}

    def constant(self, name: str, value: NDArray[Any], kind: str | None = None) -> str:
        """Add an initializer and return its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        if kind is not None:
            self.types[name] = kind
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        self.nodes.append(
            helper.make_node(op, list(inputs), [output], name=output, domain=domain, **attributes)
        )
        return output

    def describe(self, name: str, shape: Sequence[int], kind: str, element: int = 0) -> str:
        """Annotate a tensor with its shape and QONNX datatype (float32 unless told)."""
        self.values.append(helper.make_tensor_value_info(name, element or TensorProto.FLOAT, list(shape)))
        self.types[name] = kind
        return name

    def annotations(self) -> list[onnx.TensorAnnotation]:
        """Return the datatypes in the form qonnx reads."""
        return [
            onnx.TensorAnnotation(
                tensor_name=name,
                quant_parameter_tensor_names=[onnx.StringStringEntryProto(key="finn_datatype", value=kind)],
            )
            for name, kind in sorted(self.types.items())
        ]
