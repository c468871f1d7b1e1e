# SPDX-License-Identifier: Apache-2.0
"""``batflow synth``: the resources of a config's units by open synthesis, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from batflow.files import write_json
from batflow.hls.config import AcceleratorConfig, load_config
from batflow.hls.synth_report import SOURCE, Resources, SynthReport, Unit
from batflow.hls.synth_scale import synthesize_unit
from batflow.hls.synth_units import UnitJob, unit_jobs
from batflow.overlays.board import Board, load_board

Results = Sequence[tuple[UnitJob, SynthReport]]


def synthesize_config(config: AcceleratorConfig, names: list[str] | None, console: Console) -> Results:
    """Synthesize the units of ``config`` (``names``, or all), with a progress bar on a terminal.

    Raises:
        InputError, MissingToolError, EngineError: as `hls.synth_scale.synthesize_unit`.
    """
    jobs = unit_jobs(config, names)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    results = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("synthesis", total=None)
        for job in jobs:

            def show(done: int, total: int, stage: str, unit: str = job.unit) -> None:
                bar.update(task, description=f"{unit}: {stage}", completed=done, total=total)

            results.append((job, synthesize_unit(job, show)))
    return results


def _rates(job: UnitJob, total: Resources) -> dict[str, float]:
    """LUTs and LCs per binary MAC per clock, or per lane; none for the whole accelerator, which has both."""
    name, number = ("mac", job.macs) if job.macs else ("lane", job.lanes)
    if not number:
        return {}
    return {f"lut_per_{name}": round(total.lut / number, 4), f"lc_per_{name}": round(total.lc / number, 4)}


def _shares(total: Resources, board: Board) -> dict[str, float]:
    """Shares of the board's resources, for those that it has."""
    pairs = {
        name: (getattr(total, name), getattr(board, name)) for name in ("lut", "ff", "bram36", "uram", "dsp")
    }
    return {name: round(used / there, 5) for name, (used, there) in pairs.items() if there}


def as_json(config: AcceleratorConfig, results: Results, board: Board | None) -> dict[str, Any]:
    """The results as JSON values, labelled with their source."""
    units = {}
    for job, report in results:
        units[job.unit] = {**report.as_json(), "rates": _rates(job, report.total)}
        if board:
            units[job.unit]["board_shares"] = _shares(report.total, board)
    return {
        "source": SOURCE,
        "config": config.model_dump(),
        "config_hash": config.config_hash(),
        "board": board.name if board else None,
        "units": units,
    }


def _rows(unit: Unit, depth: int = 0) -> Iterator[tuple[str, Unit]]:
    name = unit.module if depth == 0 else f"{unit.name} ({unit.module})"
    times = f" x {unit.count}" if unit.count > 1 else ""
    yield "  " * depth + name + times, unit
    for child in sorted(unit.children, key=lambda child: -child.total.lut):
        yield from _rows(child, depth + 1)


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def as_table(results: Results, board: Board | None) -> RenderableType:
    """One table for all units; below it what was scaled, the rates and the shares."""
    table = Table("unit", title=SOURCE)
    for name in ("LUT", "of these memory", "est. LC", "FF", "CARRY4", "BRAM36", "URAM", "DSP"):
        table.add_column(name, justify="right")
    lines: list[str] = []
    for job, report in results:
        for name, unit in _rows(report.tree):
            table.add_row(name, *map(_number, unit.total.values()))
        table.add_section()
        facts = [f"{value:.2f} {key.replace('_', ' ')}" for key, value in _rates(job, report.total).items()]
        if board:
            facts += [
                f"{share:.1%} of {board.name}'s {key}" for key, share in _shares(report.total, board).items()
            ]
        facts += [f"scaled, {report.scaled}"] if report.scaled else []
        lines += [f"{job.unit}: {', '.join(facts)}"] if facts else []
    return Group(table, *lines)


def synthesize_file(
    file: Path, names: list[str] | None, board_name: str | None, output: Path | None, console: Console
) -> RenderableType:
    """Synthesize the config in ``file``; write JSON to ``output``; return the table.

    Raises:
        UserError: of the config, the board, the tool or the file.
    """
    board = load_board(board_name) if board_name else None
    config = load_config(file)
    results = synthesize_config(config, names, console)
    if output:
        write_json(output, as_json(config, results, board))
    return as_table(results, board)
