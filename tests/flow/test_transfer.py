# SPDX-License-Identifier: Apache-2.0
"""Runs that start from another run's student, and runs with further text of other tasks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from batflow.errors import FormatError, InputError
from batflow.files import read_json
from batflow.flow.pipeline import run_steps
from batflow.flow.run_folder import RunFolder, start_run
from batflow.flow.settings import RunConfig
from batflow.flow.steps import STEPS

from .tiny_run import tiny_config, write_bert

CONSOLE = Console(file=io.StringIO())


def train(folder: Path, name: str, config: RunConfig) -> RunFolder:
    run = start_run(folder, name, config)
    run_steps(STEPS, run, CONSOLE, last="train")
    return run


def test_a_run_starts_from_another_s_latents(tmp_path: Path) -> None:
    """A start that nothing trains away: one step of a vanishing rate leaves the given weights."""
    tiny = tiny_config(tmp_path)
    first = train(tmp_path, "first", RunConfig.create(tiny.model_dump() | {"keep_latents": True}))
    path = first.artefact("student.student.safetensors")
    still = {"start_from": path, "student_rate": 1e-12, "max_steps": 1, "keep_latents": True}
    second = train(tmp_path, "second", RunConfig.create(tiny.model_dump() | still))
    tensors = [_tensors(run) for run in (first, second)]
    assert tensors[0].keys() == tensors[1].keys()
    assert all((tensors[0][n] == tensors[1][n]).all() for n in tensors[0] if n.endswith("linear.q.weight"))
    with pytest.raises(FormatError, match="keep_latents"):
        train(tmp_path, "third", RunConfig.create(tiny.model_dump() | {"start_from": tmp_path / "none"}))


def _tensors(run: RunFolder) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return dict(load_file(run.artefact("student.student.safetensors")))


def _write_glue(folder: Path) -> Path:
    for name, header, label in (("RTE", "sentence1\tsentence2", "entailment"), ("SST-2", "sentence", "1")):
        (folder / name).mkdir(parents=True)
        rows = {"RTE": ["index\t" + header + "\tlabel"], "SST-2": [header + "\tlabel"]}[name]
        other = {"entailment": "not_entailment", "1": "0"}[label]
        for row in range(40):
            text = f"word{row % 9} word{row % 7} ."
            text = f"{row}\t{text}\tword{row % 5}" if name == "RTE" else text
            rows.append(f"{text}\t{label if row % 2 else other}")
        for file in ("train.tsv", "dev.tsv"):
            (folder / name / file).write_text("\n".join(rows) + "\n")
    return folder


def test_further_text_reaches_the_student_alone(tmp_path: Path) -> None:
    glue = _write_glue(tmp_path / "glue")
    values: dict[str, Any] = {
        "task": "rte",
        "glue_dir": glue,
        "pretrained": str(write_bert(tmp_path / "bert")),
        "max_len": 20,
        "teacher_epochs": 1,
        "student_epochs": 1,
        "batch_size": 8,
        "keep_teacher_outputs": True,
    }
    steps = {}
    for name, further in (("plain", ()), ("more", ("sst2",))):
        run = train(tmp_path / name, name, RunConfig.create(values | {"transfer": further}))
        teacher, student = (read_json(run.artefact(f"{step}.json")) for step in ("teacher", "train"))
        steps[name] = (teacher["history"][-1]["step"], student["history"][-1]["step"])
    assert steps["plain"][0] == steps["more"][0]
    assert steps["more"][1] > steps["plain"][1]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"transfer": ["trec"]}, "no GLUE task"),
        ({"transfer": ["rte"]}, "set glue_dir"),
    ],
)
def test_faulty_settings_are_one_line(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        RunConfig.create(values)
    assert "\n" not in str(caught.value)
