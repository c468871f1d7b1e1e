# SPDX-License-Identifier: Apache-2.0
"""HGQ2 with hls4ml and with da4ml: the nearest layer that they have (``comparison_hgq2_worker.py``).

Both live in ``.venv-hgq2`` (``scripts/hgq2_env.sh``); da4ml and the HGQ2 that it reads in a folder inside.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batflow.errors import EngineError, MissingToolError
from batflow.files import read_json, write_json
from batflow.hls.verilator import find_verilator
from benchmarks.comparison_cases import Case
from benchmarks.comparison_synth import synthesize

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-hgq2"
WORKER = Path(__file__).with_name("comparison_hgq2_worker.py")
KINDS = {"W1A4": "binary", "W2A4": "ternary"}
SAMPLES = 5


def _environment(tool: str) -> dict[str, str]:
    """Variables of the worker: da4ml's own HGQ2 before the other, Verilator on PATH."""
    found = dict(os.environ)
    found.pop("PYTHONPATH", None)
    if tool == "da4ml":
        found["PYTHONPATH"] = str(ENVIRONMENT / "da4ml")
        found["PATH"] = f"{find_verilator().program.parent}:{found['PATH']}"
    return found


def run_worker(case: Case, tell: Callable[..., None], folder: Path, tool: str, part: str) -> None:
    """Let the worker do ``part`` of the case with ``tool``; what it reached is told, whatever ends it.

    Raises:
        MissingToolError: no ``.venv-hgq2``.
        EngineError: the tool's own error.
    """
    python = ENVIRONMENT / "bin" / "python"
    if not python.is_file():
        raise MissingToolError(f"HGQ2 needs its own environment; run scripts/hgq2_env.sh {ENVIRONMENT.name}")
    result = folder / "result.json"
    job: dict[str, Any] = {"hidden": case.hidden, "heads": case.heads, "length": case.length}
    job |= {"weights": KINDS[case.format], "part": part, "tool": tool, "samples": SAMPLES}
    write_json(folder / "job.json", job | {"folder": str(folder / "project"), "result": str(result)})
    log = folder / "log.txt"
    with log.open("w") as output:
        worker = subprocess.Popen(
            [str(python), str(WORKER), str(folder / "job.json")],
            env=_environment(tool), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        told: dict[str, Any] = {}
        while worker.poll() is None:
            _wait(worker)
            told = _follow(result, told, tell)
    _follow(result, told, tell)
    if worker.returncode:
        raise EngineError(read_json(result).get("error", f"the worker ended with {worker.returncode}"))


def _wait(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(2)
    except subprocess.TimeoutExpired:
        return


def _follow(result: Path, told: dict[str, Any], tell: Callable[..., None]) -> dict[str, Any]:
    """Tell what is new in ``result``."""
    found = read_json(result) if result.is_file() else told
    if found != told:
        tell(**found)
    return found


def run_hgq2_hls4ml(case: Case, tell: Callable[..., None], folder: Path) -> None:
    """The layer without LayerNorm through hls4ml, io_parallel, g++ csim."""
    run_worker(case, tell, folder, "hls4ml", "layer")


def run_da4ml(case: Case, tell: Callable[..., None], folder: Path) -> None:
    """The layer without LayerNorm through da4ml, unrolled."""
    run_worker(case, tell, folder, "da4ml", "layer")


def run_da4ml_token(case: Case, tell: Callable[..., None], folder: Path) -> None:
    """FFN on one token through da4ml, and its Verilog through the open synthesis."""
    run_worker(case, tell, folder, "da4ml", "ffn_token")
    sources = sorted((folder / "project" / "src").rglob("*.v"))
    tell(area_source="open synthesis", **synthesize("da_layer", sources))
