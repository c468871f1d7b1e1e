# SPDX-License-Identifier: Apache-2.0
"""A sweep: grid, shared teachers, resume, the table's figures."""

from __future__ import annotations

import io
import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from batflow.errors import FormatError, InputError
from batflow.files import read_json
from batflow.flow.run_folder import open_run
from batflow.flow.sweep import Sweep, run_sweep
from batflow.flow.sweep_table import as_markdown, summary
from batflow.quant.training import Trainer

from .commands import interrupt_epoch
from .tiny_run import tiny_config

CONSOLE = Console(file=io.StringIO())
SHORT = {
    "name": "short",
    "stages": [
        {"name": "ternary", "weight": "ternary", "epochs": 1},
        {"name": "split", "epochs": 1, "init": "previous", "split": "binarybert"},
    ],
}


def sweep_file(folder: Path, **changes: Any) -> Path:
    config = json.loads(tiny_config(folder).model_dump_json(exclude={"bits", "seed", "recipe"}))
    values = {
        "name": "grid",
        "base": config,
        "seeds": [1, 2],
        "bits": [4, 1],
        "methods": {"direct": {"weight": "binary"}, "wtws": {"weight": "wtws", "recipe": SHORT}},
    }
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep_file(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def table(source: Path) -> dict[str, Any]:
    folder = run_sweep(Sweep.from_yaml(source), source.parent / "runs", CONSOLE)
    content: dict[str, Any] = read_json(folder / "sweep.json")
    return content


def test_a_row_for_every_method_and_width(table: dict[str, Any]) -> None:
    rows = [(r["key"], r["method"], r["bits"], r["bits_per_weight"], r["seeds"]) for r in table["rows"]]
    assert rows == [
        ("tsv_l2_w1a4_direct", "direct", 4, 1, [1, 2]),
        ("tsv_l2_w1a4_wtws", "wtws", 4, 2, [1, 2]),
        ("tsv_l2_w1a1_direct", "direct", 1, 1, [1, 2]),
        ("tsv_l2_w1a1_wtws", "wtws", 1, 2, [1, 2]),
    ]
    assert (table["cells"], table["cells_planned"], table["source"]) == (8, 8, "trained")
    assert [r["epochs"] for r in table["rows"]] == [[1, 1], [2, 2], [1, 1], [2, 2]]


def test_figures_are_those_of_the_runs(table: dict[str, Any], source: Path) -> None:
    for row in table["rows"]:
        values = []
        for seed in row["seeds"]:
            run = open_run(source.parent / "runs" / "grid", f"{row['method']}-a{row['bits']}-s{seed}")
            values.append(read_json(run.artefact("train.json"))["integer_test"])
        assert row["integer"]["values"] == values
        assert row["integer"]["mean"] == pytest.approx(statistics.fmean(values))
        drops = [t - v for t, v in zip(row["teacher"]["values"], values, strict=True)]
        assert row["drop"]["values"] == pytest.approx(drops)
        assert 50 <= row["controls"]["majority"] < 100 and "tfidf" in row["controls"]


def test_one_teacher_for_each_seed(table: dict[str, Any], source: Path) -> None:
    hashes = {seed: set[str]() for seed in (1, 2)}
    for folder in (source.parent / "runs" / "grid").glob("*-s?"):
        hashes[int(folder.name[-1])].add(read_json(folder / "teacher.json")["sha256"])
    assert len(hashes[1]) == len(hashes[2]) == 1 and hashes[1] != hashes[2]


def test_a_second_sweep_trains_nothing(
    table: dict[str, Any], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Trainer, "_epoch", fail)
    folder = run_sweep(Sweep.from_yaml(source), source.parent / "runs", CONSOLE)
    assert read_json(folder / "sweep.json") == table


def test_a_method_put_first_takes_the_teacher_that_is_there(
    table: dict[str, Any], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = yaml.safe_load(source.read_text())
    values |= {"methods": {"new": {"weight": "tws"}, **values["methods"]}, "seeds": [1], "bits": [4]}
    path = source.with_name("more.yaml")
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    epoch, seen = Trainer._epoch, [0]

    def count(self: Trainer, *arguments: Any) -> float:
        seen[0] += 1
        return epoch(self, *arguments)

    monkeypatch.setattr(Trainer, "_epoch", count)
    folder = run_sweep(Sweep.from_yaml(path), source.parent / "runs", CONSOLE)
    assert seen[0] == 1, "the new method's student alone is trained"
    more = read_json(folder / "sweep.json")
    assert [row["method"] for row in more["rows"]] == ["new", "direct", "wtws"]
    assert more["rows"][0]["teacher"]["values"] == table["rows"][0]["teacher"]["values"][:1]


def test_an_interrupted_sweep_keeps_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep.from_yaml(sweep_file(tmp_path, seeds=[1], methods={"direct": {}}))
    seen = interrupt_epoch(monkeypatch, 3)  # teacher, first cell, then the second
    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep, tmp_path / "runs", CONSOLE)
    partial = read_json(tmp_path / "runs" / "grid" / "sweep.json")
    assert (partial["cells"], partial["cells_planned"]) == (1, 2)
    run_sweep(sweep, tmp_path / "runs", CONSOLE)
    assert seen[0] == 4 and read_json(tmp_path / "runs" / "grid" / "sweep.json")["cells"] == 2


def test_markdown(table: dict[str, Any]) -> None:
    text = as_markdown(table)
    rows = [line for line in text.splitlines() if line.startswith("| direct") or line.startswith("| wtws")]
    assert len(rows) == 4 and all(line.count("|") == 11 for line in rows)
    assert "±" in rows[0] and "majority class" in text and "8 of 8 runs" in text


def test_intervals_by_hand() -> None:
    """Three values 1, 2, 3: standard error 1/sqrt(3), Student's t of 2 degrees is 4.303."""
    figure = summary([1.0, 2.0, 3.0])
    assert figure["mean"] == 2.0 and figure["interval"] == pytest.approx(4.303 / 3**0.5, rel=1e-4)
    assert summary([7.0])["interval"] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "given twice"),
        ({"bits": [9]}, "1 to 8 bits"),
        ({"methods": {}}, "methods"),
        ({"methods": {"m": {"colour": 1}}}, "colour"),
        ({"methods": {"m": {"recipe": "gradual"}}}, "set the run's weight"),
        ({"methods": {"m": {"seed": 3}}}, "seed belongs to the grid"),
        ({"name": "../x"}, "name"),
        ({"colour": 1}, "fields: name, base"),
    ],
)
def test_faults_are_one_line_before_any_training(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Sweep.from_yaml(sweep_file(tmp_path, **changes))
    assert "\n" not in str(caught.value)
    with pytest.raises(FormatError, match="does not exist"):
        Sweep.from_yaml(tmp_path / "none.yaml")
