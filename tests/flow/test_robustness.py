# SPDX-License-Identifier: Apache-2.0
"""The robustness record: reproducible, equal to the packed program, complete in table and plot."""

from __future__ import annotations

import io
import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from batflow.files import read_json, write_json
from batflow.flow.interval import mean_interval
from batflow.flow.pipeline import run_steps
from batflow.flow.plots import robustness_plot
from batflow.flow.robustness import (
    ATTACKS,
    Bench,
    Levels,
    conditions,
    measure_run,
    robustness_table,
    score_of,
)
from batflow.flow.run_folder import RunFolder, start_run
from batflow.flow.settings import RunConfig
from batflow.flow.steps import STEPS
from batflow.hls.lowering import lower
from batflow.hls.reference.encoder import Reference
from batflow.quant.constants import build_constants
from batflow.quant.deploy import IntegerModel
from batflow.quant.export import export_onnx
from batflow.quant.faults import NOISE_SITES, flip_weights, flipped_bits
from batflow.quant.robustness import SCORE_RATES, SCORE_SIGMAS, robustness_score
from batflow.quant.teacher import TeacherClassifier

from .commands import batflow
from .tiny_model import TOKENS, tiny_classifier, tiny_pretrained, tiny_split
from .tiny_run import tiny_config

FEW = Levels(
    sigmas=(0.0, *SCORE_SIGMAS),
    epsilons=(0.0, 0.2),
    flip_rates=(0.0, *SCORE_RATES),
    accumulator_sigmas=(0.0, 1.0),
    pgd_steps=2,
)


@pytest.fixture(scope="module")
def bench() -> Bench:
    student = tiny_classifier()
    teacher = TeacherClassifier(student.config, tiny_pretrained()).eval()
    return Bench(student, teacher, tiny_split(), FEW)


@pytest.fixture(scope="module")
def record(bench: Bench) -> dict[str, Any]:
    return bench.record() | {"test_sentences": 40}


def test_every_condition_is_measured_once(record: dict[str, Any]) -> None:
    keys = [(r["kind"], r["model"], r["site"], r["level"]) for r in record["rows"]]
    wanted = 2 * 4 + 3 * 2 * 2 + 3 + (len(NOISE_SITES) + 1) * 2
    assert len(keys) == len(set(keys)) == wanted == len(conditions(FEW, ("integer", "teacher")))
    for row in record["rows"]:
        assert row["source"] == "trained"
        assert len(row["values"]) == (1 if row["kind"] == "fgsm" else 3)
        assert (row["interval95"] is None) == (row["kind"] == "fgsm")


def test_level_zero_gives_the_clean_score_and_answers(record: dict[str, Any]) -> None:
    rows = [row for row in record["rows"] if row["level"] == 0]
    assert len(rows) == 2 + 6 + 1 + len(NOISE_SITES) + 1
    for row in rows:
        assert set(row["values"]) == {record["clean"][row["model"]]}
        assert row["answers_changed"] == 0


def test_every_other_level_changes_answers(record: dict[str, Any]) -> None:
    """Negative control of the test above."""
    strong = [row for row in record["rows"] if row["model"] == "integer" and row["level"] > 0]
    assert len(strong) > 10 and all(row["answers_changed"] > 0 for row in strong)


def test_the_record_follows_the_seeds(bench: Bench, record: dict[str, Any]) -> None:
    listed = conditions(FEW, ("integer", "teacher"))
    chosen = [c for c in listed if c.level in (0.2, 1.0, 0.1) and c.site in ("", "ffn1", "all")]
    for condition in chosen:
        again = bench.row(condition)
        assert again == record["rows"][listed.index(condition)]


def test_counts_are_exact(bench: Bench, record: dict[str, Any]) -> None:
    for row in record["rows"]:
        if row["kind"] == "weight_bits":
            assert row["flipped_bits"] == math.floor(row["level"] * record["weight_bits"] + 0.5)
        if row["kind"] in ATTACKS:
            assert row["radius_steps"] == math.floor(row["level"] * record["embedding_rms"]["table_steps"])


def test_the_score_of_the_record_is_the_objective(record: dict[str, Any]) -> None:
    expected = robustness_score(tiny_classifier(), tiny_split())
    assert record["score"]["value"] == pytest.approx(expected, rel=1e-12)
    assert score_of([row for row in record["rows"] if row["level"] != SCORE_SIGMAS[0]]) is None


