# SPDX-License-Identifier: Apache-2.0
"""What our FINN custom operators share: integer streams, Python execution, estimates from our own models."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from qonnx.core.datatype import DataType

from ..area_cells import Area
from ..packing import Int64

DOMAIN = "finn.custom_op.fpgadataflow"
"""FINN's domain: it takes no other for dataflow nodes, so our operators register there, under Bat names."""


@dataclass(frozen=True)
class Stream:
    """One stream of an operator: the tensor's shape, the QONNX data type, elements a beat."""

    shape: tuple[int, ...]
    dtype: str
    lanes: int

    @property
    def bits(self) -> int:
        """Bits of one element."""
        return int(DataType[self.dtype].bitwidth())

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return int(np.prod(self.shape)) // self.lanes

    @property
    def folded(self) -> tuple[int, ...]:
        """Shape with the elements of a beat as the last axis."""
        return (*self.shape[:-1], self.shape[-1] // self.lanes, self.lanes)


class StreamOp(HWCustomOp):
    """A dataflow operator described by its streams, its arithmetic, its clocks and its area.

    ``SIMD`` is the number of elements a beat on every stream.
    """

    unit = ""
    """Name of the SystemVerilog module in ``hls/finn/rtl``."""

    @abstractmethod
    def inputs(self) -> list[Stream]:
        """Streams in, in the order of the node's inputs."""

    @abstractmethod
    def outputs(self) -> list[Stream]:
        """Streams out."""

    @abstractmethod
    def compute(self, values: list[Int64]) -> list[Int64]:
        """Outputs of the reference for the inputs ``values``."""

    @abstractmethod
    def area(self) -> Area:
        """Estimated area. Source: estimate."""

    @abstractmethod
    def get_exp_cycles(self) -> int:
        """Clocks from one frame to the next, as the unit's header says. Source: estimate."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """FINN's attributes and SIMD."""
        inherited: dict[str, Any] = super().get_nodeattr_types()
        return inherited | {"SIMD": ("i", True, 1)}

    def integer(self, name: str) -> int:
        """An integer attribute."""
        return int(self.get_nodeattr(name))

    def integers(self, name: str) -> Int64:
        """A list attribute as int64."""
        return np.array(self.get_nodeattr(name), dtype=np.int64)

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Run the reference on whole tensors."""
        streams = self.inputs()
        values = [
            np.rint(context[name]).astype(np.int64).reshape(stream.shape)
            for name, stream in zip(self.onnx_node.input, streams, strict=True)
        ]
        for name, found in zip(self.onnx_node.output, self.compute(values), strict=True):
            context[name] = found.astype(np.float32)

    def get_input_datatype(self, ind: int = 0) -> Any:
        """Data type of input ``ind``."""
        return DataType[self.inputs()[ind].dtype]

    def get_output_datatype(self, ind: int = 0) -> Any:
        """Data type of output ``ind``."""
        return DataType[self.outputs()[ind].dtype]

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Shape of input ``ind``."""
        return self.inputs()[ind].shape

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Shape of output ``ind``."""
        return self.outputs()[ind].shape

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Shape of input ``ind`` in beats."""
        return self.inputs()[ind].folded

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Shape of output ``ind`` in beats."""
        return self.outputs()[ind].folded

    def get_instream_width(self, ind: int = 0) -> int:
        """Bits of a beat of input ``ind``."""
        stream = self.inputs()[ind]
        return stream.bits * stream.lanes

    def get_outstream_width(self, ind: int = 0) -> int:
        """Bits of a beat of output ``ind``."""
        stream = self.outputs()[ind]
        return stream.bits * stream.lanes

    def get_number_output_values(self) -> Any:
        """Beats out of a frame; by output where there are several."""
        streams = self.outputs()
        if len(streams) == 1:
            return streams[0].beats
        return {f"out{index}": stream.beats for index, stream in enumerate(streams)}

    def make_shape_compatible_op(self, model: Any) -> Any:
        """FINN's stand-in for shape inference, with every output."""
        node = super().make_shape_compatible_op(model)
        node.output[:] = self.onnx_node.output
        return node

    def infer_node_datatype(self, model: Any) -> None:
        """Write the output types; the attributes fix them."""
        for name, stream in zip(self.onnx_node.output, self.outputs(), strict=True):
            model.set_tensor_datatype(name, DataType[stream.dtype])

    def lut_estimation(self, fpgapart: str) -> int:
        """LUTs. Source: estimate."""
        return round(self.area().lut)

    def dsp_estimation(self, fpgapart: str) -> int:
        """DSP blocks. Source: estimate."""
        return round(self.area().dsp)

    def bram_estimation(self, fpgapart: str) -> int:
        """RAM18 blocks. Source: estimate."""
        return round(2 * self.area().bram36)
