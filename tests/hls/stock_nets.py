# SPDX-License-Identifier: Apache-2.0
"""Small QONNX nets for the guard of hls4ml's stock layers: one exact form, and the known faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


@dataclass
class Net:
    """A graph that grows node by node; ``tensor`` is the last output."""

    shape: tuple[int, ...]
    seed: int = 0
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    tensor: str = "x"

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        array = np.asarray(value, dtype=np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, op: str, inputs: list[str], domain: str = "", **attributes: Any) -> Net:
        number = sum(node.op_type == op for node in self.nodes)
        output = f"{op}_{number}_out"
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"{op}_{number}", domain=domain, **attributes)
        )
        self.tensor = output
        return self

    def quant(self, scale: float, bits: int, signed: int = 1, mode: str = "ROUND") -> Net:
        inputs = [self.tensor, *(self.constant(v) for v in (scale, 0.0, float(bits)))]
        return self.add("Quant", inputs, QONNX, signed=signed, narrow=0, rounding_mode=mode)

    def bipolar(self, scale: float = 1.0) -> Net:
        return self.add("BipolarQuant", [self.tensor, self.constant(scale)], QONNX)

    def linear(self, inputs: int, outputs: int, scale: Any = 1.0, kind: str = "binary") -> Net:
        """A product with binary or ternary weights of ``scale``."""
        source, alphabet = self.tensor, ([-1, 1] if kind == "binary" else [-1, 0, 1])
        self.tensor = self.constant(self.rng.choice(alphabet, size=(inputs, outputs)) * np.asarray(scale))
        if kind == "binary":
            self.add("BipolarQuant", [self.tensor, self.constant(scale)], QONNX)
        else:
            values = (scale, 0.0, 2.0)
            inputs_ = [self.tensor, *(self.constant(v) for v in values)]
            self.add("Quant", inputs_, QONNX, signed=1, narrow=1, rounding_mode="ROUND")
        return self.add("MatMul", [source, self.tensor])

    def plus(self, op: str, value: Any) -> Net:
        return self.add(op, [self.tensor, self.constant(value)])

    def model(self, opset: int = 17) -> ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))],
            [helper.make_tensor_value_info(self.tensor, TensorProto.FLOAT, None)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def exact_head(hidden: int = 16) -> Net:
    """A binarized MLP head: unit scales, activations on power-of-two steps."""
    net = Net((1, hidden)).quant(1.0, 8)
    net.linear(hidden, 24).bipolar().linear(24, 12, kind="ternary").quant(4.0, 3, signed=0)
    return net.linear(12, 4)


def bipolar_elastic() -> Net:
    """Bipolar activations with a beta, scale 0.5: hls4ml sets all weights to 1."""
    net = Net((1, 16)).quant(1.0, 8).linear(16, 24).plus("Sub", 0.5).bipolar(0.5)
    return net.linear(24, 12).plus("Sub", 0.25).bipolar(0.5).linear(12, 4)


def equal_scales() -> Net:
    """Two activations of the same scale 0.75: hls4ml drops the second one's quantizer."""
    net = Net((1, 16)).quant(1.0, 8).linear(16, 24).quant(0.75, 4)
    return net.linear(24, 12).quant(0.75, 4).linear(12, 4)


def two_activations() -> Net:
    """A product of two activations: hls4ml writes no layer for it."""
    net = Net((1, 4, 6)).quant(1.0, 4)
    left = net.tensor
    net.add("Transpose", [left], perm=[0, 2, 1])
    return net.add("MatMul", [left, net.tensor])


def softmax() -> Net:
    """Softmax of 8-bit inputs: hls4ml's tables overflow."""
    net = Net((1, 16)).quant(0.0625, 8)
    return net.add("Softmax", [net.tensor], axis=-1)


def channel_scales() -> Net:
    """A weight scale for each output channel: hls4ml's converter fails."""
    return Net((1, 16)).quant(1.0, 8).linear(16, 4, np.array([[1.0, 0.5, 2.0, 0.25]])).bipolar()


def sequence() -> Net:
    """A product on a sequence of tokens: hls4ml's converter fails, or gives another shape."""
    net = Net((1, 4, 16)).quant(1.0, 8).linear(16, 8, 0.5).bipolar(0.5)
    return net.linear(8, 4, 0.5)


def layer_norm() -> Net:
    """LayerNormalization, which the front end does not know."""
    net = Net((1, 16)).quant(1.0, 8)
    return net.add("LayerNormalization", [net.tensor, net.constant(np.ones(16)), net.constant(np.zeros(16))])
