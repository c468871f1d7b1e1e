# SPDX-License-Identifier: Apache-2.0
"""FINN's own builder on our graph: estimate reports anywhere; IP, synthesis and bitfile where Vivado is.

The steps that need Vivado have not been run here.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from finn.builder.build_dataflow import build_dataflow_cfg
from finn.builder.build_dataflow_config import DataflowBuildConfig, DataflowOutputType, LogLevel
from qonnx.core.modelwrapper import ModelWrapper

from batflow.errors import EngineError, MissingToolError
from batflow.files import read_json

from .environment import has_vivado
from .folding import fold

ESTIMATES = ("step_create_dataflow_partition", "step_specialize_layers")
IMPLEMENTATION = (
    "step_generate_hardware",
    "step_create_stitched_ip",
    "step_measure_rtlsim_performance",
    "step_out_of_context_synthesis",
)
BITFILE = (
    "step_prepare_synthesis",
    "step_synthesize_bitfile",
    "step_make_driver",
    "step_deployment_package",
)
REPORTS = ("estimate_layer_cycles", "estimate_layer_resources", "estimate_network_performance")


def _folding_step(target: int, part: str) -> Callable[[ModelWrapper, Any], ModelWrapper]:
    def step_batflow_folding(model: ModelWrapper, cfg: Any) -> ModelWrapper:
        fold(model, target, part)
        return model

    return step_batflow_folding


def _run(model: ModelWrapper, folder: Path, config: DataflowBuildConfig) -> None:
    path = folder / "encoder.onnx"
    model.save(str(path))
    streams = sys.stdout, sys.stderr  # the builder replaces them
    with (folder / "builder.log").open("w") as log, contextlib.redirect_stdout(log):
        status = build_dataflow_cfg(str(path), config)
    sys.stdout, sys.stderr = streams
    if status:
        raise EngineError(f"FINN's builder stopped ({status}); see build_dataflow.log in {folder / 'build'}")


def _config(folder: Path, part: str, clock_ns: float, **options: Any) -> DataflowBuildConfig:
    return DataflowBuildConfig(
        output_dir=str((folder / "build").resolve()),
        synth_clk_period_ns=clock_ns,
        fpga_part=part,
        standalone_thresholds=True,
        console_log_level=LogLevel.ERROR,
        **options,
    )


def estimate(model: ModelWrapper, folder: Path, part: str, target: int, clock_ns: float) -> dict[str, Any]:
    """FINN's estimate reports of a graph folded for ``target`` clocks a frame, by report. Source: estimate.

    Raises:
        EngineError: the builder stopped.
    """
    steps = [*ESTIMATES, _folding_step(target, part), "step_generate_estimate_reports"]
    outputs = [DataflowOutputType.ESTIMATE_REPORTS]
    folder.mkdir(parents=True, exist_ok=True)
    _run(model, folder, _config(folder, part, clock_ns, generate_outputs=outputs, steps=steps))
    return {name: read_json(folder / "build" / "report" / f"{name}.json") for name in REPORTS}


def implement(
    model: ModelWrapper, folder: Path, part: str, target: int, clock_ns: float, board: str = ""
) -> None:
    """FINN's whole build: hardware, FIFO sizing, stitched IP, simulation, synthesis; ``board``: a bitfile.

    Not run here: it needs Vivado and FINN's own dependencies (``finn deps update``).

    Raises:
        MissingToolError: no Vivado in this shell.
        EngineError: the builder stopped.
    """
    if not has_vivado():
        raise MissingToolError(
            "FINN's whole build needs Vivado; source its settings64.sh (XILINX_VIVADO is not set), or leave "
            "--implement out for estimates and simulation"
        )
    steps = [*ESTIMATES, _folding_step(target, part), "step_generate_estimate_reports", *IMPLEMENTATION]
    outputs = [
        DataflowOutputType.ESTIMATE_REPORTS,
        DataflowOutputType.STITCHED_IP,
        DataflowOutputType.RTLSIM_PERFORMANCE,
        DataflowOutputType.OOC_SYNTH,
    ]
    options: dict[str, Any] = {}
    if board:
        steps += BITFILE
        outputs += [
            DataflowOutputType.BITFILE,
            DataflowOutputType.PYNQ_DRIVER,
            DataflowOutputType.DEPLOYMENT_PACKAGE,
        ]
        options["board"] = board
    folder.mkdir(parents=True, exist_ok=True)
    config = _config(folder, part, clock_ns, generate_outputs=outputs, steps=steps, **options)
    _run(model, folder, config)
