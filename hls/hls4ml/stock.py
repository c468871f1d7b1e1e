# SPDX-License-Identifier: Apache-2.0
"""hls4ml's stock layers behind a guard: equal to qonnx number for number, or refused by layer.

hls4ml 1.3 gives wrong numbers without a word for several binarized nets (docs/hls4ml.md). So a stock
model is only handed out after it has answered random and adversarial inputs as qonnx does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from batflow.errors import EngineError, MismatchError

from .stock_graph import QUANTIZERS, check_nodes, clean, describe, make_inputs, suspects
from .tool import hls4ml_step, require_hls4ml

Tensors = dict[str, npt.NDArray[np.float64]]
ELEMENTWISE = (*QUANTIZERS, "Add", "Sub", "Mul", "Div", "Relu")
"""Operations that hls4ml may merge into the layer before them."""
NO_CODE = ("Input", "Constant")


@dataclass(frozen=True)
class StockReport:
    """What was compared: ``inputs`` samples, and the ``layers`` that were matched to a tensor."""

    inputs: int
    layers: tuple[str, ...]


def guarded_convert(
    model: Any,
    output_dir: Path | str,
    *,
    io_type: str = "io_parallel",
    precision: str = "fixed<32,16>",
    samples: int = 100,
    seed: int = 0,
    project_name: str = "stock",
) -> Any:
    """Convert a QONNX model through hls4ml's stock layers (Vitis), and return it only if it is exact.

    The model is compiled for the check; ``compile`` it again before ``predict`` or ``write``.

    Args:
        model: a path, ``ModelProto`` or ``ModelWrapper``; one input, one output.
        output_dir: folder of the project.
        io_type: ``io_parallel`` or ``io_stream``.
        precision: hls4ml's default precision; inputs and scales must be numbers of it.
        samples: random inputs, beside the adversarial ones.
        seed: of the random inputs.
        project_name: name of the top function.

    Raises:
        MissingToolError: hls4ml is absent or of an untested version.
        FormatError: no readable model.
        InputError: a node that hls4ml does not carry; the message names it and says what to do.
        EngineError: hls4ml failed to convert or compile.
        MismatchError: the numbers differ; the message names the first layer that is wrong.
    """
    hls4ml = require_hls4ml()
    wrapper = clean(model)
    check_nodes(wrapper, precision)
    try:
        with hls4ml_step("convert the model"):
            config = hls4ml.utils.config_from_onnx_model(
                wrapper, granularity="name", backend="Vitis", default_precision=precision
            )
            for layer in config["LayerName"].values():
                layer["Trace"] = True
            graph = hls4ml.converters.convert_from_onnx_model(
                wrapper,
                output_dir=str(output_dir),
                project_name=project_name,
                backend="Vitis",
                io_type=io_type,
                hls_config=config,
            )
    except EngineError as exc:
        raise EngineError("; ".join([str(exc), *suspects(wrapper)])) from exc
    check_stock(wrapper, graph, samples, seed)
    return graph


def check_stock(model: Any, graph: Any, samples: int = 100, seed: int = 0) -> StockReport:
    """Compare hls4ml's ``graph``, converted with ``Trace`` on every layer, with qonnx's execution.

    The outputs must be equal as numbers, without a tolerance. Where they are not, layers are walked in
    order: each is compared with the tensor of its node, or with one that elementwise nodes make of it,
    up to one factor and one offset, which hls4ml moves along the graph.

    Raises:
        EngineError: the project does not compile.
        MismatchError: naming the first wrong layer, or the layer for which hls4ml writes no code.
    """
    wrapper = clean(model)
    for layer in graph.get_layers():
        if layer.class_name not in NO_CODE and not layer.get_attr("function_cpp"):
            raise MismatchError(
                f"hls4ml writes no code for layer {layer.name} ({layer.class_name}); its output would be"
                " noise; keep that node on the host"
            )
    inputs = _held(graph, make_inputs(wrapper, samples, seed))
    expected = run_qonnx(wrapper, inputs)
    with hls4ml_step("compile the model"):
        outputs, traces = graph.trace(np.ascontiguousarray(inputs))
    graph.config.trace_output = False
    want = expected[wrapper.graph.output[0].name].reshape(len(inputs), -1)
    have = np.asarray(outputs, dtype=np.float64).reshape(len(inputs), -1)
    if want.shape == have.shape and np.array_equal(want, have):
        return StockReport(len(inputs), tuple(traces))
    wrong = 0 if want.shape != have.shape else int((want != have).any(axis=1).sum())
    where = first_wrong(wrapper, graph, expected, traces)
    raise MismatchError(
        f"hls4ml's stock layers give other numbers than qonnx for {wrong or len(inputs)} of {len(inputs)}"
        f" inputs; first wrong layer: {where}; use power-of-two scales without beta there, or keep it on"
        " the host"
    )


def _held(graph: Any, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Bring ``inputs`` to numbers of the graph's input type: what lies outside is no fault of a layer."""
    precision = graph.get_input_variables()[0].type.precision
    step = 2.0 ** -(precision.width - precision.integer)
    limit = 2.0 ** (precision.integer - 1) - step
    values: npt.NDArray[np.float32] = (np.floor(inputs / step) * step).clip(-limit, limit).astype(np.float32)
    return values


