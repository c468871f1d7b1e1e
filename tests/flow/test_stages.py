# SPDX-License-Identifier: Apache-2.0
"""Training in stages: records, exact resume in any stage, and what one stage leaves unchanged."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from batflow.errors import InputError, UserError
from batflow.files import read_json
from batflow.flow.fitting import integer_score, splits
from batflow.flow.pipeline import run_steps
from batflow.flow.run_folder import RunFolder, open_run, start_run
from batflow.flow.settings import LATER, RunConfig
from batflow.flow.stages import joined_history
from batflow.flow.steps import STEPS
from batflow.quant.checkpoint import load_student, read_arrays
from batflow.quant.data import read_dataset
from batflow.quant.recipe import load_recipe

from .commands import interrupt_epoch
from .tiny_run import tiny_config

CONSOLE = Console(file=io.StringIO())
SHORT: dict[str, Any] = {
    "name": "short",
    "stages": [
        {"name": "ternary", "weight": "ternary", "bits": 4, "epochs": 2, "rate": 1e-3},
        {"name": "split", "bits": 4, "epochs": 1, "init": "previous", "split": "binarybert"},
        {"name": "a2", "bits": 2, "epochs": 2, "init": "previous", "target": "previous"},
    ],
}
ATTENTION = {"name": "a", "stages": [{"name": "s", "attention_weight": 1.0}]}


def train(folder: Path, name: str, config: RunConfig) -> RunFolder:
    run = start_run(folder, name, config)
    run_steps(STEPS, run, CONSOLE, last="train")
    return run


def staged(config: RunConfig, **changes: Any) -> RunConfig:
    values = config.model_dump() | {"recipe": SHORT, "weight": "wtws", "bits": 2} | changes
    return RunConfig.create(values)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    return tiny_config(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def finished(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(tmp_path_factory.mktemp("runs"), "staged", staged(config))


def test_a_record_for_every_stage(finished: RunFolder) -> None:
    record = read_json(finished.artefact("train.json"))
    stages = record["stages"]
    assert [(s["name"], s["weight"], s["bits"]["q"]) for s in stages] == [
        ("ternary", "ternary", 4),
        ("split", "wtws", 4),
        ("a2", "wtws", 2),
    ]
    assert [len(s["history"]) for s in stages] == [2, 1, 2] and stages[0]["bits_per_weight"] == 2
    assert [row["epoch"] for row in record["history"]] == [1, 2, 3, 4, 5]
    assert record["recipe"] == "short" and record["integer_test"] == stages[-1]["integer_test"]
    assert all(0 <= s[key] <= 100 for s in stages for key in ("dev", "test", "integer_test"))
    header, _ = read_arrays(finished.artefact("student.npz"))
    assert header["config"]["weight"] == "wtws" and header["config"]["bits"]["q"] == 2
    assert not list(finished.path.glob("*.state"))


def test_the_run_is_read_back_and_rests(finished: RunFolder) -> None:
    again = open_run(finished.path.parent, "staged")
    assert again.config == finished.config and again.config.recipe is not None
    outcomes = run_steps(STEPS, again, CONSOLE, last="train")
    assert {outcome.status for outcome in outcomes} == {"up to date"}


@pytest.mark.parametrize("stop_at", [2, 4, 5])
def test_an_interrupted_stage_goes_on(
    stop_at: int, finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the epoch ``stop_at`` of all stages; the next try ends with the same bits."""
    seen = interrupt_epoch(monkeypatch, stop_at + 1)  # the teacher's epoch comes first
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "broken", finished.config)
    seen[0] = 100
    again = train(tmp_path, "broken", finished.config)
    assert seen[0] == 100 + 5 - (stop_at - 1), "finished epochs are not trained again"
    name = "student.npz"
    assert again.artefact(name).read_bytes() == finished.artefact(name).read_bytes()
    assert not list(again.path.glob("*.state"))


def test_another_earlier_stage_gives_another_model(finished: RunFolder, tmp_path: Path) -> None:
    """Negative control of the equality above."""
    recipe = json.loads(json.dumps(SHORT))
    recipe["stages"][0]["rate"] = 2e-3
    other = train(tmp_path, "other", staged(finished.config, recipe=recipe))
    name = "student.npz"
    assert other.artefact(name).read_bytes() != finished.artefact(name).read_bytes()


