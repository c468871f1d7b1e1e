# SPDX-License-Identifier: Apache-2.0
"""Sweep folders as ``batflow sweep`` writes them, with made-up figures in place of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batflow.files import write_json
from batflow.flow.run_folder import start_run
from batflow.flow.settings import RunConfig
from batflow.flow.sweep_table import Cell, write_table
from batflow.quant.data import save_dataset
from batflow.quant.dataset import Dataset, Example

SENTENCES = 10
CONTROLS = {"tfidf": 75.04, "zero_layer": 70.0}


def dataset(task: str) -> Dataset:
    """Ten test sentences, seven of one class."""
    rows = [Example(f"text {row}", None, int(row >= 7)) for row in range(SENTENCES)]
    return Dataset(task, ["no", "yes"], False, False, rows, rows, rows)


def add_cell(
    folder: Path,
    method: str,
    seed: int,
    integers: Mapping[str, float | None],
    teacher: float,
    **settings: Any,
) -> Cell:
    """Write a finished cell at 1 bit; ``integers`` are the integer scores of its stages by name.

    A stage without one is a baseline that scores 60 in training mode.
    """
    values = {"task": "mrpc", "layers": 6, "bits": 1, "seed": seed, "keep_stages": True} | settings
    config = RunConfig.create(values)
    run = start_run(folder, f"{method}-a1-s{seed}", config)
    save_dataset(dataset(config.task), run.path)
    planned = {stage.name: stage for stage in config.stages()}
    stages = [
        {"name": name, "weight": planned[name].weight, "bits": planned[name].bits, "integer_test": value}
        | {"seconds": 10.0 * seed, "history": [{"seconds": 10.0 * seed}], "test": value or 60.0}
        for name, value in integers.items()
    ]
    metric = {"metric": "accuracy", "test_sentences": SENTENCES}
    last = {"integer_test": stages[-1]["integer_test"], "test": stages[-1]["test"]}
    history = [row for stage in stages for row in stage["history"]]
    write_json(run.artefact("train.json"), metric | last | {"stages": stages, "history": history})
    write_json(run.artefact("teacher.json"), metric | {"test": teacher, "controls": CONTROLS})
    run.done["train"] = {"finished": f"2026-01-0{seed}T10:00:00+00:00"}
    run.save()
    return Cell(method, 1, seed, run)


def finish(folder: Path, cells: Sequence[Cell], planned: int | None = None) -> Path:
    """Write sweep.json over ``cells``."""
    write_table(folder, folder.name, cells, len(cells) if planned is None else planned)
    return folder
