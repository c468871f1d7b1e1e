# SPDX-License-Identifier: Apache-2.0
"""What a sweep has trained, one point for each model: of every cell, or of every stage it kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batflow.errors import FormatError, InputError
from batflow.files import read_json
from batflow.flow.run_folder import RunFolder, open_run
from batflow.flow.settings import RunConfig
from batflow.flow.sweep_table import SHORT_WEIGHT
from batflow.quant.config import BITS_PER_WEIGHT

CELL = re.compile(r"(?P<method>.+)-a(?P<bits>\d+)-s(?P<seed>\d+)")
APART = {
    *("seed", "bits", "weight", "threads", "glue_dir", "tsv", "keep_stages"),
    *("verify_sentences", "verify_cosim_sentences", "csim_sentences", "cosim_sentences"),
}
"""Settings in which two points of one key may differ."""


TRAINING_MODE = "_training_mode"


@dataclass(frozen=True)
class Point:
    """One trained model of one seed. ``score`` and ``teacher`` are in percent.

    ``score`` is that of deploy mode; a baseline that cannot be deployed has its training mode's,
    and a key that ends in ``_training_mode``. ``other_key`` serves where another model has ``key``:
    the ternary model on the way to a split is one for all methods, unless their settings differ.
    ``seconds`` is the student's training up to this model, all stages before it included; None
    where an unfinished cell does not say it. ``settings`` decide whether points belong together.
    """

    key: str
    other_key: str | None
    group: str
    seed: int
    bits_per_weight: int
    score: float
    teacher: float
    seconds: float | None
    checkpoint: Path
    run: RunFolder
    settings: str

    @property
    def deployable(self) -> bool:
        """Whether the model has an integer form."""
        return not self.key.endswith(TRAINING_MODE)

    def like(self, other: Point) -> bool:
        """Whether both may stand in one row: equal settings, and equal figures of an equal seed."""
        figures = (self.score, self.teacher) == (other.score, other.teacher)
        return self.settings == other.settings and (figures or self.seed != other.seed)

    @property
    def teacher_record(self) -> dict[str, Any]:
        """The run's teacher.json."""
        record: dict[str, Any] = read_json(self.run.artefact("teacher.json"))
        return record


def read_points(folder: Path, *, partial: bool = False) -> list[Point]:
    """Return the points of a sweep; ``partial`` takes what an unfinished one has.

    Raises:
        FormatError: the sweep is not finished, or a record lacks a figure.
        InputError: nothing is trained.
    """
    names = _every_cell(folder) if partial else _finished_cells(folder)
    try:
        points = [point for name in names for point in _cell_points(folder, name)]
    except (KeyError, TypeError) as exc:
        raise FormatError(f"{folder}: a record lacks {exc}; run `batflow sweep` again") from exc
    if not points:
        raise InputError(f"{folder} holds no trained model; run `batflow sweep` first")
    return points


def _finished_cells(folder: Path) -> list[str]:
    table = read_json(folder / "sweep.json")
    try:
        if table["cells"] != table["cells_planned"]:
            raise FormatError(
                f"sweep {table['name']} is not finished; run `batflow sweep` again, or give --partial"
            )
        return [f"{row['method']}-a{row['bits']}-s{seed}" for row in table["rows"] for seed in row["seeds"]]
    except (KeyError, TypeError) as exc:
        raise FormatError(f"{folder / 'sweep.json'} lacks {exc}; run `batflow sweep` again") from exc


def _every_cell(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/run.json") if CELL.fullmatch(path.parent.name))


def _cell_points(folder: Path, name: str) -> Iterator[Point]:
    found = CELL.fullmatch(name)
    if found is None:
        raise FormatError(f"{folder / name} is no cell of a sweep; take the folder away")
    run = open_run(folder, name)
    records = _records(run)
    if not records:
        return
    teacher = read_json(run.artefact("teacher.json"))
    seconds: float | None = 0.0
    points: dict[str, Point] = {}
    for record in records:
        lasted = record.get("seconds")
        seconds = None if seconds is None or lasted is None else seconds + lasted
        if not (run.config.keep_stages or record is records[-1]):
            continue
        point = _point(run, record, found["method"], teacher["test"], seconds)
        points[point.key] = point
    yield from points.values()


def _records(run: RunFolder) -> Sequence[dict[str, Any]]:
    """Return the records of the run's stages; of an unfinished run those of its kept models."""
    from batflow.quant.checkpoint import read_arrays

    if run.artefact("train.json").is_file():
        train = read_json(run.artefact("train.json"))
        whole: list[dict[str, Any]] = train["stages"]
        return whole
    paths = [run.artefact(f"student.{stage.name}.npz") for stage in run.config.stages()]
    return [read_arrays(path)[0]["metrics"] for path in paths if path.is_file()]


def _point(
    run: RunFolder, record: dict[str, Any], method: str, teacher: float, seconds: float | None
) -> Point:
    config, weight = run.config, record["weight"]
    widths = set(record["bits"].values())
    width = str(widths.pop()) if len(widths) == 1 else "mixed"
    group = f"{config.task}_l{config.layers}"
    stem = f"{group}_{SHORT_WEIGHT[weight]}a{width}_"
    ternary = weight == "ternary" != config.weight
    deployed = record["integer_test"]
    end = TRAINING_MODE if deployed is None else ""
    kept = run.artefact(f"student.{record['name']}.npz")
    return Point(
        f"{stem}{'ternary' if ternary else method}{end}",
        f"{stem}{method}-ternary{end}" if ternary else None,
        group,
        config.seed,
        BITS_PER_WEIGHT[weight],
        record["test"] if deployed is None else deployed,
        teacher,
        seconds,
        kept if kept.is_file() else run.artefact("student.npz"),
        run,
        _settings(config),
    )


def _settings(config: RunConfig) -> str:
    values = config.model_dump(mode="json")
    return json.dumps({k: v for k, v in values.items() if k not in APART}, sort_keys=True)


def by_key(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Return the points of each key in the order of their seeds, one a seed.

    Raises:
        InputError: two sweeps hold a key with other settings, or other figures for one seed.
    """
    found: dict[str, dict[int, Point]] = {}
    for point in points:
        key = point.key
        if point.other_key and not _fits(point, found.get(key, {})):
            key = point.other_key
        row = found.setdefault(key, {})
        if not _fits(point, row):
            raise InputError(
                f"{key} of seed {point.seed} is in {next(iter(row.values())).run.path} and in"
                f" {point.run.path} with other settings or figures; give one of the sweeps"
            )
        row.setdefault(point.seed, point)
    return {key: [row[seed] for seed in sorted(row)] for key, row in found.items()}


def _fits(point: Point, row: dict[int, Point]) -> bool:
    return all(point.like(other) for other in row.values())
