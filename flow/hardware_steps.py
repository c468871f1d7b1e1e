# SPDX-License-Identifier: Apache-2.0
"""Steps lower and build: the integer program, and its bundle for the emulated overlay."""

from __future__ import annotations

from pathlib import Path

from batflow.hls.config import AcceleratorConfig, make_config, program_needs
from batflow.hls.program import EncoderProgram
from batflow.hls.rtl_limits import matching_lanes

from .progress import Advance
from .run_folder import BUNDLES, EngineKind, RunFolder

CLOCK_MHZ = 250.0


def lower_step(run: RunFolder, advance: Advance) -> None:
    """Lower model.onnx to program/."""
    from batflow.hls.lowering import lower
    from batflow.hls.program_io import save_program

    save_program(lower(run.need("model.onnx", "export")), run.artefact("program"))


def accelerator_config(program: EncoderProgram) -> AcceleratorConfig:
    """Return a config whose maxima are just what ``program`` needs, and that the RTL can have."""
    lanes = dict.fromkeys(("vu_lanes", "ln_lanes", "softmax_lanes"), matching_lanes(program))
    values = {**program_needs(program), **lanes, "clock_mhz": CLOCK_MHZ}
    return make_config(values, "the program's own config")


def build_step(run: RunFolder, advance: Advance) -> None:
    """Compile the csim engine for the program and write bundle/."""
    write_engine_bundle(run, "csim")


def write_engine_bundle(run: RunFolder, kind: EngineKind) -> Path:
    """Compile the engine ``kind`` for the program; write and return its bundle (:data:`BUNDLES`).

    Raises:
        MissingToolError: no compiler, or for cosim no Verilator or make.
        EngineError: the engine does not build.
    """
    from batflow.hls.cosim_build import CosimBuild, build_cosim
    from batflow.hls.csim_build import build_csim
    from batflow.hls.program_io import load_program
    from batflow.overlays.board import load_board
    from batflow.overlays.bundle import CYCLES_SOURCES, write_bundle

    folder = run.need("program", "lower")
    config = accelerator_config(load_program(folder))
    return write_bundle(
        run.artefact(BUNDLES[kind]),
        folder,
        build_csim(config) if kind == "csim" else build_cosim(config, CosimBuild(portable=True)),
        kind,
        load_board("emulated"),
        config.clock_mhz,
        config.model_dump(mode="json"),
        CYCLES_SOURCES[kind],
    )
