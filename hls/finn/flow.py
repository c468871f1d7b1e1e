# SPDX-License-Identifier: Apache-2.0
"""The FINN flow of a program: graph, Python execution, estimates, simulated RTL, each held to the reference.

Import after :func:`batflow.hls.finn.environment.prepare`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import finn.core.onnx_exec as onnx_exec
import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from batflow.errors import InputError

from ..packing import Int64
from ..program import EncoderProgram
from .encoder import encoder_graph
from .folding import Folding, fold
from .frames import expected, frames
from .hardware import specialize, unconverted
from .sizing import Target, size
from .vendor import estimate

SEED = 1


@dataclass(frozen=True)
class Options:
    """What to build: sequence length, layers, part, clock, clocks a frame, frames for the checks."""

    length: int
    layers: tuple[int, ...]
    part: str
    clock_ns: float
    target: int
    frames: int = 16


def cycles_of(fps: float, clock_ns: float) -> int:
    """Clocks a frame of a target frame rate.

    Raises:
        InputError: a rate or clock that is not positive, or less than one clock a frame.
    """
    if not (fps > 0 and clock_ns > 0):
        raise InputError(f"a target of {fps} frames a second at {clock_ns} ns was given; give both above 0")
    cycles = int(1e9 / clock_ns / fps)
    if cycles < 1:
        raise InputError(f"{fps:g} frames a second is more than one a clock of {clock_ns} ns; ask for less")
    return cycles


def python_mismatches(model: ModelWrapper, inputs: Int64, wanted: Int64) -> int:
    """Integers that differ between FINN's Python execution and the reference. Source: host."""
    source, result = model.graph.input[0].name, model.graph.output[0].name
    wrong = 0
    for h, out in zip(inputs, wanted, strict=True):
        found = onnx_exec.execute_onnx(model, {source: h[None].astype(np.float32)})[result]
        wrong += int(np.count_nonzero(np.rint(found[0]).astype(np.int64) != out))
    return wrong


def folded(program: EncoderProgram, options: Options) -> tuple[ModelWrapper, Folding]:
    """The graph in RTL nodes, folded for the target.

    Raises:
        InputError: a length, layer, width or part that the flow does not take.
    """
    model = specialize(encoder_graph(program, options.length, options.layers), options.part)
    return model, fold(model, options.target, options.part)


def run(program: EncoderProgram, options: Options, folder: Path, simulate: bool) -> dict[str, Any]:
    """Everything that runs without Vivado; returns the record that the command writes as ``finn.json``.

    Raises:
        InputError, EngineError, MissingToolError: as the steps.
    """
    graph = encoder_graph(program, options.length, options.layers)
    model, folding = folded(program, options)
    inputs = frames(program, options.length, options.frames, SEED)
    wanted = expected(program, options.layers, inputs)
    record: dict[str, Any] = {
        "length": options.length,
        "layers": list(options.layers),
        "part": options.part,
        "clock_ns": options.clock_ns,
        "nodes": len(graph.graph.node),
        "unconverted_nodes": len(unconverted(model)),
        "python": {
            "source": "host",
            "frames": len(inputs),
            "mismatches": python_mismatches(graph, inputs, wanted),
        },
    }
    reports = estimate(graph, folder, options.part, options.target, options.clock_ns)
    total = reports["estimate_layer_resources"]["total"]
    record["estimate"] = {
        "source": "estimate",
        "target_cycles": folding.target,
        "interval_cycles": folding.interval,
        "slowest": folding.slowest,
        "critical_path_cycles": reports["estimate_network_performance"]["critical_path_cycles"],
        "resources": {name: total[name] for name in ("LUT", "DSP", "BRAM_18K", "URAM")},
        "node_cycles": folding.cycles,
    }
    if simulate:
        record["rtl"] = _simulated(model, options, folder / "rtl", inputs, wanted)
    return record


def _simulated(
    model: ModelWrapper, options: Options, folder: Path, inputs: Int64, wanted: Int64
) -> dict[str, Any]:
    """Size the FIFOs, run at full rate and with stalls, compare."""
    sized = size(model, Target(options.part, options.clock_ns), folder, inputs)
    stalled = sized.simulation.run(inputs, stall_in=30, stall_out=30, seed=SEED)
    return {
        "source": "cosim",
        "frames": len(inputs),
        "mismatches": int(np.count_nonzero(sized.run.frames != wanted)),
        "mismatches_with_stalls": int(np.count_nonzero(stalled.frames != wanted)),
        "interval_cycles": sized.run.interval,
        "interval_cycles_deep_fifos": sized.deep_interval,
        "latency_cycles": sized.run.latency,
        "fifo_depths": sized.depths,
    }
