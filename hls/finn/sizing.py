# SPDX-License-Identifier: Apache-2.0
"""FIFO depths by simulation. Source: cosim.

A graph with FIFOs of several frames gives the interval that no FIFO limits. Frames sent at that pace show how
full each FIFO really gets; sent faster, those before the slowest node would only fill up. The depth is that
fill, rounded up. The graph with these depths must have the same interval, at full input rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from batflow.errors import EngineError

from ..packing import Int64
from .folding import measure
from .hardware import RESULT, connect, generate
from .rtllib import port
from .simulate import IDLE_LIMIT, Run, StitchedSim, build
from .stitch import stitch

_DEEP_FRAMES = 8
_ATTEMPTS = 3


@dataclass(frozen=True)
class Sized:
    """A graph with its FIFO depths, its simulation, and the deep graph's run it is held to."""

    model: ModelWrapper
    depths: dict[str, int]
    simulation: StitchedSim
    run: Run
    deep_interval: float


@dataclass(frozen=True)
class Target:
    """The part and the clock period that RTL is generated for."""

    part: str
    clock_ns: float


def simulation(
    model: ModelWrapper, target: Target, folder: Path, depths: dict[str, int]
) -> tuple[ModelWrapper, StitchedSim]:
    """Generate, stitch and build a folded graph with FIFO ``depths`` by name (2 where none is given)."""
    folder = folder.resolve()  # Verilator runs in another one
    wired = generate(connect(model, target.part, depths, 2), target.part, target.clock_ns)
    graph = stitch(wired, port(folder / "finn-rtllib"), folder / "rtl")
    library = build(graph, folder / "sim", wired.graph.input[0].name, RESULT)
    return wired, StitchedSim(graph, library, idle_limit(model))


def idle_limit(model: ModelWrapper) -> int:
    """Clocks in which a frame passes every node of ``model``, one after the other, with room to spare."""
    return max(IDLE_LIMIT, 2 * sum(measure(model).cycles.values()))


def deep(model: ModelWrapper, part: str) -> dict[str, int]:
    """Depths of several frames for every FIFO."""
    wired = connect(model, part, {}, 2)
    found = {}
    for node in wired.get_nodes_by_op_type("StreamingFIFO_rtl"):
        shape = getCustomOp(node).get_folded_output_shape()
        found[node.name] = max(64, _DEEP_FRAMES * math.prod(int(size) for size in shape[:-1]))
    return found


def round_up(fill: int) -> int:
    """The depth for a fill: a power of two, at least 2."""
    return max(2, 1 << max(0, fill - 1).bit_length())


def size(model: ModelWrapper, target: Target, folder: Path, frames: Int64) -> Sized:
    """Depths for a folded graph, found with ``frames`` [frames, l, d].

    Raises:
        EngineError: the interval stays worse than that of deep FIFOs.
    """
    largest = deep(model, target.part)
    _, sim = simulation(model, target, folder / "deep", largest)
    free = sim.run(frames)
    pace = math.ceil(free.interval)
    fills = sim.run(frames, pace=pace).fills
    full = [name for name, fill in fills.items() if fill >= largest[name]]
    if full:
        raise EngineError(f"FIFOs {', '.join(full)} were full at {_DEEP_FRAMES} frames; fold the graph more")
    depths = {name: round_up(fill) for name, fill in fills.items()}
    for _ in range(_ATTEMPTS):
        wired, sim = simulation(model, target, folder / "sized", depths)
        run = sim.run(frames)
        if run.interval <= free.interval:
            return Sized(wired, depths, sim, run, free.interval)
        depths = {name: min(2 * depth, largest[name]) for name, depth in depths.items()}
    raise EngineError(
        f"the interval stays at {run.interval:.1f} clocks with sized FIFOs, and is {free.interval:.1f} with "
        "deep ones; this is a defect of the sizing"
    )
