# SPDX-License-Identifier: Apache-2.0
"""``batflow vivado`` and ``batflow vivado-report``: a project for Vivado, and what its reports say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batflow.errors import FormatError, InputError
from batflow.files import read_json, write_json
from batflow.hls.config import AcceleratorConfig, load_config
from batflow.hls.vivado.project import MARK, write_vivado_project
from batflow.hls.vivado.reports import synthesis_report
from batflow.hls.vivado.settings import Target
from batflow.overlays import hwh
from batflow.overlays.board import Board, load_board

REPORT_FOLDERS = {"bit": "reports", "ooc": "reports_ooc"}
"""Where build.tcl and ooc.tcl leave their reports."""


def target_of(config: AcceleratorConfig, board: Board) -> Target:
    """The board's values and the handoff's names; the clock is the config's, capped by the board's.

    Raises:
        InputError: the board cannot make so low a clock.
    """
    return Target(
        board=board.name,
        part=board.part,
        clock_mhz=board.divide_clock(min(config.clock_mhz, board.clock_mhz))[1],
        memory_bus_bits=board.memory_bus_bits,
        dma_address=board.dma_address,
        accelerator_address=board.accelerator_address,
        window=hwh.WINDOW,
        vlnv=hwh.ACCELERATOR_VLNV,
        accelerator_name=hwh.ACCELERATOR_NAME,
        dma_name=hwh.DMA_NAME,
        ps_name=hwh.PS_NAME,
    )


def write_project(file: Path, board_name: str, output: Path) -> str:
    """Write the project of the config in ``file``; return what the user is told.

    Raises:
        UserError: of the config, the board or the folder.
    """
    config, board = load_config(file), load_board(board_name)
    target = target_of(config, board)
    sources = write_vivado_project(config, target, output)
    return (
        f"{output}: {len(sources)} RTL files, {target.part}, {target.clock_mhz:.1f} MHz; not run here. "
        f"Next: make -C {output} ooc (or bit), with Vivado 2022.2 to 2025.x"
    )


def read_project(folder: Path, stage: str, output: Path | None) -> dict[str, Any]:
    """Read the reports that Vivado left in a project's folder; write them as JSON to ``output``.

    Raises:
        InputError: ``stage`` is unknown.
        FormatError: a report or the project is missing or cannot be read.
    """
    if stage not in REPORT_FOLDERS:
        raise InputError(f"stage {stage!r} is unknown; allowed: {', '.join(REPORT_FOLDERS)}")
    texts = []
    for name in ("utilization", "hierarchy", "timing"):
        path = Path(folder) / REPORT_FOLDERS[stage] / f"{name}.rpt"
        try:
            texts.append(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as exc:
            raise FormatError(f"{path} cannot be read; run make -C {folder} {stage} with Vivado") from exc
    values = synthesis_report(read_json(Path(folder) / MARK), *texts)
    if output:
        write_json(output, values)
    return values
