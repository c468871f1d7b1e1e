# SPDX-License-Identifier: Apache-2.0
"""A QONNX graph for hls4ml's stock layers: cleaned up, and refused by node where they cannot carry it."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.util.basic import get_by_name
from qonnx.util.cleanup import cleanup_model

from batflow.errors import FormatError, InputError

from .tool import first_line, hls4ml_step

QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant")
ROUNDINGS = ("ROUND", "FLOOR")
"""Rounding modes of a Quant node that hls4ml knows."""


def clean(model: Any) -> ModelWrapper:
    """Return ``model`` (a path, ``ModelProto`` or ``ModelWrapper``) with shapes, names and no Gemm.

    Raises:
        FormatError: no readable ONNX model.
        EngineError: qonnx cannot clean it up.
    """
    if isinstance(model, (str, Path)):
        try:
            model = ModelWrapper(str(model))
        # onnx and protobuf raise errors of their own kinds here.
        except Exception as exc:
            raise FormatError(
                f"{model} cannot be read as ONNX ({first_line(exc)}); give a QONNX file"
            ) from exc
    elif not isinstance(model, ModelWrapper):
        model = ModelWrapper(model)
    with hls4ml_step("take the graph, whose clean-up by qonnx failed"):
        model = cleanup_model(model)
        if any(node.op_type == "Gemm" for node in model.graph.node):
            model = cleanup_model(model.transform(GemmToMatMul()))
    return model


def describe(node: NodeProto) -> str:
    """Name and operation of a node, for messages."""
    return f"node {node.name} ({node.op_type})"


def fraction_bits(precision: str) -> tuple[int, int]:
    """Return (integer bits with sign, fraction bits) of ``fixed<width, integer>``.

    Raises:
        InputError: another form.
    """
    found = re.fullmatch(r"(?:ap_)?fixed<\s*(\d+)\s*,\s*(\d+)\s*>", precision)
    if found is None:
        raise InputError(f"precision {precision!r} is not of the form fixed<32,16>")
    width, integer = map(int, found.groups())
    return integer, width - integer


def check_nodes(model: ModelWrapper, precision: str) -> None:
    """Refuse what hls4ml does not carry, or carries with other numbers, before it is tried.

    Raises:
        InputError: naming the node: an operation that hls4ml does not support, a rounding mode other
            than :data:`ROUNDINGS`, a scale that is not positive or not a number of ``precision``.
    """
    from hls4ml.converters.onnx_to_hls import get_supported_onnx_layers

    if len(model.graph.input) != 1 or len(model.graph.output) != 1:
        raise InputError(
            f"the graph has {len(model.graph.input)} inputs and {len(model.graph.output)} outputs;"
            " the guard compares one of each; split the model"
        )
    supported = set(get_supported_onnx_layers())
    for node in model.graph.node:
        if node.op_type not in supported:
            raise InputError(
                f"{describe(node)} is not supported by hls4ml's QONNX front end; keep it on the host, or use"
                " batflow.hls.hls4ml.convert for a whole encoder"
            )
        if node.op_type in QUANTIZERS:
            _check_quantizer(model, node, precision)


def _check_quantizer(model: ModelWrapper, node: NodeProto, precision: str) -> None:
    mode = get_by_name(node.attribute, "rounding_mode")
    if mode is not None and mode.s.decode() not in ROUNDINGS:
        raise InputError(
            f"{describe(node)} rounds with {mode.s.decode()}; hls4ml knows {' and '.join(ROUNDINGS)};"
            " export with one of these"
        )
    scale = model.get_initializer(node.input[1])
    if scale is None:
        raise InputError(f"{describe(node)} computes its scale; hls4ml needs a constant; export one")
    integer, fraction = fraction_bits(precision)
    for value in np.unique(scale):
        steps = Fraction(float(value)) * 2**fraction
        if steps <= 0 or steps.denominator != 1 or steps >= 2 ** (integer - 1 + fraction):
            raise InputError(
                f"{describe(node)} has scale {value:g}, which {precision} does not hold exactly;"
                " use a power of two, or a wider precision"
            )


def suspects(model: ModelWrapper) -> list[str]:
    """Nodes on which hls4ml's converter is known to fail, with the reason: for its own error."""
    found = []
    for node in model.graph.node:
        if node.op_type in QUANTIZERS and np.size(model.get_initializer(node.input[1])) > 1:
            found.append(
                f"{describe(node)} has a scale for each channel, which hls4ml 1.3 cannot move past a product;"
                " use one scale for the tensor"
            )
        shape = model.get_tensor_shape(node.input[0]) if node.op_type == "MatMul" else None
        if shape is not None and len(shape) > 2 and any(size != 1 for size in shape[1:-1]):
            found.append(
                f"{describe(node)} works on a sequence of shape {shape}, which hls4ml 1.3 flattens; give one"
                " token at a time, or use batflow.hls.hls4ml.convert for a whole encoder"
            )
    return found


def input_steps(model: ModelWrapper) -> tuple[float, int]:
    """Return (step, largest) of the quantizer at the graph's input; (1, 127) where there is none."""
    for node in model.find_consumers(model.graph.input[0].name) or []:
        if node.op_type == "Quant":
            scale, bits = (float(np.max(model.get_initializer(node.input[i]))) for i in (1, 3))
            return scale, 2 ** int(bits - 1)
    return 1.0, 127


def make_inputs(model: ModelWrapper, samples: int, seed: int) -> npt.NDArray[np.float32]:
    """Return float32 [n, ...] inputs: ``samples`` random ones, then the adversarial.

    Values are multiples of half the input's step, so ties occur; the adversarial are zeros, both
    extremes, beyond them, alternating signs, one element alone, and rows of one value.
    """
    shape = tuple(model.get_tensor_shape(model.graph.input[0].name)[1:])
    step, largest = input_steps(model)
    rng = np.random.default_rng(seed)
    half = rng.integers(-2 * largest - 3, 2 * largest + 4, size=(samples, *shape))
    size = int(np.prod(shape))
    ends = [np.full(size, v) for v in (0, 1, -1, 2 * largest, -2 * largest, 4 * largest, -4 * largest)]
    signs = [np.where(np.arange(size) % 2 == odd, 2 * largest, -2 * largest) for odd in (0, 1)]
    alone = [np.eye(size)[at] * 2 * largest for at in (0, size - 1)]
    special = np.stack([*ends, *signs, *alone]).reshape(-1, *shape)
    values: npt.NDArray[np.float32] = (np.concatenate([half, special]) * (step / 2)).astype(np.float32)
    return values
