# SPDX-License-Identifier: Apache-2.0
"""Collect the integer accuracies of finished sweeps into benchmarks/results/accuracy.json.

    batflow sweep benchmarks/trec_widths.yaml
    python -m benchmarks.accuracy runs/trec-widths

Nothing is measured here: every figure is read from a sweep's sweep.json. A key is
TASK_MODEL_SETTING_METHOD, such as ``trec_l2_w1a4_direct``; its value is deploy mode on the whole
test split, the mean over seeds with half of the 95 % interval.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batflow.errors import FormatError, InputError, UserError
from batflow.files import read_json
from benchmarks.slice import RESULTS, Figure, figure, write_record


def accuracy_figures(sweeps: Sequence[dict[str, Any]]) -> dict[str, Figure]:
    """Return one figure a row, and those of the float teacher and the controls of each task.

    Raises:
        FormatError: a sweep lacks a figure or is not finished.
        InputError: two sweeps have a row of one key.
    """
    figures: dict[str, Figure] = {}
    try:
        for sweep in sweeps:
            if sweep["cells"] != sweep["cells_planned"]:
                raise FormatError(f"sweep {sweep['name']} is not finished; run `batflow sweep` again")
            for row in sweep["rows"]:
                if row["key"] in figures:
                    raise InputError(f"two sweeps hold {row['key']}; give one of them")
                seeds = {"seeds": row["seeds"], "bits_per_weight": row["bits_per_weight"]}
                task = row["key"].rsplit("_", 2)[0]
                for key, part in ((row["key"], "integer"), (f"{task}_float", "teacher")):
                    value = figure(round(row[part]["mean"], 2), "%", "trained")
                    half = {"interval95": round(row[part]["interval"], 2)}
                    figures[key] = value | half | (seeds if part == "integer" else {})
                for name, value in row["controls"].items():
                    figures[f"{task}_{name}"] = figure(round(value, 2), "%", "trained")
    except (KeyError, TypeError) as exc:
        raise FormatError(f"a sweep.json lacks {exc}; run `batflow sweep` again") from exc
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Write accuracy.json; exit code 2 with one line when a sweep is not whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sweeps", type=Path, nargs="+", help="folders of finished sweeps")
    parser.add_argument("--output", type=Path, default=RESULTS / "accuracy.json")
    given = parser.parse_args(arguments)
    try:
        write_record(
            given.output,
            "batflow sweep benchmarks/trec_widths.yaml",
            accuracy_figures([read_json(sweep / "sweep.json") for sweep in given.sweeps]),
        )
    except UserError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    print(f"written: {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
