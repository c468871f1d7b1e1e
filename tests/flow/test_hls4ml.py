# SPDX-License-Identifier: Apache-2.0
"""The rung hls4ml: equal to the reference, a flipped bit is located, and an absent tool is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from batflow.errors import FormatError, MissingToolError
from batflow.flow.engines import ReferenceRung
from batflow.flow.mutation import Flip, flip_weight
from batflow.flow.sampled_rungs import hls4ml_rung
from batflow.flow.verify import Sentence, climb
from batflow.hls.hls4ml import convert, encode, read_program, seal
from batflow.hls.program import EncoderProgram
from batflow.hls.reference.encoder import Reference
from batflow.hls.reference.host import embed
from batflow.quant.constants import build_constants
from batflow.quant.export import export_onnx
from tests.hls.hls4ml_need import need_hls4ml
from tests.hls.programs import random_ids, random_program

from .tiny_model import TOKENS, VOCAB, tiny_classifier

PROGRAM = random_program(41, layers=1, hidden=32, heads=2, ffn=64, max_len=8)


def sentences() -> list[Sentence]:
    ids = [random_ids(n, PROGRAM, length) for n, length in enumerate((1, 8, 5, 8, 2))]
    return [Sentence(tuple(row.tolist()), tuple(int(i % 2) for i in row)) for row in ids]


def test_the_rung_answers_as_the_reference() -> None:
    need_hls4ml()
    (rung,), skipped = hls4ml_rung(PROGRAM, 20)
    assert not skipped and rung.name == "hls4ml" and rung.source == "csim"
    result = climb([ReferenceRung(PROGRAM), rung], sentences(), 1, samples={"hls4ml": 3})
    assert result.mismatches == 0 and result.samples == {"hls4ml": 3}


def test_a_flipped_weight_bit_is_seen_in_its_module() -> None:
    need_hls4ml()
    (rung,), _ = hls4ml_rung(flip_weight(PROGRAM, Flip(0, "ffn1", 1, 1)), 20)
    result = climb([ReferenceRung(PROGRAM), rung], sentences(), 1)
    assert result.mismatches > 0 and result.first_mismatch is not None
    assert result.first_mismatch.tap == "L0.ffn_out"


def test_verify_goes_on_without_hls4ml_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(program: EncoderProgram) -> Path:
        raise MissingToolError("no hls4ml")

    monkeypatch.setattr("batflow.hls.hls4ml.engine.build_hls4ml", absent)
    assert hls4ml_rung(PROGRAM, 3) == ([], {"hls4ml": "no hls4ml"})
    assert hls4ml_rung(PROGRAM, 0)[1] == {"hls4ml": "verify_hls4ml_sentences is 0"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_onnx(build_constants(tiny_classifier(4, "ternary")), TOKENS, path)
    return path


def by_hand(exported: Path) -> tuple[onnx.ModelProto, dict[str, object]]:
    """The graph without its metadata, as made with onnx.helper, and its config."""
    model = onnx.load(str(exported))
    config = json.loads(next(e.value for e in model.metadata_props if e.key == "batflow.config"))
    del model.metadata_props[:]
    return model, config


def test_a_model_made_by_hand_converts_and_equals_the_reference(exported: Path, tmp_path: Path) -> None:
    need_hls4ml()
    model, config = by_hand(exported)
    for at, node in enumerate(model.graph.node):
        node.name = f"mine_{at}"
    sealed = seal(model, config, TOKENS)
    graph, program = convert(sealed, tmp_path / "project"), read_program(sealed)
    graph.compile()
    ids = [np.random.default_rng(n).integers(0, VOCAB, length) for n, length in enumerate((12, 1, 6))]
    rows = [embed(program.host, row, np.zeros_like(row)).astype(np.int16) for row in ids]
    reference = Reference(read_program(exported))
    for row, output in zip(ids, encode(graph, program, rows), strict=True):
        assert np.array_equal(output, reference.run(row).hidden)


def test_unmatched_nodes_are_named(exported: Path, tmp_path: Path) -> None:
    need_hls4ml()
    model, config = by_hand(exported)
    with pytest.raises(FormatError, match="the given model: numerics version None"):
        convert(model, tmp_path)
    extra = onnx.helper.make_node("Relu", ["L1.ffn_out"], ["extra"], name="my_relu")
    model.graph.node.append(extra)
    with pytest.raises(FormatError, match=r"node my_relu \(onnx.Relu\) is not part of a BMT encoder; remove"):
        convert(seal(model, config, TOKENS), tmp_path)
    model.graph.node.remove(extra)
    softmax = next(node for node in model.graph.node if node.output[0] == "L0.probs")
    softmax.op_type, softmax.domain, softmax.name = "Relu", "", "my_softmax"
    del softmax.attribute[:], softmax.input[1:]
    with pytest.raises(FormatError, match=r"L0.probs must come from Softmax; found node my_softmax"):
        convert(seal(model, config, TOKENS), tmp_path)


def test_a_model_edited_after_its_seal_is_refused(exported: Path, tmp_path: Path) -> None:
    need_hls4ml()
    model = onnx.load(str(exported))
    next(node for node in model.graph.node if node.output[0] == "L0.attn_in").attribute[0].i += 1
    with pytest.raises(FormatError, match="the hash does not fit the content; the file was edited"):
        convert(model, tmp_path)
