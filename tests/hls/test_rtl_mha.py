# SPDX-License-Identifier: Apache-2.0
"""Module MHA in RTL: work items in, LN(h + O(attention(h))) out, bit for bit the reference's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from batflow.hls.axi_sim import Faults, MemorySim, Timing
from batflow.hls.bat_jobs import read_descriptor
from batflow.hls.bat_records import pack
from batflow.hls.program import SITES, EncoderProgram

from .mha_benches import (
    MhaBuild,
    Results,
    announced,
    engine_steps,
    mha_sim,
    reference_items,
    run_items,
)
from .module_benches import BASE, TABLE, Item, fails, image_of, loud
from .programs import random_program

BUILDS = {
    "odd": MhaBuild(
        tokens=3,
        outputs=16,
        simd=64,
        lanes=2,
        vu_lanes=4,
        qu_lanes=8,
        softmax_lanes=2,
        parts=2,
        a_tokens=1,
        bus_bits=128,
        max_tokens=70,
        v_channels=8,
    ),
    "wide": MhaBuild(
        tokens=4,
        outputs=8,
        simd=128,
        lanes=4,
        vu_lanes=4,
        qu_lanes=4,
        softmax_lanes=4,
        parts=2,
        a_tokens=2,
        bus_bits=64,
        result_tiles=2,
        v_channels=2,
    ),
    "binary": MhaBuild(
        tokens=1,
        outputs=8,
        simd=64,
        lanes=2,
        vu_lanes=8,
        qu_lanes=8,
        softmax_lanes=8,
        parts=1,
        a_tokens=1,
        bus_bits=512,
        max_bits=2,
        max_hidden=96,
        max_head=32,
    ),
}
HEADS = {"odd": (1, 2, 3, 2, 1, 3), "wide": (3, 2, 1, 3, 2, 1), "binary": (3, 3, 2, 1, 3, 2)}
SIZES = {"odd": (64, 32, 8, 96, 16, 64), "wide": (16, 96, 32, 8, 64, 12), "binary": (32, 32, 8, 16, 16, 32)}
"""Heads and channels of a head for each seed."""


@dataclass
class Bench:
    """A build and its simulation."""

    name: str
    build: MhaBuild
    sim: MemorySim


@pytest.fixture(scope="module", params=list(BUILDS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    build = BUILDS[request.param]
    sim = mha_sim(build)
    yield Bench(request.param, build, sim)
    sim.close()


def make_program(bench: Bench, seed: int, layers: int = 2) -> EncoderProgram:
    """A program that the build takes; kind, bits and sizes follow from ``seed``."""
    rng = np.random.default_rng(seed)
    build = bench.build
    kinds = ("binary", "ternary", "wtws") if build.parts == 2 else ("binary",)
    widths = [bits for bits in (1, 2, 4, 8) if bits <= build.max_bits]
    heads, size = HEADS[bench.name][seed], SIZES[bench.name][seed]
    return random_program(
        seed,
        layers,
        hidden=heads * size,
        heads=heads,
        ffn=64,
        max_len=build.max_tokens,
        bits={site: int(rng.choice(widths)) for site in SITES},
        kind=kinds[seed % len(kinds)],
        vocab_size=20,
    )


def check(bench: Bench, program: EncoderProgram, lengths: Sequence[int], seed: int, **how: object) -> Results:
    """Run all layers of sequences of ``lengths`` and compare rows, announced work and counters."""
    items, outcomes = reference_items(program, lengths, seed)
    found = run_items(bench.sim, program, items, seed=seed, **how)  # type: ignore[arg-type]
    layers = range(program.shape.layers)
    rows = np.concatenate([o.taps[f"L{layer}.attn_out"] for layer in layers for o in outcomes])
    assert np.array_equal(found.rows, rows)
    assert found.work == [pack(announced(program, item)) for item in items]
    assert found.steps == engine_steps(bench.build, program, items)
    assert found.saturations == sum(
        count for o in outcomes for tap, count in o.saturations.items() if ".attn_" in tap
    )
    bench.sim.report()
    return found


@pytest.mark.parametrize("seed", range(6))
def test_rows_equal_the_reference(bench: Bench, seed: int) -> None:
    """Kinds, widths, heads and lengths; items back to back, with stalls everywhere in every second case.

    Short sequences follow long ones: what those left in the buffers must not count.
    """
    longest = bench.build.max_tokens
    lengths = [[longest, 1, 5], [7, longest], [longest, 3, 12], [2, 4]][seed % 4]
    stall = 40 if seed % 2 else 0
    timing = Timing(latency=20, stall_ar=stall, stall_r=stall, seed=seed + 1, bandwidth=0)
    check(bench, make_program(bench, seed), lengths, seed, timing=timing, stall=stall)


def test_all_widths_of_one_site(bench: Bench) -> None:
    """1, 2, 4 and 8 bits everywhere."""
    for bits in (b for b in (1, 2, 4, 8) if b <= bench.build.max_bits):
        program = random_program(bits, 1, hidden=32, heads=2, ffn=64, max_len=13, bits=bits, vocab_size=20)
        check(bench, program, [4, 9], bits)


def test_more_items_than_any_counter_holds(bench: Bench) -> None:
    """Buffers count their writers' jobs modulo 256; items of one to three rows, without a pause."""
    for heads in (1, 3):
        program = random_program(5, 1, hidden=24, heads=heads, ffn=64, max_len=13, bits=2, vocab_size=20)
        check(bench, program, [1, 3, 2, 2] * 70, 5)


