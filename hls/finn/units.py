# SPDX-License-Identifier: Apache-2.0
"""Our FINN operators: softmax, LayerNorm, residual, requantization of two accumulators, reordering, fork.

Import after :func:`batflow.hls.finn.environment.prepare`. Importing registers each operator and its RTL form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow import register_custom_op as register

from ..area_cells import Area, memory
from ..area_model import LANE_COSTS
from ..cosim_softmax import QUOTIENT_BITS
from ..packing import Int64
from ..program import Format, SoftmaxConstants
from ..reference.layernorm import layernorm
from ..reference.qu import dyadic_sum, to_format
from ..reference.softmax import softmax
from ..reference.vu import residual
from ..sizes import ceil_div
from .stream_op import Stream, StreamOp

# Attributes that several operators have, in the form that FINN asks for.
_OUT_TYPE: dict[str, Any] = {"outputDataType": ("s", True, "")}
_FRAME: dict[str, Any] = {"rows": ("i", True, 0), "channels": ("i", True, 0)}
_SCALES: dict[str, Any] = {"M": ("ints", True, []), "C": ("ints", True, [])}
_NORM: dict[str, Any] = {"gamma": ("ints", True, []), "beta": ("ints", True, [])}
_SQUARE_LATENCY = 30
"""Clocks of LN between a row's last word and its first result, which the row buffers hide."""


def _lanes(unit: str, lanes: int) -> Area:
    once, lane = LANE_COSTS[unit]
    return once + lane * lanes


def _table(lanes: int, words: int, parts: int = 1) -> Area:
    """Constants of two jobs beside each lane, and the table they come from."""
    return memory(46 + 16 * parts, 2 * words) * lanes + memory(128, lanes * words + 1)


@register
class BatSoftmax(StreamOp):
    """Scores [1, heads, rows, keys] to probabilities, integer for integer as docs/numerics.md has it."""

    unit = "finn_softmax"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Shape, formats and the four constants."""
        names = ("heads", "rows", "keys", "score_bits", "bits", "scale", "scale_shift", "reciprocal", "shift")
        return super().get_nodeattr_types() | dict.fromkeys(names, ("i", True, 0)) | _OUT_TYPE

    def inputs(self) -> list[Stream]:
        """The scores."""
        return [Stream(self._shape(), f"INT{self.integer('score_bits')}", self.integer("SIMD"))]

    def outputs(self) -> list[Stream]:
        """The probabilities."""
        return [Stream(self._shape(), self.get_nodeattr("outputDataType"), self.integer("SIMD"))]

    def _shape(self) -> tuple[int, ...]:
        return (1, self.integer("heads"), self.integer("rows"), self.integer("keys"))

    def constants(self) -> SoftmaxConstants:
        """Ms, ns, Kp, np."""
        names = ("scale", "scale_shift", "reciprocal", "shift")
        return SoftmaxConstants(*(self.integer(name) for name in names))

    def compute(self, values: list[Int64]) -> list[Int64]:
        """The reference softmax."""
        return [softmax(values[0], self.constants(), self.integer("bits"))]

    def sizes(self) -> tuple[int, int, int]:
        """(words a row, rows of exponentials, quotient bits a clock), sized as in ``rtl/score_path.sv``."""
        words = self.integer("keys") // self.integer("SIMD")
        steps = 1 if words >= 25 else 2 if words >= 13 else 3 if words >= 9 else 4
        rows = max(2, ceil_div(2 * words + QUOTIENT_BITS // steps + 9, words))
        return words, rows, steps

    def get_exp_cycles(self) -> int:
        """Rows times the pace of ``rtl/softmax.sv``."""
        words, rows, steps = self.sizes()
        division = QUOTIENT_BITS // steps
        pace = max(words, division + 1, ceil_div(2 * words + division + 9, rows))
        return self.integer("heads") * self.integer("rows") * pace

    def area(self) -> Area:
        """Unit, score rows, exponential rows."""
        lanes, (words, rows, _) = self.integer("SIMD"), self.sizes()
        scores = memory(lanes * self.integer("score_bits"), 2 * words)
        return _lanes("softmax", lanes) + scores + memory(16 * lanes, rows * words)


class _Rows(StreamOp):
    """An operator on frames [1, rows, channels] with constants a channel."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Shape of the frame and the shift."""
        return super().get_nodeattr_types() | _FRAME | {"shift": ("i", True, 0)}

    def stream(self, dtype: str) -> Stream:
        """A stream of this frame."""
        return Stream((1, self.integer("rows"), self.integer("channels")), dtype, self.integer("SIMD"))

    @property
    def words(self) -> int:
        """Beats of a row."""
        return self.integer("channels") // self.integer("SIMD")

    def get_exp_cycles(self) -> int:
        """Beats of a frame, or its constants."""
        return max(self.integer("rows") * self.words, self.integer("channels") + 2)


