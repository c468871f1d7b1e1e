# SPDX-License-Identifier: Apache-2.0
"""A FINN dataflow graph under construction, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from ..packing import Int64
from .levels import Levels
from .stream_op import DOMAIN


class Dataflow:
    """Nodes of FINN's domain on integer tensors that are carried as float32, as FINN has them.

    Every tensor feeds one node; :meth:`fork` makes more of it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[Any] = []
        self._values: dict[str, tuple[tuple[int, ...], str]] = {}
        self._constants: dict[str, tuple[Int64, str]] = {}

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self._values[tensor][0]

    def dtype(self, tensor: str) -> str:
        """QONNX type of a tensor."""
        return self._values[tensor][1]

    def value(self, tensor: str, shape: Sequence[int], dtype: str) -> str:
        """Declare a tensor and return its name."""
        self._values[tensor] = (tuple(shape), dtype)
        return tensor

    def node(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        """Append a node of FINN's domain."""
        kept = {
            key: [int(v) for v in value] if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        self._nodes.append(
            helper.make_node(
                kind,
                list(inputs),
                list(outputs),
                domain=DOMAIN,
                backend="fpgadataflow",
                name=outputs[0],
                inFIFODepths=[2] * len(inputs),
                outFIFODepths=[2] * len(outputs),
                **kept,
            )
        )

    def constant(self, tensor: str, values: Int64, dtype: str) -> str:
        """Declare an initializer and return its name."""
        self._constants[tensor] = (values, dtype)
        return self.value(tensor, values.shape, dtype)

    def fork(self, source: str, names: Sequence[str]) -> list[str]:
        """Copies of a tensor [1, rows, channels]."""
        shape, dtype = self._values[source]
        copies = [self.value(name, shape, dtype) for name in names]
        sizes = {"rows": shape[1], "channels": shape[2], "copies": len(names), "SIMD": 1}
        self.node("BatFork", [source], copies, outputDataType=dtype, **sizes)
        return copies

    def permute(
        self, source: str, name: str, view: Sequence[int], perm: Sequence[int], shape: Sequence[int]
    ) -> str:
        """Reorder a tensor seen as ``view`` (three axes) by ``perm``; the result has ``shape``."""
        before, dtype = self._values[source]
        attributes = {"in_shape": before, "out_shape": shape, "view": view, "perm": perm}
        self.value(name, shape, dtype)
        self.node("BatPermute", [source], [name], outputDataType=dtype, SIMD=1, **attributes)
        return name

    def product(self, source: str, weights: str, name: str, acc: str, dynamic: bool = False) -> str:
        """Matrix product [.., inputs] x [.., inputs, outputs] as MVAU; ``dynamic``: weights are a stream."""
        shape, dtype = self._values[source]
        inner, outputs = self.shape(weights)[-2:]
        self.value(name, (*shape[:-1], outputs), acc)
        types = {"inputDataType": dtype, "weightDataType": self.dtype(weights)}
        self.node(
            "MVAU",
            [source, weights],
            [name],
            MW=inner,
            MH=outputs,
            SIMD=1,
            PE=1,
            numInputVectors=list(shape[:-1]),
            outputDataType=acc,
            accDataType=acc,
            noActivation=1,
            mem_mode="dynamic" if dynamic else "internal_decoupled",
            preferred_impl_style="rtl",
            **types,
        )
        return name

    def threshold(self, source: str, name: str, found: Levels) -> str:
        """Requantize by integer thresholds."""
        shape, dtype = self._values[source]
        steps = self.constant(f"{name}_steps", found.steps, found.step_type)
        self.value(name, shape, found.out_type)
        self.node(
            "Thresholding",
            [source, steps],
            [name],
            NumChannels=shape[-1],
            PE=1,
            numSteps=found.steps.shape[1],
            inputDataType=dtype,
            weightDataType=found.step_type,
            outputDataType=found.out_type,
            ActVal=found.bias,
            numInputVectors=list(shape[:-1]),
            preferred_impl_style="rtl",
        )
        return name

    def model(self, source: str, result: str) -> ModelWrapper:
        """The graph from tensor ``source`` to tensor ``result``."""

        def info(tensor: str) -> Any:
            return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, self.shape(tensor))

        inner = [name for name in self._values if name not in (source, result, *self._constants)]
        graph = helper.make_graph(
            self._nodes, self.name, [info(source)], [info(result)], value_info=[info(name) for name in inner]
        )
        model = ModelWrapper(qonnx_make_model(graph, producer_name="batflow"))
        for name, (values, _) in self._constants.items():
            model.set_initializer(name, values.astype(np.float32))
        for name, (_, dtype) in self._values.items():
            model.set_tensor_datatype(name, DataType[dtype])
        return model
