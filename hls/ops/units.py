# SPDX-License-Identifier: Apache-2.0
"""The six fused operators of ``batflow.bat``, each one unit of docs/numerics.md.

Inputs and attributes are tabled in docs/contracts.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, helper

from ..packing import Int64
from ..program import Format, SoftmaxConstants
from ..reference.host import pool
from ..reference.layernorm import layernorm
from ..reference.qu import dyadic_sum, to_format
from ..reference.softmax import softmax
from ..reference.vu import residual
from ..word_table import row_scale
from .base import BatOp

_REQUIRED_INT = ("i", True, 0)


def _parts(op: BatOp, context: dict[str, Any], first: int) -> tuple[list[Int64], Int64, Int64]:
    """Accumulators, M [parts, n] and C from inputs acc, M, C and, with WTWS, acc2, M2."""
    positions = [first] + ([first + 3] if len(op.onnx_node.input) > first + 3 else [])
    accs = [op.integers(context, p) for p in positions]
    M = np.stack([op.integers(context, p + 1) for p in positions])
    return accs, M, op.integers(context, first + 2)


class Requant(BatOp):
    """Quantization unit: inputs acc, M, C (, acc2, M2)."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Attributes: shift n, bits 1 to 8, signed 0 or 1."""
        return {"shift": _REQUIRED_INT, "bits": _REQUIRED_INT, "signed": _REQUIRED_INT}

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Requantize."""
        accs, M, C = _parts(self, context, 0)
        target = Format(self.attribute("bits"), bool(self.attribute("signed")))
        self.emit(context, to_format(dyadic_sum(accs, M, C, self.attribute("shift")), target))


class Residual(BatOp):
    """Vector unit: inputs h, acc, M, C (, acc2, M2)."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Attributes: shift n."""
        return {"shift": _REQUIRED_INT}

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Add with saturation to int16."""
        accs, M, C = _parts(self, context, 1)
        self.emit(context, residual(self.integers(context, 0), accs, M, C, self.attribute("shift"))[0])


class LayerNorm(BatOp):
    """LayerNorm unit: inputs x, G, B."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Attributes: shift n, epsilon E."""
        return {"shift": _REQUIRED_INT, "epsilon": _REQUIRED_INT}

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Normalize the last axis."""
        x, gamma, beta = (self.integers(context, i) for i in range(3))
        self.emit(context, layernorm(x, gamma, beta, self.attribute("shift"), self.attribute("epsilon"))[0])


class Softmax(BatOp):
    """Softmax unit: inputs scores [B, H, L, L], attention_mask [B, L]."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Attributes: scale Ms, scale_shift ns, reciprocal Kp, shift np, bits."""
        return dict.fromkeys(("scale", "scale_shift", "reciprocal", "shift", "bits"), _REQUIRED_INT)

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Quantized probabilities; padded keys give 0."""
        names = ("scale", "scale_shift", "reciprocal", "shift")
        constants = SoftmaxConstants(*(self.attribute(name) for name in names))
        valid = self.integers(context, 1).astype(np.bool_)[:, None, None, :]
        self.emit(context, softmax(self.integers(context, 0), constants, self.attribute("bits"), valid))


class RowScale(BatOp):
    """Rows of a compact word table: inputs values [B, L, d], scales [B, L]."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Attributes: shift s."""
        return {"shift": _REQUIRED_INT}

    def make_shape_compatible_op(self, model: Any) -> NodeProto:
        """The values are int8, the result float32."""
        return helper.make_node("Cast", [self.onnx_node.input[0]], [self.onnx_node.output[0]], to=1)

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Scale each row."""
        values, scales = self.integers(context, 0), self.integers(context, 1)
        self.emit(context, row_scale(values, scales, self.attribute("shift")))


class Pool(BatOp):
    """Pooling: inputs h [B, L, d], attention_mask [B, L]; output [B, d]."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Attributes: mode, mean or cls."""
        return {"mode": ("s", True, "mean")}

    def make_shape_compatible_op(self, model: Any) -> NodeProto:
        """The token axis goes."""
        batch, _, hidden = model.get_tensor_shape(self.onnx_node.input[0])
        value = helper.make_tensor("shape", 1, [batch, hidden], [0.0] * (batch * hidden))
        return helper.make_node("Constant", [], [self.onnx_node.output[0]], value=value)

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Integer mean over true tokens, or the first token."""
        mask = self.integers(context, 1).astype(np.bool_)
        self.emit(context, pool(self.integers(context, 0), mask, self.get_nodeattr("mode")))