@register
class BatLayerNorm(_Rows):
    """LN of int16 rows [1, rows, channels]."""

    unit = "finn_layernorm"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """gamma, beta, epsilon."""
        return super().get_nodeattr_types() | _NORM | {"epsilon": ("i", True, 1)}

    def inputs(self) -> list[Stream]:
        """r."""
        return [self.stream("INT16")]

    def outputs(self) -> list[Stream]:
        """o."""
        return [self.stream("INT16")]

    def compute(self, values: list[Int64]) -> list[Int64]:
        """The reference LayerNorm."""
        constants = (self.integers("gamma"), self.integers("beta"), self.integer("shift"))
        return [layernorm(values[0], *constants, self.integer("epsilon"))[0]]

    def banks(self) -> int:
        """Row buffers that hide the root."""
        return min(16, 2 + ceil_div(_SQUARE_LATENCY, self.words))

    def area(self) -> Area:
        """Unit, row buffers, tables."""
        lanes, words = self.integer("SIMD"), self.words
        return _lanes("layernorm", lanes) + memory(16 * lanes, self.banks() * words) + _table(lanes, words)


@register
class BatResidual(_Rows):
    """r = sat16(h + level): inputs are one or two accumulators (WTWS), then h."""

    unit = "finn_residual"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """M by part and channel, C, accumulator bits."""
        return super().get_nodeattr_types() | _SCALES | {"parts": ("i", True, 1), "acc_bits": ("i", True, 0)}

    def inputs(self) -> list[Stream]:
        """The accumulators, then h."""
        acc = self.stream(f"INT{self.integer('acc_bits')}")
        return [acc] * self.integer("parts") + [self.stream("INT16")]

    def outputs(self) -> list[Stream]:
        """r."""
        return [self.stream("INT16")]

    def scales(self) -> Int64:
        """M [parts, channels]."""
        return self.integers("M").reshape(self.integer("parts"), -1)

    def compute(self, values: list[Int64]) -> list[Int64]:
        """The reference residual addition."""
        return [
            residual(values[-1], values[:-1], self.scales(), self.integers("C"), self.integer("shift"))[0]
        ]

    def area(self) -> Area:
        """Unit and tables."""
        lanes = self.integer("SIMD")
        return _lanes("vu", lanes) + _table(lanes, self.words, self.integer("parts"))


