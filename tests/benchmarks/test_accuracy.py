# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batflow.files import read_json, write_json
from batflow.flow.sweep import Sweep
from benchmarks.accuracy import main
from benchmarks.accuracy_table import BEGIN, END
from tests.benchmarks.fake_sweep import add_cell, finish

FOLDER = Path(__file__).parents[2] / "benchmarks"
A = ("a8", "a4", "a2", "a1")
ROW = {"method": "minmax", "bits": 1, "seeds": [1]}


def stages(*values: float, first: tuple[str, ...] = ()) -> dict[str, float]:
    return dict(zip((*first, *A), values, strict=True))


def stepped(folder: Path, seeds: tuple[int, ...] = (1, 2), planned: int | None = None) -> Path:
    """Teachers of 87 and 88; each stage one or two points below the one before."""
    figures = {1: (87.0, 86.0, 84.0, 80.0), 2: (87.0, 85.0, 83.0, 81.0)}
    recipe = {"weight": "binary", "recipe": "stepped"}
    cells = [add_cell(folder, "stepped", s, stages(*figures[s]), 86.0 + s, **recipe) for s in seeds]
    return finish(folder, cells, planned)


def split(folder: Path, ternary: float = 85.5, seed: int = 1, **settings: Any) -> Path:
    cells = [
        add_cell(
            folder,
            weight,
            seed,
            stages(ternary, 85.0, 84.0, 82.0, 80.0 + number, first=("ternary",)),
            86.0 + seed,
            **({"weight": weight, "recipe": "split"} | settings),
        )
        for number, weight in enumerate(("tws", "wtws"))
    ]
    return finish(folder, cells)


def collect(output: Path, *arguments: Path | str) -> dict[str, Any]:
    assert main([*map(str, arguments), "--output", str(output)]) == 0
    figures: dict[str, Any] = read_json(output)["figures"]
    return figures


def test_a_row_for_every_stage(tmp_path: Path) -> None:
    figures = collect(tmp_path / "out.json", stepped(tmp_path / "mrpc-l6"))
    assert set(figures) == {
        *(f"mrpc_l6_w1{a}_stepped" for a in A),
        *("mrpc_l6_float", "mrpc_l6_tfidf", "mrpc_l6_zero_layer", "mrpc_majority"),
    }
    # 86 and 85 with teachers of 87 and 88: drops 1 and 3; t for one degree of freedom is 12.706.
    assert figures["mrpc_l6_w1a4_stepped"] == {
        "value": 85.5,
        "unit": "%",
        "source": "trained",
        "interval95": 6.35,
        "values": [86.0, 85.0],
        "seeds": [1, 2],
        "bits_per_weight": 1,
        "float": 87.5,
        "drop": 2.0,
        "drop_interval95": 12.71,
        "train_s": 30.0,
        "sentences": 10,
        "date": "2026-01-02",
    }
    assert figures["mrpc_l6_w1a8_stepped"]["interval95"] == 0.0, "equal values, two seeds"
    assert figures["mrpc_l6_w1a1_stepped"]["train_s"] == 60.0
    assert figures["mrpc_l6_float"] == {
        **{"value": 87.5, "unit": "%", "source": "trained"},
        **{"interval95": 6.35, "seeds": [1, 2]},
    }
    assert figures["mrpc_majority"]["value"] == 70.0 and figures["mrpc_l6_tfidf"]["value"] == 75.04


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    figures = collect(tmp_path / "out.json", stepped(tmp_path / "mrpc-l6", (2,)))
    row = figures["mrpc_l6_w1a1_stepped"]
    assert row["interval95"] is None and row["drop_interval95"] is None and row["seeds"] == [2]
    assert figures["mrpc_l6_float"]["interval95"] is None


