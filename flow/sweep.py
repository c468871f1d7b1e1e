# SPDX-License-Identifier: Apache-2.0
"""``batflow sweep``: one run for each method, activation width and seed, and a table over them.

A cell is a run folder ``<runs>/<sweep>/<method>-a<bits>-s<seed>``, so an interrupted sweep goes on
where it stopped. Cells that ask for the same teacher share the first one's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from rich.console import Console

from batflow.errors import InputError
from batflow.files import atomic_path
from batflow.quant.recipe import read_yaml

from .pipeline import is_current, run_steps
from .run_folder import RunFolder, start_run
from .settings import RunConfig
from .steps import STEPS
from .sweep_table import Cell, write_table

NAME = r"^[a-z0-9][a-z0-9_-]*$"
GRID = ("seed", "bits")
SHARED = ("data", "teacher")


class Sweep(BaseModel):
    """A grid. ``base`` and each method hold settings of ``RunConfig``; a method's win."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    base: dict[str, Any] = {}
    seeds: tuple[int, ...] = Field(min_length=1)
    bits: tuple[int, ...] = Field(min_length=1)
    methods: dict[str, dict[str, Any]] = Field(min_length=1)

    @field_validator("seeds", "bits")
    @classmethod
    def _no_repeats(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(values)) != len(values):
            raise ValueError("a value is given twice")
        return values

    @classmethod
    def from_yaml(cls, path: Path) -> Sweep:
        """Read a sweep file; the settings of every cell are checked too.

        Raises:
            FormatError: the file cannot be read or is not a YAML mapping.
            InputError: a field or a setting is unknown, absent or out of range.
        """
        values = read_yaml(path, "sweep", "give the path of a YAML file")
        try:
            sweep = cls(**values)
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = " ".join(first["msg"].removeprefix("Value error, ").split())
            known = ", ".join(cls.model_fields)
            raise InputError(f"sweep {path}: {where}: {reason} (fields: {known})") from exc
        for place in sweep.places():
            place.config(sweep)
        return sweep

    def places(self) -> Iterator[Place]:
        """Yield the cells of the grid: whole tables seed by seed."""
        for seed in self.seeds:
            for bits in self.bits:
                for method in self.methods:
                    yield Place(method, bits, seed)


@dataclass(frozen=True)
class Place:
    """Where a cell stands in the grid."""

    method: str
    bits: int
    seed: int

    @property
    def run_name(self) -> str:
        """Name of the cell's run folder."""
        return f"{self.method}-a{self.bits}-s{self.seed}"

    def config(self, sweep: Sweep) -> RunConfig:
        """Return the settings of the cell's run.

        Raises:
            InputError: a setting is unknown or out of range, or belongs to the grid.
        """
        given = sweep.base | sweep.methods[self.method]
        for name in GRID:
            if name in given:
                raise InputError(f"sweep {sweep.name}: {name} belongs to the grid, not to base or a method")
        values = given | {"bits": self.bits, "seed": self.seed}
        return RunConfig.create(values, f"sweep {sweep.name}, {self.run_name}")


def run_sweep(sweep: Sweep, runs: Path, console: Console) -> Path:
    """Train every cell that is not up to date; return the sweep's folder with its table.

    The table is written anew after each cell. Errors come from the steps.
    """
    folder = Path(runs) / sweep.name
    donors = _known_teachers(sweep, folder)
    cells: list[Cell] = []
    places = list(sweep.places())
    for number, place in enumerate(places, 1):
        console.print(f"[bold]{place.run_name}[/] ({number} of {len(places)})")
        run = start_run(folder, place.run_name, place.config(sweep))
        key = _teacher_key(run.config)
        if key in donors:
            _lend(donors[key], run)
        run_steps(STEPS, run, console, last="train")
        donors.setdefault(key, run)
        cells.append(Cell(place.method, place.bits, place.seed, run))
        write_table(folder, sweep.name, cells, len(places))
    return folder


def _known_teachers(sweep: Sweep, folder: Path) -> dict[str, RunFolder]:
    """Return the runs of an earlier start that have a teacher, by its settings."""
    donors: dict[str, RunFolder] = {}
    for place in sweep.places():
        if (folder / place.run_name / "run.json").is_file():
            run = start_run(folder, place.run_name, place.config(sweep))
            if all(is_current(step, run) for step in STEPS if step.name in SHARED):
                donors.setdefault(_teacher_key(run.config), run)
    return donors


def _teacher_key(config: RunConfig) -> str:
    fields = [field for step in STEPS if step.name in SHARED for field in step.settings]
    return json.dumps(config.part(tuple(fields)), sort_keys=True)


def _lend(donor: RunFolder, run: RunFolder) -> None:
    """Copy data and teacher into a run that has none; the pipeline then finds them up to date."""
    for step in STEPS:
        if step.name not in SHARED or is_current(step, run):
            continue
        for name in step.writes:
            with atomic_path(run.artefact(name)) as temporary:
                temporary.write_bytes(donor.artefact(name).read_bytes())
        run.done[step.name] = donor.done[step.name]
        run.save()
