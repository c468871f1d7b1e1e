# SPDX-License-Identifier: Apache-2.0
"""Compact word tables from training to the overlay: equality of every engine, smaller programs, refusals."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from rich.console import Console

from batflow.errors import FormatError, InputError
from batflow.files import read_json
from batflow.flow.pipeline import run_steps
from batflow.flow.run_folder import start_run
from batflow.flow.settings import RunConfig
from batflow.flow.steps import STEPS
from batflow.flow.train_steps import attach_checkpoint
from batflow.hls.lowering import lower
from batflow.hls.program_io import save_program, to_arrays
from batflow.hls.qonnx_runner import QonnxModel
from batflow.hls.reference.encoder import Reference
from batflow.host.embedding import embed
from batflow.host.program import load_program
from batflow.quant.calibration import calibrate_residual
from batflow.quant.classifier import BmtClassifier, Embeddings
from batflow.quant.constants import build_constants
from batflow.quant.deploy import IntegerModel
from batflow.quant.export import HASH_KEY, content_hash, export_onnx

from .tiny_model import HIDDEN, TOKENS, VOCAB, tiny_classifier, tiny_pretrained, tiny_split
from .tiny_run import tiny_config

KINDS = ("int8", "binary")


def extreme_classifier(kind: str) -> BmtClassifier:
    """A model whose words include rows of zeros, of one value, of extremes and with one spike."""
    model = tiny_classifier(embedding=kind)
    source = tiny_pretrained()
    word = source.word.copy()
    word[:5] = np.array([0, 0.25, 3.0, -3.0, 1e-6])[:, None]
    word[5], word[6] = np.where(np.arange(HIDDEN) % 2, 3.0, -3.0), np.eye(1, HIDDEN, 7)[0] * 3
    norm = model.embeddings.norm.state_dict()
    model.embeddings = Embeddings(model.config, replace(source, word=word), stepped=True)
    model.embeddings.norm.load_state_dict(norm)
    calibrate_residual(model, tiny_split())
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_deploy_qonnx_reference_and_host_agree(tmp_path: Path, kind: str) -> None:
    model = extreme_classifier(kind)
    constants = build_constants(model)
    export_onnx(constants, TOKENS, tmp_path / "model.onnx")
    split = tiny_split(24, seed=5)
    split.ids[:12] = split.ids[:12] % 7
    integer = IntegerModel(constants)
    expected = integer.logits(split.ids, split.types, split.mask).numpy()
    ids, types, mask = (x.numpy().astype(np.int64) for x in (split.ids, split.types, split.mask))
    found, taps = QonnxModel(tmp_path / "model.onnx", batch=24).run(ids, types, mask, taps=True)
    assert np.array_equal(found, expected)
    rows = constants.word.rows(ids)
    assert np.array_equal(np.rint(taps["embed.word_scaled"]).astype(np.int64), rows)
    program = lower(tmp_path / "model.onnx")
    save_program(program, tmp_path / "program")
    reference, host = Reference(program), load_program(tmp_path / "program")
    for row, length in enumerate(mask.sum(1)):
        sentence, kinds = ids[row, :length], types[row, :length]
        outcome = reference.run(sentence, kinds)
        assert np.array_equal(outcome.logits, expected[row])
        assert np.array_equal(embed(host, sentence, kinds), outcome.taps["embed"])
        trace = integer.trace(sentence.tolist(), kinds.tolist())
        assert np.array_equal(trace["embed"], outcome.taps["embed"])


@pytest.mark.parametrize("kind", KINDS)
def test_one_changed_scale_is_seen(tmp_path: Path, kind: str) -> None:
    """Negative control: the comparison above reads each row's own scale."""
    export_onnx(build_constants(tiny_classifier(embedding=kind)), TOKENS, tmp_path / "model.onnx")
    program = lower(tmp_path / "model.onnx")
    reference = Reference(program)
    before = [reference.run([7, 8, 9]).taps["embed"], reference.run([9, 8]).taps["embed"]]
    word = program.host.word
    scale = word.scale + np.where(np.arange(VOCAB) == 7, 200, 0).astype(np.int16)
    changed = replace(program, host=replace(program.host, word=replace(word, scale=scale)))
    reference = Reference(changed)
    after = [reference.run([7, 8, 9]).taps["embed"], reference.run([9, 8]).taps["embed"]]
    assert (before[0] != after[0]).any(axis=1).tolist() == [True, False, False]
    assert np.array_equal(before[1], after[1])