def test_softmax_stalls_are_counted(bench: Bench) -> None:
    """One head leaves the engine nothing to do while its softmax runs, unless it takes rows one by one."""
    program = random_program(1, 1, hidden=32, heads=1, ffn=64, max_len=13, bits=1, vocab_size=20)
    found = check(bench, program, [13], 1)
    assert (found.stalls > 20) == (bench.build.tokens > 1)
    assert found.stalls < found.run.cycles - found.steps


def test_saturation_is_counted(bench: Bench) -> None:
    """Rows at the ends of int16 leave LN saturated, and each value is counted once."""
    quiet = random_program(3, 2, hidden=64, heads=2, ffn=64, max_len=13, bits=2, vocab_size=20)
    program = loud(quiet)
    _, outcomes = reference_items(program, [5, 3], 3)
    assert any(outcome.saturations["L0.attn_out"] for outcome in outcomes)
    check(bench, program, [5, 3], 3)


def test_one_bit_changes_rows(bench: Bench) -> None:
    """The negative control: one flipped bit of O shows in the rows, as do negated Q, K and V."""
    program = random_program(2, 1, hidden=32, heads=2, ffn=64, max_len=13, bits=2, vocab_size=20)
    items, outcomes = reference_items(program, [6], 2)
    rows = outcomes[0].taps["L0.attn_out"]
    for matrix, size, flips in (("q", 256, 255), ("k", 256, 255), ("v", 256, 255), ("o", 1, 1)):
        image = image_of(program)
        place = read_descriptor(image.tobytes(), TABLE)[f"{matrix}_weight"]
        image[place : place + size] ^= flips
        assert not np.array_equal(run_items(bench.sim, program, items, image=image).rows, rows)
    assert np.array_equal(run_items(bench.sim, program, items).rows, rows)


def refused(bench: Bench, program: EncoderProgram, items: Sequence[Item], code: str, **how: object) -> None:
    """A fresh simulation ends with the register error ``code``."""
    fails(mha_sim(bench.build), lambda sim: run_items(sim, program, items, **how), code)  # type: ignore[arg-type]


def test_a_failed_read_is_a_bus_error(bench: Bench) -> None:
    """SLVERR in descriptor, weights and constants."""
    program = make_program(bench, 1, layers=1)
    items, _ = reference_items(program, [4], 1)
    layer = read_descriptor(image_of(program).tobytes(), TABLE)
    for place in (TABLE, layer["k_weight"], layer["v_constants"] + 64, layer["ln1_constants"]):
        refused(bench, program, items, "BUS_ERROR", faults=Faults(error=BASE + place))


def test_a_damaged_image_is_told(bench: Bench) -> None:
    """A constant out of range, a softmax shift out of range, a section outside the image."""
    program = make_program(bench, 1, layers=1)
    items, _ = reference_items(program, [4], 1)
    image = image_of(program)
    layer = read_descriptor(image.tobytes(), TABLE)
    cases = (
        (layer["q_constants"] // 8, 1 << 61, "INTERNAL"),  # C = -2^45
        (_word(layer, "softmax_shift"), 61, "BAD_DESCRIPTOR"),
        (_word(layer, "o_weight"), image.size, "BAD_DESCRIPTOR"),
    )
    for place, value, code in cases:
        broken = image.copy()
        broken.view("<u8")[place] = value
        refused(bench, program, items, code, image=broken)


def _word(layer: dict[str, int], field: str) -> int:
    """Word of the image that holds a field of layer 0's descriptor."""
    return TABLE // 8 + list(layer).index(field)