def test_the_direct_recipe_is_what_a_run_without_one_does(config: RunConfig, tmp_path: Path) -> None:
    plain = train(tmp_path, "plain", config)
    named = train(tmp_path, "named", RunConfig.create(config.model_dump() | {"recipe": "direct"}))
    arrays = [read_arrays(run.artefact("student.npz"))[1] for run in (plain, named)]
    assert arrays[0].keys() == arrays[1].keys()
    for name in set(arrays[0]) - {"header", "sha256"}:
        assert arrays[0][name].tobytes() == arrays[1][name].tobytes(), name
    assert "recipe" not in read_json(plain.artefact("train.json"))


def test_options_of_training_reach_it(config: RunConfig, tmp_path: Path) -> None:
    changed = config.model_copy(
        update={"student_epochs": 3, "accumulate": 2, "patience": 1, "keep_teacher_outputs": True}
    )
    run = train(tmp_path, "options", changed)
    rows = read_json(run.artefact("train.json"))["history"]
    best = max(row["dev"] for row in rows[:-1]) if len(rows) > 1 else 0
    assert rows[0]["step"] == 2 and (len(rows) == 3 or rows[-1]["dev"] < best)
    model, _, _ = load_student(run.artefact("student.npz"), None)
    assert model.config.weight == "binary"


ROUNDED: dict[str, Any] = {
    "name": "rounded",
    "stages": [
        {"name": "wide", "bits": 4, "epochs": 1, "rounded": False},
        {"name": "narrow", "epochs": 3, "init": "previous", "rate": 1e-3},
    ],
}


@pytest.mark.parametrize("recipe", [None, ROUNDED], ids=["direct", "staged"])
def test_a_rounded_stage_chosen_by_its_integers(
    recipe: dict[str, Any] | None, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its dev and test scores are those of the deployed integers, and resume is exact."""
    changes = {"bits": 1, "student_epochs": 3, "rounded": True, "select": "integer", "recipe": recipe}
    changed = RunConfig.create(config.model_dump() | changes)
    whole = train(tmp_path, "whole", changed)
    stage = read_json(whole.artefact("train.json"))["stages"][-1]
    assert stage["rounded"] and stage["select"] == "integer" and stage["test"] == stage["integer_test"]
    student, encoder, _ = load_student(whole.artefact("student.npz"), None)
    dev = splits(changed, read_dataset(whole.path), encoder)[1]
    assert stage["dev"] == max(row["dev"] for row in stage["history"]) == integer_score(student, dev)
    interrupt_epoch(monkeypatch, 3 if recipe is None else 4)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "broken", changed)
    broken = train(tmp_path, "broken", changed)
    name = "student.npz"
    assert broken.artefact(name).read_bytes() == whole.artefact(name).read_bytes()


def test_settings_of_later_versions_leave_old_hashes_alone() -> None:
    fields = ("bits", "weight", *LATER)
    assert RunConfig().part(fields) == {"bits": 4, "weight": "binary"}
    assert RunConfig(patience=3).part(fields)["patience"] == 3
    assert "stages" in RunConfig(recipe=load_recipe("direct")).part(fields)["recipe"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"recipe": "gradual"}, "set the run's weight"),
        ({"recipe": "multistep", "weight": "tws", "bits": {"q": 9}}, "1 to 8 bits"),
        ({"recipe": "nothing"}, "does not exist"),
        ({"recipe": {"name": "x"}}, "stages"),
        ({"patience": 0}, "patience"),
        (
            {"keep_teacher_outputs": True, "recipe": ATTENTION},
            "no attention scores",
        ),
        ({"accumulate": 0}, "accumulate"),
        ({"select": "test"}, "select"),
    ],
)
def test_faulty_settings_are_one_line(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        RunConfig.create(values)
    assert "\n" not in str(caught.value)


def test_an_attached_checkpoint_is_of_no_recipe(finished: RunFolder, tmp_path: Path) -> None:
    run = start_run(tmp_path, "r", RunConfig(recipe=load_recipe("direct")))
    with pytest.raises(InputError, match="without a recipe"):
        run_steps(STEPS, run, CONSOLE, first="export", last="export")


def test_history_is_numbered_through() -> None:
    stages = [{"history": [{"epoch": 1, "dev": 1}]}, {"history": [{"epoch": 1, "dev": 2}]}]
    assert joined_history(stages) == [{"epoch": 1, "dev": 1}, {"epoch": 2, "dev": 2}]