@register
class BatRequant(_Rows):
    """Requantization of the two accumulators of a WTWS matrix; one accumulator takes FINN's Thresholding."""

    unit = "finn_requant"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """M by part and channel, C, accumulator bits, the format of q."""
        names = ("acc_bits", "bits", "signed")
        return super().get_nodeattr_types() | _SCALES | dict.fromkeys(names, ("i", True, 0)) | _OUT_TYPE

    def inputs(self) -> list[Stream]:
        """The two accumulators."""
        return [self.stream(f"INT{self.integer('acc_bits')}")] * 2

    def outputs(self) -> list[Stream]:
        """q."""
        return [self.stream(self.get_nodeattr("outputDataType"))]

    def scales(self) -> Int64:
        """M [2, channels]."""
        return self.integers("M").reshape(2, -1)

    def target(self) -> Format:
        """The format of q."""
        return Format(self.integer("bits"), bool(self.integer("signed")))

    def compute(self, values: list[Int64]) -> list[Int64]:
        """The reference requantization."""
        level = dyadic_sum(values, self.scales(), self.integers("C"), self.integer("shift"))
        return [to_format(level, self.target())]

    def area(self) -> Area:
        """Unit and tables."""
        lanes = self.integer("SIMD")
        return _lanes("qu", lanes) + _table(lanes, self.words, 2)


@register
class BatPermute(StreamOp):
    """Reorders a frame: ``view`` is the input's shape in three axes, ``perm`` their order at the output."""

    unit = "finn_permute"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Shapes, view, order, type."""
        lists = ("in_shape", "out_shape", "view", "perm")
        return super().get_nodeattr_types() | {name: ("ints", True, []) for name in lists} | _OUT_TYPE

    def inputs(self) -> list[Stream]:
        """The frame as it comes."""
        return [self._stream("in_shape")]

    def outputs(self) -> list[Stream]:
        """The frame as it leaves."""
        return [self._stream("out_shape")]

    def _stream(self, name: str) -> Stream:
        shape = tuple(int(size) for size in self.get_nodeattr(name))
        return Stream(shape, self.get_nodeattr("outputDataType"), self.integer("SIMD"))

    def compute(self, values: list[Int64]) -> list[Int64]:
        """Transpose."""
        moved = values[0].reshape(self.integers("view")).transpose(self.integers("perm"))
        return [moved.reshape(self.integers("out_shape"))]

    def counters(self) -> tuple[list[int], list[int]]:
        """(sizes, input strides) of the three output axes."""
        view, perm = self.integers("view"), self.integers("perm")
        strides = [int(np.prod(view[axis + 1 :])) for axis in range(3)]
        return [int(view[axis]) for axis in perm], [strides[axis] for axis in perm]

    def get_exp_cycles(self) -> int:
        """Beats of a frame."""
        return self.inputs()[0].beats

    def area(self) -> Area:
        """Two frames, once a lane where the last axis moves, and three counters with their addresses."""
        stream, lanes = self.inputs()[0], self.integer("SIMD")
        copies = 1 if self.counters()[1][2] == 1 else lanes
        index = (stream.beats * lanes).bit_length()
        choice = stream.bits * lanes * (lanes - 1) / 3 if copies > 1 else 0.0
        frames = memory(stream.bits * lanes, 2 * stream.beats) * copies
        return frames + Area(lut=12 * index + choice, ff=6 * index + 2 * stream.bits * lanes)


@register
class BatFork(StreamOp):
    """One stream to ``copies`` streams."""

    unit = "finn_fork"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Frame, copies, type."""
        return super().get_nodeattr_types() | _FRAME | {"copies": ("i", True, 2)} | _OUT_TYPE

    def inputs(self) -> list[Stream]:
        """The stream."""
        shape = (1, self.integer("rows"), self.integer("channels"))
        return [Stream(shape, self.get_nodeattr("outputDataType"), self.integer("SIMD"))]

    def outputs(self) -> list[Stream]:
        """Its copies."""
        return self.inputs() * self.integer("copies")

    def compute(self, values: list[Int64]) -> list[Int64]:
        """The input, several times."""
        return [values[0]] * self.integer("copies")

    def get_exp_cycles(self) -> int:
        """Beats of a frame."""
        return self.inputs()[0].beats

    def area(self) -> Area:
        """A flip-flop and its logic a copy."""
        copies = self.integer("copies")
        return Area(lut=2 * copies + 1, ff=copies)