@pytest.mark.parametrize("weight", ["binary", "ternary", "wtws"])
def test_flips_are_those_of_the_packed_program(tmp_path: Path, weight: str) -> None:
    """The same bits inverted in the program's words give the same logits in the numpy reference."""
    constants = build_constants(tiny_classifier(weight=weight))
    export_onnx(constants, TOKENS, tmp_path / "model.onnx")
    program = lower(tmp_path / "model.onnx")
    layers = [dict(layer.matrices) for layer in program.layers]
    for (index, name), places in flipped_bits(constants, 0.03, seed=7).items():
        matrix = layers[index][name]
        words = matrix.weight.copy()
        plane, rest = np.divmod(places, matrix.outputs * matrix.inputs)
        output, bit = np.divmod(rest, matrix.inputs)
        for p, o, b in zip(plane, output, bit, strict=True):
            words[p, o, b // 64] ^= np.uint64(1 << int(b % 64))
        layers[index][name] = replace(matrix, weight=words)
    changed = [replace(layer, matrices=m) for layer, m in zip(program.layers, layers, strict=True)]
    reference = Reference(replace(program, layers=tuple(changed)))
    split = tiny_split(12)
    expected = IntegerModel(flip_weights(constants, 0.03, seed=7)).logits(split.ids, split.types, split.mask)
    clean = IntegerModel(constants).logits(split.ids, split.types, split.mask)
    assert not np.array_equal(expected.numpy(), clean.numpy())
    for row in range(12):
        length = int(split.mask[row].sum())
        found = reference.run(split.ids[row, :length].numpy(), split.types[row, :length].numpy())
        assert np.array_equal(found.logits, expected[row].numpy())


def printed(record: dict[str, Any]) -> str:
    stream = io.StringIO()
    Console(width=120, file=stream).print(robustness_table(record))
    return stream.getvalue()


def test_table_and_plot_hold_every_series(record: dict[str, Any]) -> None:
    text = printed(record)
    for word in ("Gaussian", "FGSM", "PGD", "weight bits", "ffn2", "all", "teacher", "±", "robustness score"):
        assert word in text
    svg = robustness_plot(record)
    assert svg == robustness_plot(record), "the same record gives the same bytes"
    assert ET.fromstring(svg).tag.endswith("svg")


def test_intervals_by_hand() -> None:
    mean, half = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2.0 and half == pytest.approx(4.303 / math.sqrt(3))
    assert mean_interval([5.0]) == (5.0, None)
    assert mean_interval([4.0, 4.0]) == (4.0, 0.0)
    values = [float(v % 2) for v in range(100)]
    assert mean_interval(values)[1] == pytest.approx(1.96 * math.sqrt(25 / 99) / 10)


def test_the_objective_alone_without_a_teacher() -> None:
    levels = Levels((0.5,), (0.1,), (0.01,), (0.5,), seeds=(4,), pgd_steps=1)
    found = Bench(tiny_classifier(), None, tiny_split(16), levels).record()
    assert set(found["clean"]) == {"integer"} and {r["model"] for r in found["rows"]} == {"integer"}
    assert found["score"]["value"] is None
    assert "robustness score" not in printed(found | {"test_sentences": 16})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("robust")
    run = start_run(folder / "runs", "tiny", tiny_config(folder))
    run_steps(STEPS, run, Console(quiet=True), first=None, last="train", force=False)
    return run


def test_a_run_gets_its_files(trained: RunFolder) -> None:
    levels = Levels((0.5,), (0.1,), (0.01,), (0.5,), seeds=(1, 2), pgd_steps=1)
    found = measure_run(trained, Console(quiet=True), sentences=6, levels=levels)
    written = read_json(trained.artefact("robustness.json"))
    assert written == json.loads(json.dumps(found))
    assert written["sentences"] == 6 < written["test_sentences"]
    assert set(written["clean"]) == {"integer", "teacher"}
    assert trained.artefact("robustness.svg").read_text().startswith("<svg")


def test_the_command(
    trained: RunFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    few = Levels((0.5,), (0.1,), (0.01,), (0.5,), seeds=(1, 2), pgd_steps=1)
    monkeypatch.setattr("batflow.flow.robustness.Levels", lambda: few)
    assert batflow(monkeypatch, "robustness", str(trained.path), "--sentences", "5", "--json") == 0
    assert json.loads(capfd.readouterr().out)["sentences"] == 5
    assert batflow(monkeypatch, "robustness", str(trained.path), "--sentences", "4") == 0
    assert re.search(r"^4 of \d+ test sentences", capfd.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("fault", ["no student", "bad teacher", "no sentence"])
def test_a_users_error_is_one_line_and_code_2(
    fault: str,
    trained: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments, word = ["robustness", str(tmp_path / "empty")], "batflow train empty"
    start_run(tmp_path, "empty", RunConfig())
    if fault == "no sentence":
        arguments, word = [*arguments, "--sentences", "0"], "--sentences"
    if fault == "bad teacher":
        for name in ("student.npz", "data.json", "train.jsonl", "dev.jsonl", "test.jsonl"):
            (tmp_path / "empty" / name).write_bytes(trained.artefact(name).read_bytes())
        write_json(tmp_path / "empty" / "teacher.safetensors", {})
        word = "train the teacher again"
    assert batflow(monkeypatch, *arguments) == 2
    error = capfd.readouterr().err
    assert word in error and "Traceback" not in error
    assert not (tmp_path / "empty" / "robustness.json").exists()
