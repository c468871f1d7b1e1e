# SPDX-License-Identifier: Apache-2.0
"""A tiny sweep, trained here, from its kept stages to accuracy.json and up the ladder."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from batflow.files import read_json, write_json
from batflow.flow.engines import ReferenceRung
from batflow.flow.run_folder import hash_path
from batflow.flow.sweep import Sweep, run_sweep
from benchmarks import accuracy, ladder
from benchmarks.accuracy_table import BEGIN, END
from tests.flow.tiny_run import tiny_config

RECIPE: dict[str, Any] = {
    "name": "short",
    "stages": [
        {"name": "ternary", "weight": "ternary", "bits": 2},
        {"name": "a2", "bits": 2, "init": "previous", "split": "binarybert"},
        {"name": "a1", "bits": 1, "init": "previous"},
    ],
}
KEYS = ("tsv_l2_wta2_ternary", "tsv_l2_w1a2_wtws", "tsv_l2_w1a1_wtws")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    config = tiny_config(folder)
    base = config.model_dump(mode="json", exclude={"bits", "seed", "weight", "recipe"})
    sweep = Sweep(
        name="tiny",
        base=base | {"keep_stages": True},
        seeds=(1, 2),
        bits=(1,),
        methods={"wtws": {"weight": "wtws", "recipe": RECIPE}},
    )
    return run_sweep(sweep, folder / "runs", Console(file=io.StringIO()))


@pytest.fixture
def output(trained: Path, tmp_path: Path) -> Path:
    path = tmp_path / "accuracy.json"
    assert accuracy.main([str(trained), "--output", str(path)]) == 0
    return path


def test_rows_of_a_real_sweep(trained: Path, output: Path) -> None:
    figures = read_json(output)["figures"]
    assert set(KEYS) == {key for key in figures if "_w" in key}
    cells = [read_json(trained / f"wtws-a1-s{seed}" / "train.json")["stages"] for seed in (1, 2)]
    for number, key in enumerate(KEYS):
        scores = [stages[number]["integer_test"] for stages in cells]
        assert figures[key]["values"] == [round(score, 2) for score in scores]
        seconds = [sum(stage["seconds"] for stage in stages[: number + 1]) for stages in cells]
        assert figures[key]["train_s"] == pytest.approx(np.mean(seconds), abs=0.051)  # one decimal
        assert figures[key]["date"]
    assert figures["tsv_majority"]["value"] >= 50


def test_an_unfinished_cell_gives_its_kept_models(trained: Path, tmp_path: Path) -> None:
    """As it lies when the second seed is in its last stage: two models, without their seconds."""
    folder = tmp_path / "tiny"
    shutil.copytree(trained, folder)
    cell = folder / "wtws-a1-s2"
    for name in ("train.json", "student.npz", "student.a1.npz"):
        (cell / name).unlink()
    write_json(folder / "sweep.json", read_json(folder / "sweep.json") | {"cells": 1})
    target = tmp_path / "out.json"
    assert accuracy.main([str(folder), "--partial", "--output", str(target)]) == 0
    figures = read_json(target)["figures"]
    assert [figures[key]["seeds"] for key in KEYS] == [[1, 2], [1, 2], [1]]
    assert figures[KEYS[0]]["train_s"] is None and figures[KEYS[2]]["train_s"] is not None
    assert figures[KEYS[2]]["interval95"] is None


def test_every_kept_model_climbs(
    trained: Path, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    before = hash_path(trained)
    arguments = [str(trained), "--sentences", "3", "--output", str(output)]
    assert ladder.main([*arguments, "--table", str(page)]) == 0
    assert hash_path(trained) == before, "the sweep is only read"
    figures = read_json(output)["figures"]
    for key in KEYS:
        found = figures[f"{key}_ladder_mismatches"]
        assert (found["value"], found["sentences"], found["seed"], found["source"]) == (0, 3, 1, "host")
        assert found["per_engine"] == {"qonnx": 0, "reference": 0, "csim": 0}
    assert len({figures[f"{key}_ladder_mismatches"]["checkpoint_sha256"] for key in KEYS}) == 3
    assert page.read_text().count("| 0 of 3 |") == 3
    monkeypatch.setattr(ladder, "climb_point", None)
    assert ladder.main(arguments) == 0, "what has climbed does not climb again"


def test_a_wrong_engine_is_counted(
    trained: Path, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Negative control: one logit of one sentence is off by one in the reference."""
    own = ReferenceRung.logits

    def wrong(self: ReferenceRung, sentences: Any) -> Any:
        logits = own(self, sentences)
        logits[1, 0] += 1
        return logits

    monkeypatch.setattr(ReferenceRung, "logits", wrong)
    assert ladder.main([str(trained), "--sentences", "2", "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert "engines differ" in error and error.count("\n") == 1
    found = read_json(output)["figures"][f"{KEYS[0]}_ladder_mismatches"]
    assert found["value"] == 1 and found["per_engine"] == {"qonnx": 0, "reference": 1, "csim": 0}
    assert found["first_mismatch"]["engine"] == "reference" and found["first_mismatch"]["sentence"] == 1


def test_no_record_is_one_line(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ladder.main([str(trained), "--output", str(tmp_path / "none.json")]) == 2
    write_json(tmp_path / "odd.json", [])
    assert ladder.main([str(trained), "--output", str(tmp_path / "odd.json")]) == 2
    assert "holds no figures" in capsys.readouterr().err
