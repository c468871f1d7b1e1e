# SPDX-License-Identifier: Apache-2.0
"""The RTL module FFN behind a memory with a program's image, against the reference's FFN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import MissingToolError
from batflow.hls.axi_sim import Faults, MemorySim, Timing
from batflow.hls.axis_sim import Beats, Bytes, StreamRun
from batflow.hls.bat_records import Work, pack
from batflow.hls.cosim_build import rtl_sources
from batflow.hls.image import HEADER_WORDS, build_image
from batflow.hls.packing import Int64
from batflow.hls.program import EncoderProgram
from batflow.hls.program_io import program_hash
from batflow.hls.reference.encoder import Outcome, Reference
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from .rtl_benches import PROGRAM_BITS, beats_of, values_of

BASE = 0x3_4000_0000
TABLE = HEADER_WORDS * 8
SV_FOLDER = Path(__file__).parent / "sv"


@dataclass(frozen=True)
class FfnBuild:
    """Parameters of ``bat_ffn``; see there."""

    tokens: int
    outputs: int
    simd: int
    lanes: int
    parts: int
    a_tokens: int
    bus_bits: int
    result_tiles: int = 4
    max_bits: int = 8
    max_tokens: int = 13
    max_hidden: int = 128
    max_ffn: int = 256


def ffn_sim(build: FfnBuild) -> MemorySim:
    """A simulation of ``ffn_bench``; skips the test where a tool is absent."""
    row = 16 * build.lanes
    inputs = [("s_program", PROGRAM_BITS), ("s_work", 32), ("s_rows", row), ("s_ask", 16)]
    outputs = [("m_work", 32), ("m_done", 32), ("m_back", row), ("m_out", row), ("m_total", 64)]
    module = Module(
        "ffn_bench",
        tuple(_sources()),
        {name.upper(): value for name, value in asdict(build).items()},
        tuple(AxisPort(name, bits, last=False) for name, bits in inputs),
        tuple(AxisPort(name, bits) for name, bits in outputs),
        "error_code",
        build.bus_bits,
    )
    try:
        return MemorySim(module)
    except MissingToolError as missing:
        pytest.skip(str(missing))


def _sources() -> list[Path]:
    """The bench and the real modules, not those that stand in for them in the same folder."""
    return [*rtl_sources("bat_ffn", (RTL_FOLDER,)), SV_FOLDER / "ffn_bench.sv"]


@dataclass(frozen=True)
class Item:
    """A work item: sequence ``slot``, ``layer``, and the rows h [l, d] that go into FFN."""

    slot: int
    layer: int
    rows: Int64


@dataclass(frozen=True)
class Results:
    """Rows of every item by exit, announced work, and the counters of a run."""

    back: Int64
    out: Int64
    work: list[int]
    done: list[int]
    steps: int
    saturations: int
    run: StreamRun


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


def work_of(program: EncoderProgram, item: Item) -> Work:
    """The work item that MHA announces."""
    return Work(False, item.layer == program.shape.layers - 1, item.slot, item.layer, len(item.rows))


def run_items(
    sim: MemorySim,
    program: EncoderProgram,
    items: Sequence[Item],
    *,
    image: Bytes | None = None,
    timing: Timing | None = None,
    faults: Faults | None = None,
    stall: int = 0,
    seed: int = 1,
) -> Results:
    """Run work items back to back on a fresh reset.

    Raises:
        EngineError: as `AxisSim.run`; an error code of the module counts.
    """
    image = image_of(program) if image is None else image
    lanes = sim.module.parameters["LANES"]
    sim.reset()
    sim.attach(image, BASE, timing, faults)
    last = [item.layer == program.shape.layers - 1 for item in items]
    rows = np.concatenate([item.rows.astype("<i2").ravel() for item in items])
    beats = [item.rows.size // lanes for item in items]
    data = rows.view(np.uint8).reshape(-1, 2 * lanes)
    inputs = (
        beats_of([program_word(program, image)], PROGRAM_BITS),
        beats_of([pack(work_of(program, item)) for item in items], 32),
        Beats(np.ascontiguousarray(data), np.zeros(len(data), np.uint8)),
        beats_of([len(items)], 16),
    )
    out = sum(b for b, is_last in zip(beats, last, strict=True) if is_last)
    expected = (len(items) - sum(last), sum(last), sum(beats) - out, out, 1)
    run = sim.run(inputs, expected, stall_in=stall, stall_out=stall, seed=seed, idle_limit=5000)
    work, done, back, final, total = run.outputs
    hidden = program.shape.hidden
    back_rows, out_rows = (
        b.data.reshape(-1).view("<i2").reshape(-1, hidden).astype(np.int64) for b in (back, final)
    )
    count = values_of(total)[0]
    return Results(
        back_rows, out_rows, values_of(work), values_of(done), count >> 32, count & 0xFFFFFFFF, run
    )


def reference_items(
    program: EncoderProgram, lengths: Sequence[int], seed: int
) -> tuple[list[Item], list[Outcome]]:
    """Items of sequences of random h, layer by layer and sequence after sequence, and their outcomes."""
    rng = np.random.default_rng(seed)
    reference = Reference(program)
    outcomes = [
        reference.encode(rng.integers(-6000, 6000, size=(length, program.shape.hidden))) for length in lengths
    ]
    items = [
        Item(slot % 2, layer, outcome.taps[f"L{layer}.attn_out"])
        for layer in range(program.shape.layers)
        for slot, outcome in enumerate(outcomes)
    ]
    return items, outcomes


def engine_steps(build: FfnBuild, program: EncoderProgram, items: Sequence[Item]) -> int:
    """Clocks in which the engine takes operands."""
    shape, total = program.shape, 0
    for item in items:
        layer, tiles = program.layers[item.layer], -(-len(item.rows) // build.tokens)
        for name, site, inputs, outputs in (
            ("ffn1", "ffn_in", shape.hidden, shape.ffn),
            ("ffn2", "ffn_mid", shape.ffn, shape.hidden),
        ):
            kind = layer.matrices[name].kind
            columns = -(-outputs * (2 if kind == "wtws" else 1) // build.outputs)
            planes = layer.formats[site].bits * (2 if kind == "ternary" else 1)
            total += tiles * columns * planes * -(-inputs // build.simd)
    return total
