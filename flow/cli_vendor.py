# SPDX-License-Identifier: Apache-2.0
"""The commands for the vendor's tools: projects for them, and what their reports say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .console import console, errors, resumable

vendor = typer.Typer()
VitisTool = Annotated[
    Literal["unified", "tcl"] | None,
    typer.Option(help="unified: vitis-run and v++; tcl: vitis_hls. Default: what is on PATH."),
]


@vendor.command()
def vivado(
    config: Annotated[Path, typer.Argument(help="YAML file with an accelerator config.")],
    board: Annotated[str, typer.Option(help="Board to build for, or a .yaml file.")],
    output: Annotated[Path, typer.Option(help="Folder to write.")],
) -> None:
    """Write a Vivado project: RTL, IP packaging, block design, Makefile. Not run here."""
    from .vivado import write_project

    console.print(write_project(config, board, output), markup=False, highlight=False, soft_wrap=True)


@vendor.command("vivado-report")
def vivado_report(
    folder: Annotated[Path, typer.Argument(help="Project folder in which Vivado has run.")],
    stage: Annotated[str, typer.Option(help="Which reports: bit or ooc.")] = "ooc",
    output: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
) -> None:
    """Print Vivado's utilization and timing in the form of synth's JSON, with source synthesis."""
    from .vivado import read_project

    console.print_json(data=read_project(folder, stage, output))


@vendor.command()
def vitis(
    folder: Annotated[Path, typer.Argument(help="Project of batflow build --flow vitis-hls.")],
    last: Annotated[str, typer.Option("--to", help="Last step: csim, csynth, cosim or export.")] = "export",
    tool: VitisTool = None,
    output: Annotated[Path | None, typer.Option(help="JSON file to write (vitis.json).")] = None,
) -> None:
    """Run csim, csynth, cosim and export of a Vitis HLS project, and read their reports. Not run here."""
    from .vitis import run_project

    with resumable(f"batflow vitis {folder}"):
        values = run_project(folder, last, tool, output, lambda text: errors.print(text, markup=False))
    console.print_json(data=values)


@vendor.command("vitis-report")
def vitis_report(
    folder: Annotated[Path, typer.Argument(help="Project in which Vitis HLS has run.")],
    last: Annotated[str, typer.Option("--to", help="Last step that has run.")] = "export",
    tool: VitisTool = None,
    output: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
) -> None:
    """Print the reports of a Vitis HLS project in the form of synth's JSON, each figure with its source."""
    from .vitis import read_project

    console.print_json(data=read_project(folder, last, tool, output))