def run_qonnx(model: ModelWrapper, inputs: npt.NDArray[np.float32]) -> Tensors:
    """Every data tensor of ``model`` over ``inputs``, float64 [n, ...]."""
    name = model.graph.input[0].name
    rows = [execute_onnx(model, {name: row[None]}, return_full_exec_context=True) for row in inputs]
    constants = {tensor.name for tensor in model.graph.initializer}
    return {
        tensor: np.stack([row[tensor] for row in rows]).astype(np.float64)
        for tensor in rows[0]
        if tensor not in constants
    }


def first_wrong(
    model: ModelWrapper, graph: Any, expected: Tensors, traces: Mapping[str, npt.NDArray[Any]]
) -> str:
    """Name the first layer whose values no tensor of its node explains, its node, and what is lost there.

    A quantizer is lost when it feeds that node and no layer gave its values.
    """
    name, explained = "none is traced", set[str]()
    for layer in graph.get_layers():
        if layer.name not in traces:
            continue
        values = np.asarray(traces[layer.name], dtype=np.float64).ravel()
        candidates = list(_candidates(model, layer.name, layer.outputs))
        right = {tensor for _, tensor in candidates if same_up_to_line(expected[tensor], values)}
        explained |= right
        name = f"{layer.name} of {describe(candidates[0][0])}" if candidates else layer.name
        if candidates and not right:
            source = model.find_producer(candidates[0][0].input[0])
            if source is None or source.op_type not in QUANTIZERS or source.output[0] in explained:
                return name
            return f"{name}; no layer quantizes as {describe(source)} before it"
    return name


def _candidates(model: ModelWrapper, layer: str, outputs: list[str]) -> Iterator[tuple[Any, str]]:
    """(node, tensor) that ``layer`` may compute, first the node that it is named after."""
    constants = _constant_tensors(model)
    named = [n for n in model.graph.node if re.search(rf"(^|_){re.escape(n.name)}(_|$)", layer)]
    named += [n for n in model.graph.node if n.output[0] in outputs]
    node = next((n for n in named if n.output[0] not in constants), None)
    while node is not None:
        yield node, node.output[0]
        following = model.find_consumers(node.output[0]) or []
        node = following[0] if len(following) == 1 and following[0].op_type in ELEMENTWISE else None


def _constant_tensors(model: ModelWrapper) -> set[str]:
    """Tensors that do not depend on the input: weights and their quantized forms."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if all(name in constants for name in node.input):
            constants.update(node.output)
    return constants


def same_up_to_line(tensor: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> bool:
    """Whether ``values`` is ``a * tensor + b`` with one a > 0 and one b.

    The two encodings of {-1, +1} are such a pair, and a scale that was moved behind a product.
    """
    flat = tensor.ravel()
    if flat.shape != values.shape:
        return False
    low, high = int(np.argmin(flat)), int(np.argmax(flat))
    span = flat[high] - flat[low]
    if span == 0:
        return bool((values == values[0]).all())
    slope = (values[high] - values[low]) / span
    line = values[low] + slope * (flat - flat[low])
    return bool(slope > 0 and np.allclose(line, values, rtol=0, atol=1e-9 * max(1.0, np.abs(values).max())))
