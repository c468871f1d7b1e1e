# SPDX-License-Identifier: Apache-2.0
"""``batflow build --flow vitis-hls``, ``vitis`` and ``vitis-report``: a Vitis HLS project, run and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batflow.errors import EngineError, InputError
from batflow.files import write_json
from batflow.hls.config import AcceleratorConfig, load_config
from batflow.hls.program import EncoderProgram
from batflow.hls.program_io import load_program
from batflow.hls.vitis.golden import small_program
from batflow.hls.vitis.project import write_vitis_project
from batflow.hls.vitis.reports import read_reports
from batflow.hls.vitis.settings import VitisTarget
from batflow.hls.vitis.steps import WORK, Flow
from batflow.hls.vitis.tools import find_tools, run_steps, steps_to
from batflow.overlays import hwh
from batflow.overlays.board import load_board

from .hardware_steps import accelerator_config
from .run_folder import RunFolder

BOARD = "zcu102"
"""Board to build for where neither board nor part is given."""
ARTEFACT = "vitis-hls"
"""Folder of a run's project."""


@dataclass(frozen=True)
class VitisOptions:
    """What ``batflow build --flow vitis-hls`` may be told; None is left to its default."""

    config: Path | None = None
    board: str | None = None
    part: str | None = None
    output: Path | None = None


def is_config(source: str) -> bool:
    """Whether ``batflow build`` is given an accelerator config, not a run."""
    return Path(source).suffix in (".yaml", ".yml")


def target_of(config: AcceleratorConfig, options: VitisOptions) -> VitisTarget:
    """The part given with the config's clock, or the board's part with a clock that its PLL makes.

    Raises:
        InputError: both are given, the board is unknown, or it cannot make so low a clock.
    """
    if options.part is not None:
        if options.board is not None:
            raise InputError("--board and --part are both given; give one")
        return VitisTarget("", options.part, config.clock_mhz, hwh.ACCELERATOR_VLNV)
    board = load_board(options.board or BOARD)
    clock = board.divide_clock(min(config.clock_mhz, board.clock_mhz))[1]
    return VitisTarget(board.name, board.part, clock, hwh.ACCELERATOR_VLNV)


def write_config_project(file: Path, options: VitisOptions) -> str:
    """Write the project of the config in ``file``, with a small random program; return what is told.

    Raises:
        UserError: of the config, the part or the folder.
    """
    if options.config is not None:
        raise InputError(f"{file} is an accelerator config already; leave out --config")
    config = load_config(file)
    output = options.output or Path(f"vitis-{file.stem}")
    return _write(config, small_program(config), options, output, "a small random program")


def write_run_project(run: RunFolder, options: VitisOptions) -> str:
    """Write the project of a run's program, on its own config or the one given; return what is told.

    Raises:
        UserError: of the run, the config, the part or the folder.
    """
    program = load_program(run.need("program", "lower"))
    config = load_config(options.config) if options.config else accelerator_config(program)
    return _write(config, program, options, options.output or run.artefact(ARTEFACT), f"run {run.name}")


def _write(
    config: AcceleratorConfig, program: EncoderProgram, options: VitisOptions, output: Path, origin: str
) -> str:
    target = target_of(config, options)
    checked = write_vitis_project(config, target, program, output)
    rules = "kernels checked" if checked else "kernels not checked: pip install 'batflow[dev]' for libclang"
    return (
        f"{output}: bat_top for {target.part}, {target.clock_mhz:.1f} MHz; "
        f"golden vectors of {origin}; {rules}. "
        f"Next: make -C {output} gxx here; batflow vitis {output} with Vitis 2024.1 to 2025.x (not run here)"
    )


def run_project(
    folder: Path, last: str, tool: Flow | None, output: Path | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Run a project's steps up to ``last`` and read their reports; write them to ``output``.

    ``tool``: unified or tcl; None takes what is on PATH. ``output`` None is vitis.json in the folder.

    Raises:
        UserError: of the tools, a step or a report.
    """
    steps = steps_to(last)
    flow, version = find_tools(tool)
    tell(f"Vitis HLS {version}, {', '.join(steps)}")
    run_steps(folder, flow, steps, tell)
    return read_project(folder, last, flow, output or folder / "vitis.json")


def read_project(folder: Path, last: str, tool: Flow | None, output: Path | None) -> dict[str, Any]:
    """Read the reports of a project's steps up to ``last``; write them as JSON to ``output``.

    ``tool``: whose results; None takes those that are there, unified first.

    Raises:
        InputError: ``last`` or ``tool`` is unknown.
        FormatError: a report or the project is absent or cannot be read.
        EngineError: csim or cosim did not pass.
    """
    steps = steps_to(last)
    if tool is not None and tool not in WORK:
        raise InputError(f"tool {tool!r} is unknown; allowed: {', '.join(WORK)}")
    there = [flow for flow in WORK if (folder / WORK[flow]).is_dir()]
    values = read_reports(folder, WORK[tool or (there[0] if there else "unified")], steps)
    if output:
        write_json(output, values)
    failed = [step for step in ("csim", "cosim") if values[step] and not values[step]["passed"]]
    if failed:
        raise EngineError(f"{' and '.join(failed)} in {folder} did not pass; see the logs there")
    return values
