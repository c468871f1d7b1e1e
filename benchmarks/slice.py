# SPDX-License-Identifier: Apache-2.0
"""Collect the figures of a finished run into benchmarks/results/slice.json.

    python benchmarks/slice.py runs/demo --demo-s 600 --test-s 900 [--mr runs/mr]

Nothing is measured here: every figure is read from the run's own artefacts, except the two wall
times, which are those of ``make demo`` and ``make test`` on this machine.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import batflow
from batflow.errors import FormatError, UserError
from batflow.files import read_json, write_json
from batflow.flow.doctor import examine

RESULTS = Path(__file__).parent / "results"
SOURCES = {"trained", "csim", "cosim", "estimate", "host"}
Figure = dict[str, Any]


def figure(value: float, unit: str, source: str) -> Figure:
    """One figure in the form of every benchmark here."""
    if source not in SOURCES:
        raise FormatError(f"a figure's source is one of {', '.join(sorted(SOURCES))}; not {source!r}")
    return {"value": value, "unit": unit, "source": source}


def accuracy_figures(run: Path, prefix: str = "") -> dict[str, Figure]:
    """Teacher, integer model and controls of a run, in percent of its held-out test split."""
    teacher, train = read_json(run / "teacher.json"), read_json(run / "train.json")
    values = {
        "teacher_accuracy": teacher["test"],
        "integer_accuracy": train["integer_test"],
        "tfidf_accuracy": teacher["controls"]["tfidf"],
        "zero_layer_accuracy": teacher["controls"]["zero_layer"],
    }
    return {f"{prefix}{key}": figure(round(value, 2), "%", "trained") for key, value in values.items()}


def slice_figures(run: Path, demo_s: float, test_s: float, mr: Path | None) -> dict[str, Figure]:
    """All figures of slice.json.

    Raises:
        FormatError: an artefact is absent or lacks a figure.
    """
    try:
        verify, csim, cosim = (read_json(run / f"{name}.json") for name in ("verify", "csim", "cosim"))
        figures = {
            "demo_s": figure(demo_s, "s", "host"),
            "test_s": figure(test_s, "s", "host"),
            "verify_sentences": figure(verify["n"], "sentences", "host"),
            "verify_mismatches": figure(verify["mismatches"], "sentences", "host"),
            **accuracy_figures(run),
            "csim_sentences_per_s": figure(round(csim["sentences_per_s"], 2), "1/s", "csim"),
            "qmm_cosim_cycles_per_s": figure(round(cosim["cycles_per_s"]), "1/s", "cosim"),
        }
        return figures | (accuracy_figures(mr, "mr_") if mr else {})
    except (KeyError, TypeError) as exc:
        raise FormatError(f"{run}: an artefact lacks {exc}; finish the run first") from exc


def machine() -> str:
    """Processor, cores and system of this machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def versions() -> dict[str, str]:
    """Versions of the tools that are here."""
    found = {finding.name: finding.version for finding in examine() if finding.version}
    return {"batflow": batflow.__version__, **found}


def write_record(output: Path, command: str, figures: dict[str, Figure]) -> None:
    """Write ``figures`` in the form that every benchmark has, with what they were made on."""
    record = {
        "command": command,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "figures": figures,
    }
    write_json(output, record)


def report(output: Path, write: Callable[[], object]) -> int:
    """Let ``write`` make ``output``; return the exit code, 2 with one line on a user's error."""
    try:
        write()
    except UserError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    print(f"written: {output}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Write slice.json; exit code 2 with one line when a run is not complete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of a finished TREC run")
    parser.add_argument("--demo-s", type=float, required=True, help="wall time of make demo, seconds")
    parser.add_argument("--test-s", type=float, required=True, help="wall time of make test, seconds")
    parser.add_argument("--mr", type=Path, help="folder of a finished MR run")
    parser.add_argument("--output", type=Path, default=RESULTS / "slice.json")
    given = parser.parse_args(arguments)
    command = "python benchmarks/slice.py " + " ".join(arguments or sys.argv[1:])

    def write() -> None:
        figures = slice_figures(given.run, given.demo_s, given.test_s, given.mr)
        write_record(given.output, command, figures)

    return report(given.output, write)


if __name__ == "__main__":
    sys.exit(main())