def test_the_ternary_stage_of_both_splits_is_one_row(tmp_path: Path) -> None:
    figures = collect(tmp_path / "out.json", split(tmp_path / "mrpc-l6"))
    rows = {key for key in figures if "_w" in key}
    assert rows == {f"mrpc_l6_w1{a}_{m}" for a in A for m in ("tws", "wtws")} | {"mrpc_l6_wta8_ternary"}
    assert figures["mrpc_l6_wta8_ternary"]["seeds"] == [1]
    assert {figures[key]["bits_per_weight"] for key in rows} == {2}
    assert figures["mrpc_l6_w1a1_wtws"]["value"] == 81.0 and figures["mrpc_l6_w1a1_tws"]["value"] == 80.0
    assert figures["mrpc_l6_w1a8_wtws"]["train_s"] == 20.0


def test_ternary_stages_of_other_settings_have_their_own_rows(tmp_path: Path) -> None:
    """Two methods that differ in more than the split: the second one's ternary model is another."""
    folder = tmp_path / "mrpc-l6"
    values = stages(85.5, 85.0, 84.0, 82.0, 80.0, first=("ternary",))
    recipe = {"weight": "wtws", "recipe": "split"}
    cells = [
        add_cell(folder, "wtws", 1, values, 87.0, **recipe),
        add_cell(folder, "long", 1, values | {"ternary": 86.5}, 87.0, **recipe, student_epochs=9),
    ]
    figures = collect(tmp_path / "out.json", finish(folder, cells))
    assert figures["mrpc_l6_wta8_ternary"]["value"] == 85.5
    assert figures["mrpc_l6_wta8_long-ternary"]["value"] == 86.5


