# SPDX-License-Identifier: Apache-2.0
"""The guard of hls4ml's stock layers: an exact net passes, the known silent faults are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper

from batflow.errors import EngineError, FormatError, InputError, MismatchError
from batflow.hls.hls4ml import check_stock, guarded_convert
from batflow.hls.hls4ml.stock import run_qonnx, same_up_to_line
from batflow.hls.hls4ml.stock_graph import clean, fraction_bits, make_inputs

from . import stock_nets as nets
from .hls4ml_need import need_hls4ml


@pytest.fixture(autouse=True)
def tools() -> None:
    need_hls4ml()


def flip_weight(model: ModelProto, shape: tuple[int, int]) -> ModelProto:
    """``model`` with one weight of the matrix of ``shape`` negated."""
    changed = ModelProto()
    changed.CopyFrom(model)
    tensor = next(t for t in changed.graph.initializer if tuple(t.dims) == shape)
    values = numpy_helper.to_array(tensor).copy()
    values[3, 5] *= -1
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return changed


def test_an_exact_head_passes_and_a_flipped_weight_does_not(tmp_path: Path) -> None:
    model = nets.exact_head().model()
    graph = guarded_convert(model, tmp_path / "head")
    wrapper = clean(model)
    inputs = make_inputs(wrapper, 20, 5)
    want = run_qonnx(wrapper, inputs)[wrapper.graph.output[0].name].reshape(len(inputs), -1)
    assert np.array_equal(graph.predict(inputs), want) and np.unique(want).size > 10
    with pytest.raises(MismatchError, match=r"first wrong layer: Dense_MatMul_0 of node MatMul_0"):
        check_stock(flip_weight(model, (16, 24)), graph, samples=30)


def test_an_exact_head_passes_as_streams(tmp_path: Path) -> None:
    guarded_convert(nets.exact_head().model(), tmp_path / "head", io_type="io_stream")


@pytest.mark.parametrize(
    ("net", "named"),
    [
        (nets.bipolar_elastic, "first wrong layer: Dense_MatMul_1 of node MatMul_1"),
        (nets.equal_scales, "no layer quantizes as node Quant_2"),
        (nets.two_activations, "no code for layer MatMul_0"),
        (nets.softmax, "first wrong layer: Softmax_0 of node Softmax_0"),
    ],
)
def test_silent_faults_are_refused_by_layer(tmp_path: Path, net: Callable[[], nets.Net], named: str) -> None:
    with pytest.raises(MismatchError, match=named):
        guarded_convert(net().model(), tmp_path / "net")


@pytest.mark.parametrize(
    ("net", "kind", "named"),
    [
        (nets.channel_scales, EngineError, r"node BipolarQuant_0 \(BipolarQuant\) has a scale for each"),
        (nets.sequence, EngineError, r"node MatMul_0 \(MatMul\) works on a sequence of shape \[1, 4, 16\]"),
        (nets.layer_norm, InputError, r"node LayerNormalization_0 \(LayerNormalization\) is not supported"),
    ],
)
def test_what_the_converter_cannot_take_is_named(
    tmp_path: Path, net: Callable[[], nets.Net], kind: type[Exception], named: str
) -> None:
    with pytest.raises(kind, match=named):
        guarded_convert(net().model(), tmp_path / "net")


@pytest.mark.parametrize("mode", ["CEIL", "ROUND_TO_ZERO", "HALF_UP"])
def test_another_rounding_is_named(tmp_path: Path, mode: str) -> None:
    net = nets.Net((1, 8)).quant(1.0, 8).linear(8, 4).quant(2.0, 4, mode=mode)
    with pytest.raises(InputError, match=rf"node Quant_1 \(Quant\) rounds with {mode}.* ROUND and FLOOR"):
        guarded_convert(net.model(), tmp_path)


@pytest.mark.parametrize("scale", [0.1, 2.0**-17, 0.0, -1.0, 2.0**15])
def test_a_scale_between_the_numbers_is_named(tmp_path: Path, scale: float) -> None:
    net = nets.Net((1, 8)).quant(1.0, 8).linear(8, 4).quant(scale, 4)
    with pytest.raises(InputError, match=r"node Quant_1 \(Quant\) has scale .* fixed<32,16> does not hold"):
        guarded_convert(net.model(), tmp_path)


def test_a_computed_scale_is_named(tmp_path: Path) -> None:
    net = nets.Net((1, 8)).quant(1.0, 8)
    net.add("BipolarQuant", [net.tensor, net.tensor], nets.QONNX)
    with pytest.raises(InputError, match="computes its scale"):
        guarded_convert(net.model(), tmp_path)


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    net = nets.Net((1, 8))
    net.add("Add", ["x", "y"])
    model = net.model()
    model.graph.input.append(helper.make_tensor_value_info("y", 1, [1, 8]))
    with pytest.raises(InputError, match="2 inputs and 1 outputs"):
        guarded_convert(model, tmp_path)


def test_unreadable_files_and_precisions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07junk")
    for name in ("bad.onnx", "absent.onnx"):
        with pytest.raises(FormatError, match=name.replace(".", r"\.")):
            guarded_convert(tmp_path / name, tmp_path)
    assert fraction_bits("fixed<32,16>") == (16, 16) and fraction_bits("ap_fixed<12, 4>") == (4, 8)
    with pytest.raises(InputError, match="is not of the form"):
        guarded_convert(nets.exact_head().model(), tmp_path, precision="float")


def test_a_line_explains_encodings_and_moved_scales_only() -> None:
    rng = np.random.default_rng(1)
    sign = rng.choice([-1.0, 1.0], size=(5, 8))
    assert same_up_to_line(sign, ((sign + 1) / 2).ravel())
    assert not same_up_to_line(sign, (-sign).ravel())
    assert not same_up_to_line(sign, np.zeros(40)) and not same_up_to_line(sign, sign.ravel()[1:])
    values = rng.integers(-9, 9, size=(5, 8)).astype(np.float64)
    assert same_up_to_line(values, (values * 0.75 - 3).ravel())
    wrong = values.ravel().copy()
    wrong[7] += 1
    assert not same_up_to_line(values, wrong)
    assert same_up_to_line(np.zeros(4), np.full(4, 3.0)) and not same_up_to_line(np.zeros(4), np.arange(4.0))


def test_inputs_hold_ties_and_extremes() -> None:
    net = nets.Net((1, 8)).quant(0.5, 4)
    inputs = make_inputs(clean(net.model()), 50, 0)
    assert inputs.shape == (61, 8) and inputs.dtype == np.float32
    assert {0.25, -4.0, 4.0, 8.0, -8.0} <= set(inputs.ravel().tolist())
    assert (inputs == 0).all(axis=1).any()
