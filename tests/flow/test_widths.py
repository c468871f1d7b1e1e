# SPDX-License-Identifier: Apache-2.0
"""Every activation width and weight kind from torch through model.onnx to the program, exactly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from batflow.errors import FormatError
from batflow.hls.lowering import lower
from batflow.hls.qonnx_runner import QonnxModel
from batflow.hls.reference.encoder import Reference
from batflow.quant.constants import build_constants
from batflow.quant.deploy import IntegerModel
from batflow.quant.export import export_onnx

from .tiny_model import TOKENS, tiny_classifier, tiny_split

MIXED = {"attn_in": 8, "q": 3, "k": 2, "v": 5, "probs": 1, "ctx": 4, "ffn_in": 6, "ffn_mid": 7}


@pytest.mark.parametrize("weight", ["binary", "ternary", "tws", "wtws"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 8, MIXED], ids=str)
def test_torch_qonnx_and_reference_agree(tmp_path: Path, bits: int, weight: str) -> None:
    model = tiny_classifier(bits, weight)
    constants = build_constants(model)
    export_onnx(constants, TOKENS, tmp_path / "model.onnx")
    split = tiny_split(24, seed=5)
    integer = IntegerModel(constants)
    expected = integer.logits(split.ids, split.types, split.mask).numpy()
    ids, types, mask = (x.numpy().astype(np.int64) for x in (split.ids, split.types, split.mask))
    found, _ = QonnxModel(tmp_path / "model.onnx", batch=16).run(ids, types, mask)
    assert np.array_equal(found, expected)
    reference = Reference(lower(tmp_path / "model.onnx"))
    for row, length in enumerate(mask.sum(1)):
        sentence, kinds = ids[row, :length], types[row, :length]
        outcome = reference.run(sentence, kinds)
        assert np.array_equal(outcome.logits, expected[row])
        if row in (0, 11):
            taps = integer.trace(sentence.tolist(), kinds.tolist())
            assert taps.keys() == outcome.taps.keys()
            assert [name for name in taps if not np.array_equal(taps[name], outcome.taps[name])] == []


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("scale", ["channel", "tensor"])
def test_pooling_and_weight_scale(tmp_path: Path, pooling: str, scale: str) -> None:
    constants = build_constants(tiny_classifier(pooling=pooling, weight_scale=scale))
    export_onnx(constants, TOKENS, tmp_path / "model.onnx")
    reference = Reference(lower(tmp_path / "model.onnx"))
    split = tiny_split(12, seed=6)
    expected = IntegerModel(constants).logits(split.ids, split.types, split.mask).numpy()
    for row in range(12):
        length = int(split.mask[row].sum())
        found = reference.run(split.ids[row, :length].numpy(), split.types[row, :length].numpy())
        assert np.array_equal(found.logits, expected[row])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(build_constants(tiny_classifier()), TOKENS, path)
    return path


def test_one_flipped_weight_is_seen(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(str(exported))
    tensor = next(t for t in model.graph.initializer if t.name == "L1.o.weight")
    values = numpy_helper.to_array(tensor).copy()
    values[3, 7] *= -1
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    # Re-signed, so that the change reaches the engine instead of the hash check.
    _save(model, tmp_path / "flipped.onnx")
    one, two = (Reference(lower(path)) for path in (exported, tmp_path / "flipped.onnx"))
    split = tiny_split(12)
    length = int(split.mask[11].sum())
    before, after = (r.run(split.ids[11, :length].numpy()).taps for r in (one, two))
    assert next(name for name in before if not np.array_equal(before[name], after[name])) == "L1.attn_sum"


def _save(model: onnx.ModelProto, path: Path) -> None:
    from batflow.quant.export import HASH_KEY, content_hash

    for entry in model.metadata_props:
        if entry.key == HASH_KEY:
            entry.value = content_hash(model)
    onnx.save(model, str(path))


def _node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.output[0] == name)


def _set(model: onnx.ModelProto, node: str, attribute: str, value: int) -> None:
    next(a for a in _node(model, node).attribute if a.name == attribute).i = value


def _edit_config(model: onnx.ModelProto, key: str, value: object) -> None:
    entry = next(e for e in model.metadata_props if e.key == "batflow.config")
    entry.value = json.dumps(json.loads(entry.value) | {key: value})


def _fill(model: onnx.ModelProto, name: str, value: float) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    values = np.full_like(numpy_helper.to_array(tensor), value)
    tensor.CopyFrom(numpy_helper.from_array(values, name))


EDITS = {
    "bits of a site": lambda m: _set(m, "L0.q", "bits", 9),
    "no bits": lambda m: _set(m, "L0.q", "bits", 0),
    "sign of a site": lambda m: _set(m, "L0.ffn_mid", "signed", 1),
    "shift": lambda m: _set(m, "L1.attn_sum", "shift", 41),
    "heads": lambda m: _edit_config(m, "heads", 3),
    "heads that divide but differ": lambda m: _edit_config(m, "heads", 4),
    "layers": lambda m: _edit_config(m, "layers", 3),
    "fewer layers": lambda m: _edit_config(m, "layers", 1),
    "labels": lambda m: _edit_config(m, "labels", ["a"]),
    "max_len": lambda m: _edit_config(m, "max_len", 99),
    "weights of 2": lambda m: _fill(m, "L0.o.weight", 2.0),
    "weights of 1/2": lambda m: _fill(m, "L0.o.weight", 0.5),
    "weight scale": lambda m: _fill(m, "L0.o.weight.scale", 0.5),
    "negative M": lambda m: _fill(m, "L0.k.M", -1),
    "huge C": lambda m: _fill(m, "L0.k.C", 1 << 45),
    "epsilon": lambda m: _set(m, "L0.attn_out", "epsilon", 0),
    "reciprocal": lambda m: _set(m, "L0.probs", "reciprocal", 1 << 40),
    "wired past a layer": lambda m: _node(m, "L1.attn_in").input.__setitem__(0, "embed"),
    "wired past the mask": lambda m: _node(m, "L0.probs").input.__setitem__(1, "token_type_ids"),
    "keys for queries": lambda m: _node(m, "L0.q.split").input.__setitem__(0, "L0.k"),
    "another operator": lambda m: setattr(_node(m, "L0.attn_out"), "op_type", "GroupNorm"),
    "numerics version": lambda m: setattr(
        next(e for e in m.metadata_props if e.key == "batflow.numerics"), "value", "2"
    ),
    "no config": lambda m: m.metadata_props.remove(
        next(e for e in m.metadata_props if e.key == "batflow.config")
    ),
    "a node more": lambda m: m.graph.node.append(
        onnx.helper.make_node("Relu", ["L1.ffn_out"], ["extra"], name="extra")
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_graphs_are_refused(exported: Path, tmp_path: Path, edit: str) -> None:
    model = onnx.load(str(exported))
    EDITS[edit](model)
    _save(model, tmp_path / "edited.onnx")
    with pytest.raises(FormatError) as caught:
        lower(tmp_path / "edited.onnx")
    assert "\n" not in str(caught.value) and "edited.onnx" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_truncated_files_are_refused(exported: Path, tmp_path: Path, keep: float) -> None:
    data = exported.read_bytes()
    size = int(len(data) * keep) if keep < 1 else int(keep)
    (tmp_path / "short.onnx").write_bytes(data[:size])
    with pytest.raises(FormatError, match=r"short\.onnx"):
        lower(tmp_path / "short.onnx")


def test_a_changed_byte_is_refused(exported: Path, tmp_path: Path) -> None:
    data = bytearray(exported.read_bytes())
    at = data.index(np.float32(1.0).tobytes() * 2)
    data[at + 3] ^= 0x80
    (tmp_path / "changed.onnx").write_bytes(data)
    with pytest.raises(FormatError, match="hash"):
        lower(tmp_path / "changed.onnx")
