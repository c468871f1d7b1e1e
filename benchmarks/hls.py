# SPDX-License-Identifier: Apache-2.0
"""The vendor exits in figures: benchmarks/results/hls.json.

    python -m benchmarks.hls runs/demo --sentences 500

Three parts, each at its own work: held-out sentences of a lowered run through the hls4ml model, through
FINN's Python execution, and with layer 0 as FINN's RTL; one encoder layer of random weights through FINN,
with its RTL at full rate; and the kernels' tests, counted by whether they passed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batflow.errors import EngineError, FormatError
from batflow.files import read_json
from batflow.flow.engines import ReferenceRung
from batflow.flow.run_folder import open_run
from batflow.flow.sampled_rungs import finn_rtl_rung, finn_rung, hls4ml_rung
from batflow.flow.sentences import held_out
from batflow.flow.verify import climb
from batflow.hls.packing import WeightKind
from batflow.hls.program_io import load_program, save_program
from batflow.hls.random_program import random_program
from benchmarks.slice import RESULTS, Figure, figure, report, write_record

KERNEL_TESTS = ("tests/hls/test_kernels_*.py", "tests/hls/test_csim.py", "tests/hls/test_hls_check.py")
FINN_SENTENCES, RTL_SENTENCES = 50, 6
TOKENS = 16
CLOCKS = 1024
CLOCK_NS = 5.0


def rung_figures(folder: Path, sentences: int) -> dict[str, Figure]:
    """Held-out sentences of a run that hls4ml or FINN answers with other integers than the reference."""
    run = open_run(folder.parent, folder.name)
    program = load_program(run.artefact("program"))
    found: dict[str, Figure] = {}
    for name, make, count in (
        ("hls4ml", hls4ml_rung, sentences),
        ("finn_run_python", finn_rung, min(sentences, FINN_SENTENCES)),
        ("finn_run_rtl", finn_rtl_rung, min(sentences, RTL_SENTENCES)),
    ):
        rungs, skipped = make(program, count)
        if skipped:
            raise EngineError(f"no {name} rung: {skipped}")
        held = held_out(run, program, count)
        climbed = climb([ReferenceRung(program), *rungs], held.sentences, len(program.layers))
        found[f"{name}_mismatches"] = figure(climbed.mismatches, "sentences", rungs[0].source)
        found[f"{name}_sentences"] = figure(climbed.n, "sentences", rungs[0].source)
    return found


def finn_figures(kind: WeightKind) -> dict[str, Figure]:
    """One encoder layer with 4-bit activations, 1024 clocks a frame asked for, stitched and simulated."""
    program = random_program(1, layers=1, hidden=64, heads=2, ffn=256, max_len=TOKENS, bits=4, kind=kind)
    with tempfile.TemporaryDirectory() as folder:
        save_program(program, Path(folder) / "program")
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "batflow.hls.finn", str(Path(folder) / "program"), "--out", str(out)]
        command += ["--length", str(TOKENS), "--target-fps", str(1e9 / CLOCK_NS / CLOCKS), "--simulate"]
        subprocess.run(command, check=True)
        record = read_json(out / "finn.json")
    return finn_record_figures(record, "finn" if kind == "binary" else f"finn_{kind}")


def finn_record_figures(record: dict[str, Any], prefix: str) -> dict[str, Figure]:
    """The figures of a finn.json.

    Raises:
        FormatError: it lacks one.
    """
    try:
        rtl, estimate, python = record["rtl"], record["estimate"], record["python"]
        wrong = rtl["mismatches"] + rtl["mismatches_with_stalls"]
        return {
            f"{prefix}_unconverted_nodes": figure(record["unconverted_nodes"], "nodes", "host"),
            f"{prefix}_python_mismatches": figure(python["mismatches"], "integers", "host"),
            f"{prefix}_rtl_mismatches": figure(wrong, "integers", "cosim"),
            f"{prefix}_rtl_interval_cycles": figure(rtl["interval_cycles"], "cycles", "cosim"),
            f"{prefix}_rtl_latency_cycles": figure(rtl["latency_cycles"], "cycles", "cosim"),
            f"{prefix}_estimated_interval_cycles": figure(estimate["interval_cycles"], "cycles", "estimate"),
        }
    except (KeyError, TypeError) as exc:
        raise FormatError(f"finn.json lacks {exc}; run the command with --simulate") from exc


def kernel_figures() -> dict[str, Figure]:
    """Tests of the HLS kernels: how many passed, and how many did not."""
    root = Path(__file__).parent.parent
    files = sorted(str(path) for pattern in KERNEL_TESTS for path in root.glob(pattern))
    with tempfile.TemporaryDirectory() as folder:
        outcome = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={outcome}", *files]
        subprocess.run(command, check=False, cwd=root, stdout=subprocess.DEVNULL)
        if not outcome.is_file():
            raise EngineError("the kernels' tests did not run; try pytest tests/hls")
        return count_figures(outcome.read_text())


def count_figures(junit: str) -> dict[str, Figure]:
    """The counts of a JUnit report."""
    suites = list(ElementTree.fromstring(junit).iter("testsuite"))
    total, bad = 0, 0
    for suite in suites:
        total += int(suite.attrib["tests"])
        bad += sum(int(suite.attrib[name]) for name in ("failures", "errors", "skipped"))
    return {
        "kernel_tests": figure(total - bad, "tests", "csim"),
        "kernel_tests_not_passed": figure(bad, "tests", "csim"),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all three parts and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="a lowered run folder")
    parser.add_argument("--sentences", type=int, default=500)
    given = parser.parse_args(arguments)

    def write() -> None:
        figures = rung_figures(given.run, given.sentences)
        figures |= finn_figures("binary") | finn_figures("ternary") | kernel_figures()
        command = f"python -m benchmarks.hls {given.run} --sentences {given.sentences}"
        write_record(RESULTS / "hls.json", command, figures)

    return report(RESULTS / "hls.json", write)


if __name__ == "__main__":
    sys.exit(main())
