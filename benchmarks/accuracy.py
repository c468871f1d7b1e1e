# SPDX-License-Identifier: Apache-2.0
"""Collect the integer accuracies of sweeps into benchmarks/results/accuracy.json.

    batflow sweep benchmarks/mrpc_l6.yaml
    python -m benchmarks.accuracy runs/mrpc-l6 --merge --table docs/bmt.md

Nothing is measured here: every figure is read from the sweeps' run folders. A key is
TASK_MODEL_SETTING_METHOD, such as ``trec_l2_w1a4_direct``; its value is deploy mode on the whole
test split, the mean over seeds with half of the 95 % interval. Cells that kept the models of their
stages give a row for each of them. A baseline without an integer form gives KEY_training_mode.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batflow.errors import FormatError, InputError
from batflow.files import read_json
from batflow.flow.interval import mean_interval
from batflow.flow.sweep_table import majority_share
from batflow.quant.recipe import read_yaml
from benchmarks.accuracy_table import write_table
from benchmarks.slice import RESULTS, Figure, figure, report, write_record
from benchmarks.sweep_points import Point, by_key, read_points

UNITS = {"accuracy": "%", "pearson": "100 r"}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _mean(values: Sequence[float], unit: str) -> Figure:
    mean, interval = mean_interval(values)
    return figure(round(mean, 2), unit, "trained") | {"interval95": _rounded(interval)}


def row_figure(points: Sequence[Point], metric: str, sentences: int) -> Figure:
    """Return the figure of one key: ``points`` are its seeds; ``drop`` is paired by seed."""
    drop, interval = mean_interval([point.teacher - point.score for point in points])
    seconds = [point.seconds for point in points if point.seconds is not None]
    finished = [point.run.done.get("train", {}).get("finished", "") for point in points]
    whole = len(seconds) == len(points)
    return _mean([point.score for point in points], UNITS[metric]) | {
        "values": [round(point.score, 2) for point in points],
        "seeds": [point.seed for point in points],
        "bits_per_weight": points[0].bits_per_weight,
        "float": round(sum(point.teacher for point in points) / len(points), 2),
        "drop": round(drop, 2),
        "drop_interval95": _rounded(interval),
        "train_s": round(sum(seconds) / len(seconds), 1) if whole else None,
        "sentences": sentences,
        "date": max(finished)[:10] or None,
    }


def accuracy_figures(points: Sequence[Point]) -> dict[str, Figure]:
    """Return one figure a key, and those of the float teacher and the controls of each task.

    Raises:
        FormatError: a record lacks a figure.
        InputError: two sweeps hold one key, or one teacher, with other settings or figures.
    """
    figures: dict[str, Figure] = {}
    teachers: dict[str, dict[int, float]] = {}
    for key, row in by_key(points).items():
        try:
            record = row[0].teacher_record
            metric, sentences, controls = record["metric"], record["test_sentences"], record["controls"]
            figures[key] = row_figure(row, metric, sentences)
        except (KeyError, TypeError) as exc:
            raise FormatError(f"{row[0].run.path}: teacher.json lacks {exc}; run the sweep again") from exc
        group = row[0].group
        for point in row:
            if teachers.setdefault(group, {}).setdefault(point.seed, point.teacher) != point.teacher:
                raise InputError(
                    f"two sweeps have different float models of {group}, seed {point.seed}; give one of them"
                )
        for name, value in controls.items():
            figures[f"{group}_{name}"] = figure(round(value, 2), UNITS[metric], "trained")
        share = majority_share(row[0].run)
        if share is not None:
            figures[f"{row[0].run.config.task}_majority"] = figure(round(share, 2), UNITS[metric], "trained")
    for group, seeds in teachers.items():
        unit = next(value["unit"] for key, value in figures.items() if key.startswith(f"{group}_"))
        ordered = sorted(seeds)
        figures[f"{group}_float"] = _mean([seeds[seed] for seed in ordered], unit) | {"seeds": ordered}
    return figures


def sweep_command(folder: Path) -> str:
    """Return the command that makes the sweep of ``folder``."""
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        if read_yaml(path, "sweep", "repair it").get("name") == folder.name:
            return f"batflow sweep benchmarks/{path.name}"
    return f"batflow sweep {folder.name}.yaml"


def merged(output: Path, figures: dict[str, Figure], commands: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return (figures, command) with those that ``output`` holds already; new ones win."""
    if not output.exists():
        return figures, "; ".join(dict.fromkeys(commands))
    record = read_json(output)
    try:
        before = str(record["command"]).split("; ")
        return {**record["figures"], **figures}, "; ".join(dict.fromkeys([*before, *commands]))
    except (KeyError, TypeError) as exc:
        raise FormatError(f"{output} lacks {exc}; write it anew without --merge") from exc


def main(arguments: list[str] | None = None) -> int:
    """Write accuracy.json; exit code 2 with one line when a sweep is not whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sweeps", type=Path, nargs="+", help="folders of sweeps")
    parser.add_argument("--output", type=Path, default=RESULTS / "accuracy.json")
    parser.add_argument(
        "--partial", action="store_true", help="take unfinished sweeps; rows name their seeds"
    )
    parser.add_argument("--merge", action="store_true", help="keep the other figures of the output file")
    parser.add_argument("--table", type=Path, help="write the table between the marks of this page")
    parser.add_argument("--command", help="what made the sweeps, where no file of benchmarks/ did")
    given = parser.parse_args(arguments)

    def write() -> None:
        points = [p for sweep in given.sweeps for p in read_points(sweep, partial=given.partial)]
        figures, commands = accuracy_figures(points), [sweep_command(sweep) for sweep in given.sweeps]
        commands = [given.command] if given.command else commands
        command = "; ".join(dict.fromkeys(commands))
        if given.merge:
            figures, command = merged(given.output, figures, commands)
        write_record(given.output, command, figures)
        if given.table:
            write_table(given.table, read_json(given.output))

    return report(given.output, write)


if __name__ == "__main__":
    sys.exit(main())
