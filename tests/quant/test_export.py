# SPDX-License-Identifier: Apache-2.0
"""model.onnx: schema, constants, metadata, hash; and its Requant nodes re-evaluated in numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from batflow.errors import InputError
from batflow.quant.config import SITES
from batflow.quant.constants import build_constants
from batflow.quant.deploy import IntegerModel
from batflow.quant.export import HASH_KEY, build_onnx, content_hash, export_onnx

from .models import HEADS, HIDDEN, MAX_LEN, VOCAB, tiny_pretrained, tiny_student

VOCABULARY = tiny_pretrained().vocab


def built(**changes: Any) -> tuple[onnx.ModelProto, IntegerModel]:
    constants = build_constants(tiny_student(**changes))
    return build_onnx(constants, VOCABULARY), IntegerModel(constants)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {node.output[0]: node for node in model.graph.node}


def arrays(model: onnx.ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
def test_all_widths_deploy_and_export(bits: int, kind: str) -> None:
    model, integer = built(bits=bits, weight=kind)
    made = producers(model)
    taps = integer.trace([3, 1, 4, 1, 5, 9, 2])
    assert set(taps) <= set(made)
    for site in SITES:
        node = made[f"L1.{site}"]
        assert attributes(node)["bits"] == bits
        if site != "probs":
            assert attributes(node)["signed"] == (site != "ffn_mid")
    quantizer = made["L0.ffn1.weight.quant"]
    assert quantizer.op_type == ("Quant" if kind == "ternary" else "BipolarQuant")
    weight = arrays(model)["L0.ffn1.weight"]
    assert weight.shape == (HIDDEN, 24)
    assert set(np.unique(weight)) <= ({-1, 0, 1} if kind == "ternary" else {-1, 1})
    assert len(made["L0.ffn_mid"].input) == (5 if kind == "wtws" else 3)
    assert len(made["L0.ffn_sum"].input) == (6 if kind == "wtws" else 4)


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
@pytest.mark.parametrize("bits", [1, 4])
def test_requant_nodes_re_evaluated(kind: str, bits: int) -> None:
    """The product and its Requant, from the graph's own constants, give the tap of deploy mode."""
    model, integer = built(bits=bits, weight=kind)
    taps, value, made = integer.trace([7, 8, 9, 10, 11]), arrays(model), producers(model)
    for tap, source in (("q", "attn_in"), ("k", "attn_in"), ("v", "attn_in"), ("ffn_mid", "ffn_in")):
        node = made[f"L1.{tap}"]
        total = value[node.input[2]].astype(np.int64)
        for position in range(0, len(node.input), 3):
            product = made[node.input[position]]
            assert product.input[0] == f"L1.{source}"
            weight = value[made[product.input[1]].input[0]].astype(np.int64)
            total = total + (taps[f"L1.{source}"] @ weight) * value[node.input[position + 1]]
        y = total >> attributes(node)["shift"]
        signed = attributes(node)["signed"]
        if bits == 1 and signed:
            q = np.where(y >= 0, 1, -1)
        else:
            low = -(1 << (bits - 1)) if signed else 0
            q = np.clip(y, low, low + (1 << bits) - 1)
        assert np.array_equal(q, taps[f"L1.{tap}"])


def test_contract() -> None:
    model, _ = built()
    onnx.checker.check_model(model)
    assert {(o.domain, o.version) for o in model.opset_import} >= {("", 17), ("batflow.bat", 1)}
    for value in model.graph.input:
        assert value.type.tensor_type.elem_type == onnx.TensorProto.INT64
        assert [d.dim_value for d in value.type.tensor_type.shape.dim] == [1, MAX_LEN]
    names = [v.name for v in model.graph.input]
    assert names == ["input_ids", "token_type_ids", "attention_mask"]
    (output,) = model.graph.output
    assert output.name == "logits"
    assert output.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    value, made = arrays(model), producers(model)
    assert value["embed.word"].dtype == np.int16 and value["embed.word"].shape == (VOCAB, HIDDEN)
    assert value["embed.position"].shape == (MAX_LEN, HIDDEN)
    assert value["embed.type"].shape == (2, HIDDEN)
    for node in model.graph.node:
        if node.domain == "batflow.bat":
            for name in node.input:
                assert name not in value or value[name].dtype == np.int64
    assert set(attributes(made["L0.probs"])) == {"scale", "scale_shift", "reciprocal", "shift", "bits"}
    assert set(attributes(made["embed"])) == {"shift", "epsilon"}
    assert attributes(made["pooled"])["mode"] == b"mean"
    heads = attributes(made["L0.k.heads"])
    assert heads["perm"] == [0, 2, 3, 1]
    assert value["split_shape"].tolist()[-2:] == [HEADS, HIDDEN // HEADS]


def test_every_tensor_between_nodes_has_a_datatype() -> None:
    model, _ = built(bits={"q": 1, "probs": 1, "ffn_mid": 2})
    kinds = {
        a.tensor_name: a.quant_parameter_tensor_names[0].value for a in model.graph.quantization_annotation
    }
    assert {node.output[0] for node in model.graph.node} <= set(kinds)
    found = [kinds[f"L0.{n}"] for n in ("q", "probs", "ffn_mid", "k", "attn_sum", "q.weight.quant")]
    assert found == ["BIPOLAR", "BINARY", "UINT2", "INT4", "INT16", "BIPOLAR"]


def test_accumulator_datatypes_hold_the_accumulators() -> None:
    model, integer = built(bits=8)
    taps, value = integer.trace(list(range(1, 11))), arrays(model)
    kinds = {
        a.tensor_name: a.quant_parameter_tensor_names[0].value for a in model.graph.quantization_annotation
    }
    acc = taps["L0.ffn_mid"] @ value["L0.ffn2.weight"].astype(np.int64)
    bits = int(kinds["L0.ffn2.acc"].removeprefix("INT"))
    assert np.abs(acc).max() < 1 << (bits - 1)


def test_metadata_and_hash(tmp_path: Path) -> None:
    constants = build_constants(tiny_student())
    export_onnx(constants, VOCABULARY[:-3], tmp_path / "model.onnx", {"note": "x"})
    model = onnx.load(tmp_path / "model.onnx")
    meta = {entry.key: entry.value for entry in model.metadata_props}
    config = json.loads(meta["batflow.config"])
    assert meta["batflow.numerics"] == "1" and config["note"] == "x"
    assert config["frac_bits"] == constants.frac_bits and len(config["frac_bits"]) == 5
    assert config["frac_bits_logits"] == constants.frac_bits_logits
    assert config["labels"] == ["0", "1", "2"]
    vocab = meta["batflow.vocab"].split("\n")
    assert len(vocab) == len(set(vocab)) == VOCAB and vocab[:37] == VOCABULARY[:-3]
    assert meta[HASH_KEY] == content_hash(model)
    model.graph.node[5].name += "x"
    assert meta[HASH_KEY] != content_hash(model)
    model.graph.node[5].name = model.graph.node[5].name[:-1]
    model.metadata_props[0].value += " "
    assert meta[HASH_KEY] != content_hash(model)


def test_export_is_reproducible() -> None:
    one, two = built()[0], built()[0]
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)


def test_too_many_tokens_are_refused() -> None:
    constants = build_constants(tiny_student())
    with pytest.raises(InputError, match="41 tokens"):
        build_onnx(constants, [*VOCABULARY, "more"])
