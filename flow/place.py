# SPDX-License-Identifier: Apache-2.0
"""``batflow synth --place``: the units of a config by open place and route, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from batflow.errors import InputError
from batflow.files import write_json
from batflow.hls.config import load_config
from batflow.hls.place import SOURCE, Placed, place
from batflow.hls.synth_units import unit_jobs

Outcomes = Mapping[str, Placed | str]
"""By unit: what was found, or why it was refused."""


def place_file(file: Path, names: list[str] | None, output: Path | None, console: Console) -> Table:
    """Place and route units of the config in ``file``; write JSON to ``output``; return the table.

    Raises:
        UserError: of the config, the tools or the file; a unit that was named and does not fit.
    """
    config = load_config(file)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    found: dict[str, Placed | str] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("place and route", total=None)
        for job in unit_jobs(config, names):
            bar.update(task, description=f"{job.unit}: synthesis, place and route")
            try:
                found[job.unit] = place(job)
            except InputError as exc:
                if names:
                    raise
                found[job.unit] = str(exc)  # of all units, some may be too large for the device
    if output:
        write_json(output, as_json(config.config_hash(), found))
    return as_table(found)


def as_json(config_hash: str, found: Outcomes) -> dict[str, Any]:
    """The outcomes as JSON values, labelled with their source."""
    units = {name: {"refused": got} if isinstance(got, str) else got.as_json() for name, got in found.items()}
    return {"source": SOURCE, "config_hash": config_hash, "units": units}


def as_table(found: Outcomes) -> Table:
    """One row a unit, the slowest first."""
    table = Table(
        "unit", "MHz on ECP5", "slowest path", "logic cells", "block RAM", "multipliers", title=SOURCE
    )
    placed = [got for got in found.values() if isinstance(got, Placed)]
    for got in sorted(placed, key=lambda got: got.fmax_mhz):
        cells = [str(got.cells.get(name, 0)) for name in ("TRELLIS_COMB", "DP16KD", "MULT18X18D")]
        table.add_row(got.unit, f"{got.fmax_mhz:.1f}", f"{got.start} -> {got.end}", *cells)
    for name, reason in found.items():
        if isinstance(reason, str):
            table.add_row(name, "-", reason)
    return table