def test_the_program_shrinks(tmp_path: Path) -> None:
    sizes = {}
    for kind in ("int16", *KINDS):
        export_onnx(build_constants(tiny_classifier(embedding=kind)), TOKENS, tmp_path / f"{kind}.onnx")
        arrays = to_arrays(lower(tmp_path / f"{kind}.onnx"))
        sizes[kind] = sum(a.nbytes for name, a in arrays.items() if name.startswith("embed.word"))
    assert sizes == {"int16": VOCAB * HIDDEN * 2, "int8": VOCAB * (HIDDEN + 2), "binary": VOCAB * (8 + 2)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_climbs_the_whole_ladder(tmp_path: Path, kind: str) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no g++: csim cannot be compiled")
    values = tiny_config(tmp_path).model_dump() | {"embedding": kind}
    run = start_run(tmp_path / "runs", kind, RunConfig.create(values))
    console = Console(file=io.StringIO())
    run_steps(STEPS, run, console, last="build")
    run_steps(STEPS, run, console, first="verify", last="verify")
    record = read_json(run.artefact("verify.json"))
    assert record["engines"][:5] == ["deploy", "qonnx", "reference", "csim", "overlay"]
    assert record["mismatches"] == 0 and record["n"] > 5
    assert record["negative_control"]["caught"] and record["negative_control"]["located"]
    assert read_json(run.artefact("program") / "program.json")["embed_word"]["kind"] == kind


def test_the_attached_checkpoint_has_int16_words(tmp_path: Path) -> None:
    run = start_run(tmp_path, "int8", RunConfig(embedding="int8"))
    with pytest.raises(InputError, match="embedding int16 and the run asks for int8"):
        attach_checkpoint(run, lambda done, total: None)


def _signed(model: onnx.ModelProto, path: Path) -> Path:
    for entry in model.metadata_props:
        if entry.key == HASH_KEY:
            entry.value = content_hash(model)
    onnx.save(model, str(path))
    return path


def _set(model: onnx.ModelProto, name: str, change: Callable[[Any], Any]) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))


def _node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.output[0] == name)


def _kind(model: onnx.ModelProto, kind: str) -> None:
    entry = next(e for e in model.metadata_props if e.key == "batflow.config")
    entry.value = entry.value.replace('"embedding": "int8"', f'"embedding": "{kind}"')


EDITS: dict[str, Callable[[onnx.ModelProto], None]] = {
    "unknown kind": lambda m: _kind(m, "int4"),
    "kind int16": lambda m: _kind(m, "int16"),
    "kind binary": lambda m: _kind(m, "binary"),
    "int16 values": lambda m: _set(m, "embed.word", lambda a: a.astype(np.int16)),
    "-128": lambda m: _set(m, "embed.word", lambda a: np.full_like(a, -128)),
    "negative scale": lambda m: _set(m, "embed.word.scale", lambda a: -a),
    "short scale": lambda m: _set(m, "embed.word.scale", lambda a: a[:-1]),
    "shift": lambda m: setattr(_node(m, "embed.word_scaled").attribute[0], "i", 16),
    "past 16 bits": lambda m: setattr(_node(m, "embed.word_scaled").attribute[0], "i", 0),
    "scales of other tokens": lambda m: _node(m, "embed.word_scales").input.__setitem__(1, "token_type_ids"),
    "values for scales": lambda m: _node(m, "embed.word_scaled").input.__setitem__(1, "embed.word_rows"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_graphs_are_refused(tmp_path: Path, edit: str) -> None:
    export_onnx(build_constants(tiny_classifier(embedding="int8")), TOKENS, tmp_path / "model.onnx")
    model = onnx.load(str(tmp_path / "model.onnx"))
    lower(_signed(model, tmp_path / "same.onnx"))
    EDITS[edit](model)
    with pytest.raises(FormatError) as caught:
        lower(_signed(model, tmp_path / "edited.onnx"))
    assert "\n" not in str(caught.value) and "edited.onnx" in str(caught.value)
