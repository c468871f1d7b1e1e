# SPDX-License-Identifier: Apache-2.0
"""Collect the figures of ``batflow robustness`` into benchmarks/results/robustness.json.

    batflow robustness runs/demo --sentences 160
    python -m benchmarks.robustness runs/demo

Nothing is measured here: every figure is read from the run's robustness.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from batflow.errors import FormatError
from batflow.files import read_json
from benchmarks.slice import RESULTS, Figure, figure, report, write_record


def key_of(row: dict[str, Any]) -> str:
    """Return such as ``gaussian_integer_0.5`` or ``accumulator_ffn1_1``."""
    return f"{row['kind']}_{row['site'] or row['model']}_{row['level']:g}"


def robustness_figures(record: dict[str, Any]) -> dict[str, Figure]:
    """Return every figure of a record with its 95 % interval over seeds, in percent.

    Raises:
        FormatError: the record lacks a figure.
    """
    try:
        unit = "%"
        figures = {
            f"clean_{name}": figure(round(value, 2), unit, "trained")
            for name, value in record["clean"].items()
        }
        for row in record["rows"]:
            half = row["interval95"]
            interval = None if half is None else round(half, 2)
            figures[key_of(row)] = figure(round(row["mean"], 2), unit, row["source"]) | {
                "interval95": interval
            }
        if record["score"]["value"] is not None:
            figures["robustness_score"] = figure(round(record["score"]["value"], 2), unit, "trained")
        figures["sentences"] = figure(record["sentences"], "sentences", "trained")
        figures["wall_s"] = figure(round(record["seconds"], 1), "s", "host")
        figures["processor_s"] = figure(round(record["processor_seconds"], 1), "s", "host")
    except (KeyError, TypeError) as exc:
        raise FormatError(f"robustness.json lacks {exc}; run `batflow robustness` again") from exc
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Write robustness.json; exit code 2 with one line when the run has none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of a run with robustness.json")
    parser.add_argument("--output", type=Path, default=RESULTS / "robustness.json")
    given = parser.parse_args(arguments)

    def write() -> None:
        record = read_json(given.run / "robustness.json")
        figures = robustness_figures(record)
        write_record(
            given.output, f"batflow robustness {given.run} --sentences {record['sentences']}", figures
        )

    return report(given.output, write)


if __name__ == "__main__":
    sys.exit(main())
