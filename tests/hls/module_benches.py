# SPDX-License-Identifier: Apache-2.0
"""What the benches of the RTL modules MHA and FFN share: a memory with a program's image, rows, faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batflow.errors import EngineError, MissingToolError
from batflow.hls.axi_sim import MemorySim
from batflow.hls.axis_sim import Beats, Bytes
from batflow.hls.cosim_build import rtl_sources
from batflow.hls.image import HEADER_WORDS, build_image
from batflow.hls.packing import Int64
from batflow.hls.program import EncoderProgram
from batflow.hls.program_io import program_hash
from batflow.hls.registers.table import ERRORS
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

BASE = 0x3_4000_0000
TABLE = HEADER_WORDS * 8
CODES = {name: code for code, (name, _) in ERRORS.items()}
_SV_FOLDER = Path(__file__).parent / "sv"
Ports = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Item:
    """A work item: sequence ``slot``, ``layer``, and the rows h [l, d] that go into the module."""

    slot: int
    layer: int
    rows: Int64


def bench_sim(module: str, build: Any, inputs: Ports, outputs: Ports) -> MemorySim:
    """A simulation of ``<module>_bench`` with the parameters ``build``; skips where a tool is absent.

    Sources are the bench and the real modules, not those that stand in for them in the same folder.
    """
    described = Module(
        f"{module}_bench",
        (*rtl_sources(f"bat_{module}", (RTL_FOLDER,), primitives=True), _SV_FOLDER / f"{module}_bench.sv"),
        {name.upper(): value for name, value in asdict(build).items()},
        tuple(AxisPort(name, bits, last=False) for name, bits in inputs),
        tuple(AxisPort(name, bits) for name, bits in outputs),
        "error_code",
        build.bus_bits,
    )
    try:
        return MemorySim(described)
    except MissingToolError as missing:
        pytest.skip(str(missing))


def image_of(program: EncoderProgram) -> Bytes:
    """The program's image.bin as bytes."""
    return np.frombuffer(build_image(program, program_hash(program)), np.uint8).copy()


def program_word(program: EncoderProgram, image: Bytes) -> int:
    """The packed ``program_t``."""
    shape = program.shape
    sizes = (shape.layers, shape.hidden, shape.heads, shape.ffn, shape.hidden // shape.heads, shape.max_len)
    value = 0
    for part, width in zip((BASE, image.size, TABLE, *sizes), (64, 32, 32, 8, *(16,) * 5), strict=True):
        value = value << width | part
    return value


def row_beats(items: Sequence[Item], lanes: int) -> Beats:
    """The rows of ``items``, ``lanes`` int16 a beat."""
    rows = [item.rows.astype("<i2").ravel() for item in items] or [np.empty(0, "<i2")]
    data = np.concatenate(rows).view(np.uint8).reshape(-1, 2 * lanes)
    return Beats(np.ascontiguousarray(data), np.zeros(len(data), np.uint8))


def rows_of(beats: Beats, hidden: int) -> Int64:
    """Rows [n, hidden] of int16 beats."""
    rows: Int64 = beats.data.reshape(-1).view("<i2").reshape(-1, hidden).astype(np.int64)
    return rows


def loud(program: EncoderProgram) -> EncoderProgram:
    """The program with norms that saturate."""
    layers = tuple(
        replace(
            layer,
            norms={
                name: replace(norm, gamma=np.full_like(norm.gamma, 32767), shift=10)
                for name, norm in layer.norms.items()
            },
        )
        for layer in program.layers
    )
    return replace(program, layers=layers)


def fails(sim: MemorySim, run: Callable[[MemorySim], object], code: str) -> None:
    """``run`` on the fresh simulation ``sim`` ends with the register error ``code``."""
    try:
        with pytest.raises(EngineError, match=rf"\(error_code {CODES[code]}\)"):
            run(sim)
    finally:
        sim.close()
