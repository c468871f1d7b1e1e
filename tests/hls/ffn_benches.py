# SPDX-License-Identifier: Apache-2.0
"""The RTL module FFN behind a memory with a program's image, against the reference's FFN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batflow.hls.axi_sim import Faults, MemorySim, Timing
from batflow.hls.axis_sim import Bytes, StreamRun
from batflow.hls.bat_records import Work, pack
from batflow.hls.packing import Int64
from batflow.hls.program import EncoderProgram
from batflow.hls.reference.encoder import Outcome, Reference

from .module_benches import BASE, Item, bench_sim, image_of, program_word, row_beats, rows_of
from .rtl_benches import PROGRAM_BITS, beats_of, values_of


@dataclass(frozen=True)
class FfnBuild:
    """Parameters of ``bat_ffn``; see there."""

    tokens: int
    outputs: int
    simd: int
    lanes: int
    vu_lanes: int
    qu_lanes: int
    parts: int
    a_tokens: int
    bus_bits: int
    result_tiles: int = 4
    lut_words: int = 0
    max_bits: int = 8
    max_tokens: int = 13
    max_hidden: int = 128
    max_ffn: int = 256


def ffn_sim(build: FfnBuild) -> MemorySim:
    """A simulation of ``ffn_bench``; skips the test where a tool is absent."""
    row = 16 * build.lanes
    inputs = [("s_program", PROGRAM_BITS), ("s_work", 32), ("s_rows", row), ("s_ask", 16)]
    outputs = [("m_work", 32), ("m_done", 32), ("m_back", row), ("m_out", row), ("m_total", 64)]
    return bench_sim("ffn", build, inputs, outputs)


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
    beats = [item.rows.size // lanes for item in items]
    inputs = (
        beats_of([program_word(program, image)], PROGRAM_BITS),
        beats_of([pack(work_of(program, item)) for item in items], 32),
        row_beats(items, lanes),
        beats_of([len(items)], 16),
    )
    out = sum(b for b, is_last in zip(beats, last, strict=True) if is_last)
    expected = (len(items) - sum(last), sum(last), sum(beats) - out, out, 1)
    run = sim.run(inputs, expected, stall_in=stall, stall_out=stall, seed=seed, idle_limit=5000)
    work, done, back, final, total = run.outputs
    back_rows, out_rows = (rows_of(rows, program.shape.hidden) for rows in (back, final))
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
