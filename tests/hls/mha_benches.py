# SPDX-License-Identifier: Apache-2.0
"""The RTL module MHA behind a memory with a program's image, against the reference's attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
class MhaBuild:
    """Parameters of ``bat_mha``; see there."""

    tokens: int
    outputs: int
    simd: int
    lanes: int
    vu_lanes: int
    qu_lanes: int
    softmax_lanes: int
    parts: int
    a_tokens: int
    bus_bits: int
    result_tiles: int = 4
    v_channels: int = 1
    lut_words: int = 0
    max_bits: int = 8
    max_tokens: int = 13
    max_hidden: int = 192
    max_head: int = 192
    max_heads: int = 3


def mha_sim(build: MhaBuild) -> MemorySim:
    """A simulation of ``mha_bench``; skips the test where a tool is absent."""
    row = 16 * build.lanes
    inputs = [("s_program", PROGRAM_BITS), ("s_work", 32), ("s_input", row), ("s_back", row), ("s_ask", 16)]
    outputs = [("m_work", 32), ("m_rows", row), ("m_total", 96)]
    return bench_sim("mha", build, inputs, outputs)


@dataclass(frozen=True)
class Results:
    """Rows of all items, announced work, and the counters of a run."""

    rows: Int64
    work: list[int]
    stalls: int
    steps: int
    saturations: int
    run: StreamRun


def work_of(program: EncoderProgram, item: Item) -> Work:
    """The work item that comes in: layer 0 has its rows from the input."""
    return Work(
        item.layer == 0, item.layer == program.shape.layers - 1, item.slot, item.layer, len(item.rows)
    )


def announced(program: EncoderProgram, item: Item) -> Work:
    """The work item that FFN is told."""
    return replace(work_of(program, item), from_input=False)


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
    inputs = (
        beats_of([program_word(program, image)], PROGRAM_BITS),
        beats_of([pack(work_of(program, item)) for item in items], 32),
        row_beats([item for item in items if item.layer == 0], lanes),
        row_beats([item for item in items if item.layer != 0], lanes),
        beats_of([len(items)], 16),
    )
    expected = (len(items), sum(item.rows.size for item in items) // lanes, 1)
    run = sim.run(inputs, expected, stall_in=stall, stall_out=stall, seed=seed, idle_limit=100_000)
    work, rows, total = run.outputs
    count = values_of(total)[0]
    low = (1 << 32) - 1
    return Results(
        rows_of(rows, program.shape.hidden), values_of(work), count >> 64, count >> 32 & low, count & low, run
    )


def reference_items(
    program: EncoderProgram, lengths: Sequence[int], seed: int
) -> tuple[list[Item], list[Outcome]]:
    """Items of sequences of random h, layer by layer and sequence after sequence, and their outcomes."""
    rng = np.random.default_rng(seed)
    starts = [rng.integers(-6000, 6000, size=(length, program.shape.hidden)) for length in lengths]
    reference = Reference(program)
    outcomes = [reference.encode(rows) for rows in starts]
    items = [
        Item(slot % 2, layer, start if layer == 0 else outcome.taps[f"L{layer - 1}.ffn_out"])
        for layer in range(program.shape.layers)
        for slot, (start, outcome) in enumerate(zip(starts, outcomes, strict=True))
    ]
    return items, outcomes


def engine_steps(build: MhaBuild, program: EncoderProgram, items: Sequence[Item]) -> int:
    """Clocks in which the engine takes operands."""
    hidden, heads = program.shape.hidden, program.shape.heads
    return sum(_item_steps(build, program, item, hidden, heads) for item in items)


def _item_steps(build: MhaBuild, program: EncoderProgram, item: Item, hidden: int, heads: int) -> int:
    layer, rows, size = program.layers[item.layer], len(item.rows), hidden // heads
    bits = {site: layer.formats[site].bits for site in layer.formats}

    def product(inputs: int, outputs: int, planes: int) -> int:
        return -(-rows // build.tokens) * -(-outputs // build.outputs) * planes * -(-inputs // build.simd)

    total = heads * product(size, rows, bits["q"] * bits["k"])
    total += heads * product(rows, size, bits["probs"] * bits["v"])
    for name, site in (("q", "attn_in"), ("k", "attn_in"), ("v", "attn_in"), ("o", "ctx")):
        kind = layer.matrices[name].kind
        outputs = hidden * (2 if kind == "wtws" else 1)
        total += product(hidden, outputs, bits[site] * (2 if kind == "ternary" else 1))
    return total
