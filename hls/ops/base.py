# SPDX-License-Identifier: Apache-2.0
"""What the CustomOps of the domain ``batflow.bat`` share."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, helper
from qonnx.custom_op.base import CustomOp

from batflow.errors import FormatError

from ..packing import Int64

DOMAIN = "batflow.bat"


class BatOp(CustomOp):  # type: ignore[misc]  # qonnx ships no types
    """Base: one output shaped as the first input, integers carried in float tensors."""

    def make_shape_compatible_op(self, model: Any) -> NodeProto:
        """Stand-in for ONNX shape inference."""
        return helper.make_node("Identity", [self.onnx_node.input[0]], [self.onnx_node.output[0]])

    def infer_node_datatype(self, model: Any) -> None:
        """Datatypes are annotated by the exporter."""

    def verify_node(self) -> list[str]:
        """Nothing beyond what :meth:`execute_node` checks."""
        return []

    def integers(self, context: dict[str, Any], position: int) -> Int64:
        """Input ``position`` as int64.

        Raises:
            FormatError: it holds a value that is no integer.
        """
        name = self.onnx_node.input[position]
        values = np.asarray(context[name])
        rounded: Int64 = np.rint(values).astype(np.int64)
        if values.dtype.kind == "f" and not np.array_equal(rounded, values):
            raise FormatError(f"{self.onnx_node.name}: input {name} is not integer; export the model again")
        return rounded

    def attribute(self, name: str) -> int:
        """Integer attribute ``name``."""
        return int(self.get_nodeattr(name))

    def emit(self, context: dict[str, Any], values: Int64) -> None:
        """Store the result as float32, which is exact below 2^24 in magnitude.

        Raises:
            FormatError: a value passes that bound.
        """
        if np.abs(values).max(initial=0) >= 1 << 24:
            raise FormatError(f"{self.onnx_node.name}: a result passes 2^24; the model is not one of ours")
        context[self.onnx_node.output[0]] = values.astype(np.float32)
