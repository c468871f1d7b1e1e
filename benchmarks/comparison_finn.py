# SPDX-License-Identifier: Apache-2.0
"""FINN: the encoder layer through our FINN exit, folded for the interval of the least BAT array.

The exit runs in ``.venv-finn``. First without simulation, for what FINN estimates; then stitched, with FIFO
depths by simulation; then its RTL through the open synthesis.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from batflow.errors import EngineError, MissingToolError
from batflow.files import read_json
from batflow.hls.program_io import save_program
from benchmarks.comparison_bat import LEAST, predicted_interval, program_of
from benchmarks.comparison_cases import FRAMES, Case
from benchmarks.comparison_synth import synthesize, yosys_share

ROOT = Path(__file__).resolve().parent.parent
CLOCK_NS = 5.0
TOP = "finn_top"
# Modules of FINN's library and of our units that stay apart, so that equal ones are mapped once.
KEEP = (
    *("mvu_vvu_axi", "thresholding_axi", "memstream_axi", "dynamic_load", "dwc_axi", "fifo"),
    *("finn_softmax", "finn_layernorm", "finn_permute", "finn_residual", "finn_requant", "finn_fork"),
)

EDITS = (
    # Directives inside a module.
    (re.compile(r"^`default_nettype.*$", re.MULTILINE), ""),
    # What is there for simulation alone: a watchdog with a delay, the FIFOs' fill counters.
    (re.compile(r"if\(1\) begin : blkRecoveryWatch.*?end : blkRecoveryWatch", re.DOTALL), ""),
    (re.compile(r",\s*output (\[\d+:0\]\[31:0\]) fill\);"), r"); wire \1 fill;"),
    # A slice that is empty in the first stage.
    (re.compile(r"p\.ptr\[M-1:SN\+1\] <"), "(p.ptr[M-1:0] >> (SN+1)) <"),
)
"""What keeps slang from reading a stitched graph; none changes what is built."""


def target_fps(case: Case) -> float:
    """Frames a second at :data:`CLOCK_NS` in the interval that the cycle model gives for the least array."""
    return round(1e9 / CLOCK_NS / predicted_interval(LEAST, program_of(case), case), 1)


def facts(record: dict[str, Any]) -> dict[str, Any]:
    """What the comparison keeps of the exit's finn.json."""
    estimate = record["estimate"]
    resources = estimate["resources"]
    found = {
        "converts": record["unconverted_nodes"] == 0,
        "mismatches": record["python"]["mismatches"],
        "compared": "FINN's Python execution and the reference",
        "latency": estimate["critical_path_cycles"],
        "interval": estimate["interval_cycles"],
        "cycles_source": "FINN estimate",
        "lut": resources["LUT"],
        "bram36": resources["BRAM_18K"] / 2,
        "uram": resources["URAM"],
        "dsp": resources["DSP"],
        "area_source": "FINN estimate",
    }
    if "rtl" in record:
        rtl = record["rtl"]
        found |= {
            "mismatches": rtl["mismatches"] + rtl["mismatches_with_stalls"],
            "compared": "stitched RTL in Verilator and the reference, with and without stalls",
            "latency": rtl["latency_cycles"],
            "interval": round(rtl["interval_cycles"]),
            "estimated_interval": estimate["interval_cycles"],
            "cycles_source": "cosim",
        }
    return found


def readable(folder: Path, scratch: Path) -> list[Path]:
    """Sources of the stitched graph in ``folder``, copied to ``scratch`` with :data:`EDITS`.

    The DSP's ports come from yosys's own library of cells.
    """
    library = sorted((folder / "finn-rtllib").glob("*.sv"), key=lambda path: not path.stem.endswith("_pkg"))
    for path in (*library, folder / "rtl" / f"{TOP}.sv"):
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in EDITS:
            text = pattern.sub(replacement, text)
        (scratch / path.name).write_text(text, encoding="utf-8")
    cells = yosys_share() / "xilinx" / "cells_xtra.v"
    box = re.search(r"^module DSP48E2\(.*?^endmodule", cells.read_text(), re.MULTILINE | re.DOTALL)
    if box is None:
        raise EngineError(f"{cells} has no DSP48E2; install the pyosys of the extra 'synth'")
    (scratch / "DSP48E2.v").write_text(f"(* blackbox *)\n{box[0]}\n")
    ours = ROOT / "hls" / "rtl"
    units = [*sorted(ours.glob("*_pkg.sv")), *sorted((ROOT / "hls" / "finn" / "rtl").glob("*.sv"))]
    # Our own model of the DSP has the name of the box.
    units += [p for p in sorted(ours.glob("*.sv")) if not p.stem.endswith("_pkg") and p.stem != "DSP48E2"]
    copies = [scratch / path.name for path in library]
    wrappers = sorted((folder / "rtl").glob("*.v"))
    return [scratch / "DSP48E2.v", *copies, *units, *wrappers, scratch / f"{TOP}.sv"]


def synthesize_finn(folder: Path) -> dict[str, float]:
    """The stitched graph of ``folder`` by open synthesis."""
    with tempfile.TemporaryDirectory(prefix="batflow_comparison_") as scratch:
        return synthesize(TOP, readable(folder, Path(scratch)), keep=KEEP)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "batflow.hls.finn", *command], capture_output=True, text=True, check=False
    )
    if done.returncode == 2:
        lines = done.stderr.strip().splitlines()
        raise EngineError(lines[-1] if lines else "the FINN exit gave no reason")


def run_finn(case: Case, tell: Callable[..., None], folder: Path) -> None:
    """Estimates, simulation, synthesis; every stage is told as it ends."""
    from batflow.hls.finn.environment import other_python

    if other_python() is None:
        raise MissingToolError("FINN needs its own environment; run `make finn-env`")
    program = folder / "program"
    save_program(program_of(case), program)
    command = [str(program), "--out", str(folder / "out"), "--target-fps", str(target_fps(case))]
    command += ["--clock-ns", str(CLOCK_NS), "--frames", str(FRAMES)]
    values = FRAMES * case.length * case.hidden
    for further in ([], ["--simulate"]):
        began = time.perf_counter()
        _run([*command, *further])
        told = facts(read_json(folder / "out" / "finn.json"))
        tell(**told, values=values, build_s=round(time.perf_counter() - began, 1))
    tell(area_source="open synthesis", **synthesize_finn(folder / "out" / "rtl" / "sized"))
