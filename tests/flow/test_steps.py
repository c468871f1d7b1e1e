# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline on a tiny model, and what happens when an artefact is damaged in between."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from batflow.errors import InputError
from batflow.files import read_json
from batflow.flow import cli
from batflow.flow.check_steps import ladder
from batflow.flow.pipeline import run_steps
from batflow.flow.report import write_report
from batflow.flow.run_folder import RunFolder, open_run, start_run
from batflow.flow.sentences import HeldOut, held_out, score
from batflow.flow.steps import STEPS
from batflow.flow.verify import Sentence, climb
from batflow.hls.program_io import load_program
from batflow.quant.training import Trainer
from tests.hls.rtl_engines import require_verilator

from .tiny_run import tiny_config

CONSOLE = Console(file=io.StringIO())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with every step done."""
    if shutil.which("g++") is None:
        pytest.skip("no g++: csim cannot be compiled")
    require_verilator()
    folder = tmp_path_factory.mktemp("tiny")
    run = start_run(folder / "runs", "tiny", tiny_config(folder))
    run_steps(STEPS, run, CONSOLE)
    return run


@pytest.fixture
def copied(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.path, tmp_path / "runs" / "tiny")
    return open_run(tmp_path / "runs", "tiny")


def test_every_step_leaves_its_artefacts(finished: RunFolder) -> None:
    for step in STEPS:
        assert step.name in finished.done
        assert all(finished.artefact(name).exists() for name in step.writes), step.name
    assert not list(finished.path.glob("*.state")) and not list(finished.path.glob(".*"))


def test_the_ladder_has_no_mismatch_and_the_control_is_located(finished: RunFolder) -> None:
    record = read_json(finished.artefact("verify.json"))
    assert record["engines"] == ["deploy", "qonnx", "reference", "csim", "overlay", "hls4ml", "cosim"]
    assert record["skipped"].keys() == {"finn", "finn-rtl"}  # tiny_config asks for none; test_finn_rungs.py
    assert record["mismatches"] == 0 and record["tokenizer_mismatches"] == 0
    held = read_json(finished.artefact("data.json"))["files"]["test.jsonl"]["examples"]
    assert record["n"] == min(30, held)
    assert record["samples"] == {"hls4ml": min(20, held), "cosim": 3}
    assert record["negative_control"]["caught"] and record["negative_control"]["located"]


def test_rtl_gives_the_references_integers_and_its_own_cycles(finished: RunFolder) -> None:
    record = read_json(finished.artefact("cosim.json"))
    assert record["source"] == "cosim" and record["sentences"] == len(record["tokens"]) == 2
    assert record["mismatches"] == 0 and record["first_mismatch"] is None
    one, together = record["single"], record["batch"]
    counters = one["counters"]
    # The engines take operands in just the steps that the shapes ask for.
    assert counters["CYCLES_MHA_QMM"] + counters["CYCLES_FFN_QMM"] == one["ideal_cycles"] < one["cycles"]
    assert one["cycles"] < together["cycles"] < 3 * one["cycles"]
    assert record["timelines"]["batch"]["cycles"] == together["cycles"]
    assert len(record["timelines"]["batch"]["items"]) == 2 * 2 * finished.config.layers


def test_csim_scores_what_deploy_mode_scores(finished: RunFolder) -> None:
    csim, train = read_json(finished.artefact("csim.json")), read_json(finished.artefact("train.json"))
    assert csim["sentences"] == train["test_sentences"]
    assert csim["score"] == pytest.approx(train["integer_test"])
    assert csim["cycles"]["source"] == "estimate" and csim["cycles"]["mean"]["cycles_total"] > 0


def test_a_second_run_rests(finished: RunFolder) -> None:
    assert {outcome.status for outcome in run_steps(STEPS, finished, CONSOLE)} == {"up to date"}


def test_single_sentences_take_the_users_path(finished: RunFolder) -> None:
    """With token types all 0 the overlay goes through Accelerator.infer_batch."""
    program = load_program(finished.artefact("program"))
    pairs = held_out(finished, program, 6).sentences
    single = [Sentence(s.ids, (0,) * len(s.ids)) for s in pairs]
    result = climb(ladder(finished, program), single, len(program.layers))
    assert result.mismatches == 0
    one = ladder(finished, program)[4].logits(single[:1])
    assert not np.array_equal(one, ladder(finished, program)[4].logits(pairs[:1])), "types have no effect"


def test_run_prints_label_logits_and_source(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["batflow", "run", str(finished.path), "word3 word4 ?", "--pair", "word1"]
    )
    monkeypatch.setattr(cli, "console", Console(width=200))
    with pytest.raises(SystemExit) as caught:
        cli.main()
    text = capsys.readouterr().out
    assert not caught.value.code
    assert "integer logits" in text and "source: estimate" in text and ("yes" in text or "no" in text)


def test_from_export_takes_the_attached_checkpoint(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = finished.artefact("student.npz")
    monkeypatch.setattr("batflow.flow.train_steps.ATTACHED_CHECKPOINTS", {"tsv": str(student)})
    run = start_run(tmp_path, "short", finished.config)
    outcomes = run_steps(STEPS, run, CONSOLE, first="export", last="export")
    assert [(o.step, o.status) for o in outcomes] == [
        ("train", "attached"),
        ("export", "done"),
    ]
    assert run.artefact("model.onnx").read_bytes() == finished.artefact("model.onnx").read_bytes()
    train, teacher = (read_json(finished.artefact(f"{name}.json")) for name in ("train", "teacher"))
    assert read_json(run.artefact("train.json"))["integer_test"] == train["integer_test"]
    assert read_json(run.artefact("teacher.json"))["controls"] == teacher["controls"]
    write_report(run.path)


@pytest.mark.parametrize("change", [{"bits": 1}, {"bits": {"q": 2}}, {"weight": "wtws"}, {"max_len": 16}])
def test_an_attached_checkpoint_of_other_settings_is_refused(
    change: dict[str, Any], finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = finished.artefact("student.npz")
    monkeypatch.setattr("batflow.flow.train_steps.ATTACHED_CHECKPOINTS", {"tsv": str(student)})
    run = start_run(tmp_path, "other", finished.config.model_copy(update=change))
    with pytest.raises(InputError, match=next(iter(change))):
        run_steps(STEPS, run, CONSOLE, first="export", last="export")
    assert not run.artefact("student.npz").exists()


def test_from_export_without_a_checkpoint_says_how_to_train(tmp_path: Path, finished: RunFolder) -> None:
    run = start_run(tmp_path, "short", finished.config)
    with pytest.raises(InputError, match="batflow train short"):
        run_steps(STEPS, run, CONSOLE, first="export", last="export")


def test_interrupted_training_goes_on_from_its_state(
    tmp_path: Path, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after the first of two epochs; the second try ends with the weights of a whole one."""
    config = finished.config.model_copy(update={"teacher_epochs": 2})
    whole = start_run(tmp_path, "whole", config)
    run_steps(STEPS, whole, CONSOLE, last="teacher")
    epoch = Trainer._epoch

    def stop(self: Trainer, train: Any, number: int, progress: Any) -> float:
        if number == 1:
            raise KeyboardInterrupt
        return epoch(self, train, number, progress)

    broken = start_run(tmp_path, "broken", config)
    monkeypatch.setattr(Trainer, "_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        run_steps(STEPS, broken, CONSOLE, last="teacher")
    assert len(list(broken.path.glob("teacher-*.state"))) == 1
    monkeypatch.setattr(Trainer, "_epoch", epoch)
    run_steps(STEPS, broken, CONSOLE, last="teacher")
    assert not list(broken.path.glob("*.state"))
    name = "teacher.safetensors"
    assert broken.artefact(name).read_bytes() == whole.artefact(name).read_bytes()


@pytest.mark.parametrize(
    ("regression", "targets", "expected"), [(False, [0, 1, 1], 200 / 3), (True, [3.0, 1.0, 2.0], 100.0)]
)
def test_score_of_integer_logits(regression: bool, targets: list[float], expected: float) -> None:
    logits = np.array([[30, 2], [10, 11], [20, 3]])
    held = HeldOut([], [], list(targets), regression)
    assert score(logits, held) == pytest.approx(expected)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Invert 256 bytes: one alone may lie in a zip header's date, which means nothing."""
    data = bytearray(path.read_bytes())
    start = max(0, len(data) // 2 - 128)
    data[start : start + 256] = bytes(byte ^ 0x10 for byte in data[start : start + 256])
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


READERS = {
    "student.npz": "export",
    "model.onnx": "lower",
    "program/program.json": "build",
    "program/arrays.npz": "build",
    "program/vocab.txt": "build",
    "bundle/manifest.json": "run",
    "bundle/batflow.bit": "run",
    "bundle/batflow.hwh": "run",
    "bundle/registers.json": "run",
    "bundle/program/image.bin": "run",
    "data.json": "csim",
    "test.jsonl": "csim",
    "teacher.safetensors": "train",
}


CASES = [
    pytest.param(name, damage, id=f"{name}-{damage.__name__}")
    for name, reader in READERS.items()
    for damage in (truncate, empty, flip, remove)
    if damage is not remove or reader != "csim"  # absent data is simply fetched again
]


@pytest.mark.parametrize(("name", "damage"), CASES)
def test_a_damaged_artefact_is_one_line_and_code_2(
    name: str,
    damage: Callable[[Path], None],
    copied: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    damage(copied.artefact(name))
    before = {path.name for path in copied.path.iterdir()}
    text = ["word1"] if READERS[name] == "run" else []
    force = [] if text else ["--force"]
    arguments = ["batflow", READERS[name], str(copied.path), *text, *force]
    if READERS[name] == "train":
        arguments = ["batflow", "demo", "--run", "tiny", "--runs", str(copied.path.parent)]
        arguments += ["--from", "train", "--to", "train", "--force"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    error = capfd.readouterr().err
    assert caught.value.code == 2, error
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in error
    assert {path.name for path in copied.path.iterdir()} == before, "something was left behind"