def test_a_baseline_without_integers_says_so(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    cell = add_cell(tmp_path / "s", "minmax", 1, {"student": None}, 87.0)
    write_json(tmp_path / "s" / "sweep.json", {"cells": 1, "cells_planned": 1, "rows": [ROW]})
    figures = collect(tmp_path / "out.json", cell.run.path.parent, "--table", page)
    assert figures["mrpc_l6_w1a1_minmax_training_mode"]["value"] == 60.0
    assert "mrpc_l6_w1a1_minmax" not in figures and "| minmax (training mode) |" in page.read_text()


def test_without_kept_stages_only_the_last_counts(tmp_path: Path) -> None:
    recipe = {"weight": "binary", "recipe": "stepped", "keep_stages": False}
    cell = add_cell(tmp_path / "s", "stepped", 1, stages(87, 86, 84, 80), 87.0, **recipe)
    figures = collect(tmp_path / "out.json", finish(tmp_path / "s", [cell]))
    assert [key for key in figures if "_w1" in key] == ["mrpc_l6_w1a1_stepped"]
    assert figures["mrpc_l6_w1a1_stepped"]["train_s"] == 40.0


def test_sweeps_of_other_seeds_and_methods_join(tmp_path: Path) -> None:
    one = stepped(tmp_path / "a", (1,))
    two = stepped(tmp_path / "b", (2,))
    figures = collect(tmp_path / "out.json", two, one, split(tmp_path / "c"))
    assert figures["mrpc_l6_w1a4_stepped"]["values"] == [86.0, 85.0]
    assert figures["mrpc_l6_float"]["seeds"] == [1, 2] and "mrpc_l6_w1a1_wtws" in figures


def test_merge_keeps_what_the_file_holds(tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    old = {"value": 91.3, "unit": "%", "source": "trained", "interval95": 2.5, "seeds": [1, 2, 3]}
    old |= {"bits_per_weight": 1}
    figures = {"trec_l2_w1a4_direct": old, "trec_l2_float": old, "mrpc_l6_float": old}
    write_json(output, {"command": "batflow sweep benchmarks/trec_widths.yaml", "figures": figures})
    merged = collect(output, stepped(tmp_path / "mrpc-l6"), "--merge")
    assert merged["trec_l2_w1a4_direct"] == old and merged["mrpc_l6_float"]["value"] == 87.5
    command = read_json(output)["command"].split("; ")
    assert command == [
        "batflow sweep benchmarks/trec_widths.yaml",
        "batflow sweep benchmarks/mrpc_l6.yaml",
    ]
    collect(output, stepped(tmp_path / "mrpc-l6"), "--merge", "--command", "make x")
    assert read_json(output)["command"].split("; ") == [*command, "make x"]
    assert "trec_l2_w1a4_direct" not in collect(output, tmp_path / "mrpc-l6")


def test_partial_takes_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = stepped(tmp_path / "mrpc-l6", (1,), planned=3)
    assert main([str(folder), "--output", str(tmp_path / "out.json")]) == 2
    assert "not finished" in capsys.readouterr().err
    (folder / "sweep.json").unlink()
    figures = collect(tmp_path / "out.json", folder, "--partial")
    assert figures["mrpc_l6_w1a8_stepped"]["seeds"] == [1]


Change = Callable[[Path], list[Path]]
FAULTS: dict[str, tuple[Change, str]] = {
    "same seed, other figure": (
        lambda p: [
            finish(p / n, [add_cell(p / n, "direct", 1, {"student": value}, 87.0)])
            for n, value in (("a", 80.0), ("b", 81.0))
        ],
        "with other settings or figures; give one",
    ),
    "other settings": (
        lambda p: [split(p / "a"), split(p / "b", seed=2, student_epochs=3)],
        "with other settings or figures; give one",
    ),
    "other teacher": (
        lambda p: [
            stepped(p / "a", (1,)),
            finish(p / "b", [add_cell(p / "b", "direct", 1, {"student": 80.0}, 70.0)]),
        ],
        "different float models of mrpc_l6, seed 1",
    ),
    "no sweep": (lambda p: [p / "none"], "does not exist"),
    "no rows": (
        lambda p: [write_json(p / "a" / "sweep.json", {"cells": 1, "cells_planned": 1}) or p / "a"],
        "lacks 'rows'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    change, text = FAULTS[fault]
    assert main([*map(str, change(tmp_path)), "--output", str(tmp_path / "out.json")]) == 2
    error = capsys.readouterr().err
    assert text in error and error.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("name", ["teacher.json", "train.json"])
def test_a_record_without_figures_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = stepped(tmp_path / "mrpc-l6")
    write_json(folder / "stepped-a1-s1" / name, {"test": 80.0})
    assert main([str(folder), "--output", str(tmp_path / "out.json")]) == 2
    error = capsys.readouterr().err
    assert "lacks" in error and error.count("\n") == 1


def test_the_table_stands_between_its_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, output = tmp_path / "page.md", tmp_path / "out.json"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    folder = stepped(tmp_path / "mrpc-l6")
    collect(output, folder, "--table", page)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n") and text.endswith(f"{END}\nafter\n") and "old" not in text
    rows = [line for line in text.splitlines() if line.startswith("| mrpc ")]
    assert rows[0] == "| mrpc | 6 | 1 | 8 | stepped | 1 | 1 2 | 87.00 ± 0.00 | 87.50 | 0.50 ± 6.35 | 15 | - |"
    assert [row.split("|")[4].strip() for row in rows] == ["8", "4", "2", "1"]
    assert "majority class 70.00, TF-IDF 75.04, 0-layer 70.00" in text
    assert "`batflow sweep benchmarks/mrpc_l6.yaml`" in text
    collect(output, folder, "--table", page)
    assert page.read_text() == text
    page.write_text("no marks\n")
    assert main([str(folder), "--output", str(output), "--table", str(page)]) == 2
    assert BEGIN in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        *(("trec_widths", 12), ("trec_splits", 9), ("mr_widths", 3), ("sst2_l6", 2)),
        *(("stsb_general", 1), ("stsb_l6", 1), ("mrpc_l6", 3), ("rte_l6", 3)),
    ],
)
def test_the_sweep_files_are_sound(name: str, cells: int) -> None:
    assert len(list(Sweep.from_yaml(FOLDER / f"{name}.yaml").places())) == cells
