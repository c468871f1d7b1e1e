# SPDX-License-Identifier: Apache-2.0
"""The table of a sweep: means over seeds with 95 % intervals, as JSON and as markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batflow.files import read_json, write_bytes, write_json
from batflow.quant.config import BITS_PER_WEIGHT

from .interval import mean_interval
from .run_folder import RunFolder

SHORT_WEIGHT = {"binary": "w1", "ternary": "wt", "tws": "w1", "wtws": "w1"}
CONTROLS = {"majority": "majority class", "tfidf": "TF-IDF + linear SVM", "zero_layer": "0-layer"}

COLUMNS = (
    *("method", "recipe", "weights", "bits per weight", "A bits", "seeds"),
    *("integer", "fake-quantized", "float", "drop"),
)


@dataclass(frozen=True)
class Cell:
    """One trained run of the grid."""

    method: str
    bits: int
    seed: int
    run: RunFolder


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, half-width of the 95 % interval (None for one value) and the values."""
    mean, interval = mean_interval(values)
    return {"mean": mean, "interval": interval, "values": list(values)}


def majority_share(run: RunFolder) -> float | None:
    """Return the percentage of the test split's most frequent class; None for scores."""
    from batflow.quant.data import read_dataset

    dataset = read_dataset(run.path)
    if dataset.regression:
        return None
    counts = Counter(example.label for example in dataset.split("test"))
    return 100.0 * max(counts.values()) / sum(counts.values())


def make_row(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the row of one method and width; ``drop`` is paired: each seed has its own teacher.

    A baseline of activations has no integer model: its ``integer`` and ``drop`` are None.
    """
    first = cells[0]
    config = first.run.config
    trained = [read_json(cell.run.artefact("train.json")) for cell in cells]
    teachers = [read_json(cell.run.artefact("teacher.json")) for cell in cells]
    integers = [record["integer_test"] for record in trained if record["integer_test"] is not None]
    floats = [record["test"] for record in teachers]
    return {
        "key": f"{config.task}_l{config.layers}_{SHORT_WEIGHT[config.weight]}a{first.bits}_{first.method}",
        "method": first.method,
        "bits": first.bits,
        "weight": config.weight,
        "bits_per_weight": BITS_PER_WEIGHT[config.weight],
        "recipe": "direct" if config.recipe is None else config.recipe.name,
        "seeds": [cell.seed for cell in cells],
        "epochs": [len(record["history"]) for record in trained],
        "seconds": [round(sum(r["seconds"] for r in record["history"]), 1) for record in trained],
        "integer": summary(integers) if integers else None,
        "fake_quantized": summary([record["test"] for record in trained]),
        "teacher": summary(floats),
        "drop": summary([f - i for f, i in zip(floats, integers, strict=True)]) if integers else None,
        "test_sentences": trained[0]["test_sentences"],
        "metric": trained[0]["metric"],
        "controls": teachers[0]["controls"] | {"majority": majority_share(first.run)},
    }


def make_table(name: str, cells: Sequence[Cell], planned: int) -> dict[str, Any]:
    """Return the whole table; rows in the order in which their first cell was trained."""
    groups: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.method, cell.bits), []).append(cell)
    rows = [make_row(group) for group in groups.values()]
    return {"name": name, "source": "trained", "cells": len(cells), "cells_planned": planned, "rows": rows}


def text_of(figure: dict[str, Any] | None) -> str:
    """Return "91.2 ± 0.8", the mean alone where one seed allows no interval, or "none"."""
    if figure is None:
        return "none"
    interval = figure["interval"]
    return f"{figure['mean']:.1f}" + ("" if interval is None else f" ± {interval:.1f}")


def as_markdown(table: dict[str, Any]) -> str:
    """Return the table as markdown, controls below it."""
    lines = [
        f"# {table['name']}",
        "",
        f"Source: trained. {table['cells']} of {table['cells_planned']} runs. Mean over seeds ± half of the"
        " 95 % interval (Student's t); the integer column is deploy mode on the whole test split.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for row in table["rows"]:
        figures = [text_of(row[name]) for name in ("integer", "fake_quantized", "teacher", "drop")]
        seeds = " ".join(str(seed) for seed in row["seeds"])
        cells = [row["method"], row["recipe"], row["weight"], row["bits_per_weight"], row["bits"], seeds]
        lines.append(f"| {' | '.join(str(cell) for cell in [*cells, *figures])} |")
    first = table["rows"][0]
    known = [f"{CONTROLS[k]} {first['controls'][k]:.1f}" for k in CONTROLS if first["controls"].get(k)]
    lines += ["", f"Controls on the same {first['test_sentences']} sentences: {', '.join(known)}."]
    return "\n".join(lines) + "\n"


def write_table(folder: Path, name: str, cells: Sequence[Cell], planned: int) -> None:
    """Write ``sweep.json`` and ``sweep.md`` into the sweep's folder."""
    table = make_table(name, cells, planned)
    write_json(folder / "sweep.json", table)
    write_bytes(folder / "sweep.md", as_markdown(table).encode())
