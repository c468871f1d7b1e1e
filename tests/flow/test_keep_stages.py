# SPDX-License-Identifier: Apache-2.0
"""``keep_stages``: every stage's model stays, is the one its record speaks of, and resumes exactly."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from batflow.files import read_json
from batflow.flow.fitting import integer_score, splits
from batflow.flow.pipeline import run_steps
from batflow.flow.run_folder import RunFolder, start_run
from batflow.flow.settings import RunConfig
from batflow.flow.steps import STEPS
from batflow.quant.checkpoint import load_student, read_arrays
from batflow.quant.data import read_dataset

from .commands import interrupt_epoch
from .tiny_run import tiny_config

CONSOLE = Console(file=io.StringIO())
STEPPED = [("a8", "binary", 8), ("a4", "binary", 4), ("a2", "binary", 2), ("a1", "binary", 1)]
SPLIT = [("ternary", "ternary", 8), *((name, "wtws", bits) for name, _, bits in STEPPED)]


def train(folder: Path, name: str, config: RunConfig) -> RunFolder:
    run = start_run(folder, name, config)
    run_steps(STEPS, run, CONSOLE, last="train")
    return run


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    tiny = tiny_config(tmp_path_factory.mktemp("source"))
    return RunConfig.create(tiny.model_dump() | {"bits": 1, "student_rate": 1e-3})


def with_recipe(config: RunConfig, recipe: str, **changes: Any) -> RunConfig:
    weight = {"stepped": "binary", "split": "wtws"}[recipe]
    values = {"recipe": recipe, "weight": weight, "keep_stages": True}
    return RunConfig.create(config.model_dump() | values | changes)


@pytest.fixture(scope="module")
def stepped(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(tmp_path_factory.mktemp("runs"), "stepped", with_recipe(config, "stepped"))


@pytest.fixture(scope="module")
def split(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(tmp_path_factory.mktemp("runs"), "split", with_recipe(config, "split"))


def kept(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.glob("student.*.npz")}


@pytest.mark.parametrize(("name", "plan"), [("stepped", STEPPED), ("split", SPLIT)])
def test_each_file_is_the_model_of_its_record(
    name: str, plan: list[tuple[str, str, int]], request: pytest.FixtureRequest
) -> None:
    """Every test sentence again in deploy mode from the file: the score is the record's, exactly."""
    run: RunFolder = request.getfixturevalue(name)
    records = read_json(run.artefact("train.json"))["stages"]
    assert [(r["name"], r["weight"], r["bits"]["ctx"]) for r in records] == plan
    assert set(kept(run)) == {f"student.{stage}.npz" for stage, _, _ in plan}
    for record, (stage, weight, bits) in zip(records, plan, strict=True):
        student, encoder, header = load_student(run.artefact(f"student.{stage}.npz"))
        assert student.config.weight == weight and set(student.config.bits.values()) == {bits}
        assert header["metrics"]["integer_test"] == record["integer_test"]
        test = splits(run.config, read_dataset(run.path), encoder)[2]
        assert integer_score(student, test) == record["integer_test"]


def test_the_last_stage_is_the_run_s_model(stepped: RunFolder) -> None:
    arrays = [read_arrays(stepped.artefact(name))[1] for name in ("student.a1.npz", "student.npz")]
    assert arrays[0].keys() == arrays[1].keys()
    for name in set(arrays[0]) - {"header", "sha256"}:
        assert arrays[0][name].tobytes() == arrays[1][name].tobytes(), name
    other = read_arrays(stepped.artefact("student.a2.npz"))[1]
    assert any(other[name].tobytes() != arrays[1][name].tobytes() for name in set(other) - {"header"})


def test_nothing_is_kept_by_default(config: RunConfig, stepped: RunFolder, tmp_path: Path) -> None:
    """And keeping changes nothing of the model."""
    run = train(tmp_path, "plain", with_recipe(config, "stepped", keep_stages=False))
    assert RunConfig().keep_stages is False and kept(run) == {}
    name = "student.npz"
    assert run.artefact(name).read_bytes() == stepped.artefact(name).read_bytes()


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_an_interrupted_run_keeps_the_same_files(
    stop_at: int, split: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_epoch(monkeypatch, stop_at + 1)  # the teacher's epoch comes first
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "broken", split.config)
    broken = start_run(tmp_path, "broken", split.config)
    assert len(kept(broken)) == stop_at - 1
    again = train(tmp_path, "broken", split.config)
    assert kept(again) == kept(split)


def test_another_seed_keeps_other_files(split: RunFolder, tmp_path: Path) -> None:
    """Negative control of the equalities above."""
    other = train(tmp_path, "other", RunConfig.create(split.config.model_dump() | {"seed": 2}))
    assert kept(other).keys() == kept(split).keys()
    assert all(kept(other)[name] != content for name, content in kept(split).items())


def test_wider_runs_leave_narrow_stages_out(config: RunConfig) -> None:
    names = [stage.name for stage in with_recipe(config, "stepped", bits=4).stages()]
    assert names == ["a8", "a4"]
    names = [stage.name for stage in with_recipe(config, "split", bits=8, weight="tws").stages()]
    assert names == ["ternary", "a8"]
