# SPDX-License-Identifier: Apache-2.0
"""Module FFN in RTL: work items in, LN(h + FFN2(ReLU(FFN1(h)))) out, bit for bit the reference's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from batflow.hls.axi_sim import Faults, MemorySim, Timing
from batflow.hls.bat_jobs import read_descriptor
from batflow.hls.bat_records import pack
from batflow.hls.packing import Int64, WeightKind
from batflow.hls.program import SITES, EncoderProgram
from batflow.hls.reference.encoder import Outcome

from .ffn_benches import FfnBuild, engine_steps, ffn_sim, reference_items, run_items, work_of
from .module_benches import BASE, TABLE, Item, fails, image_of, loud
from .programs import random_program

BUILDS = {
    "odd": FfnBuild(
        tokens=3,
        outputs=8,
        simd=64,
        lanes=4,
        vu_lanes=4,
        qu_lanes=4,
        parts=2,
        a_tokens=1,
        bus_bits=128,
        lut_words=64,
    ),
    "single": FfnBuild(
        tokens=1,
        outputs=16,
        simd=64,
        lanes=2,
        vu_lanes=4,
        qu_lanes=8,
        parts=2,
        a_tokens=1,
        bus_bits=512,
        max_ffn=260,
    ),
    "binary": FfnBuild(
        tokens=4,
        outputs=8,
        simd=128,
        lanes=2,
        vu_lanes=8,
        qu_lanes=8,
        parts=1,
        a_tokens=2,
        bus_bits=64,
        result_tiles=2,
        max_bits=2,
        max_hidden=72,
    ),
}


@dataclass
class Bench:
    """A build and its simulation."""

    name: str
    build: FfnBuild
    sim: MemorySim


@pytest.fixture(scope="module", params=list(BUILDS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    build = BUILDS[request.param]
    sim = ffn_sim(build)
    yield Bench(request.param, build, sim)
    sim.close()


def make_program(bench: Bench, seed: int, layers: int = 2) -> EncoderProgram:
    """A program that the build takes; kind, bits and sizes follow from ``seed``."""
    rng = np.random.default_rng(seed)
    build = bench.build
    kinds: tuple[WeightKind, ...] = ("binary", "ternary", "wtws")
    if build.parts == 1:
        kinds = ("binary",)
    widths = [bits for bits in (1, 2, 4, 8) if bits <= build.max_bits]
    bits = {site: int(rng.choice(widths)) for site in SITES}
    hidden = [d for d in (32, 72, 128) if d <= build.max_hidden]
    ffn = [64, 100, 256][seed % 3]
    return random_program(
        seed,
        layers,
        hidden=hidden[seed % len(hidden)],
        heads=4,
        ffn=ffn,
        max_len=13,
        bits=bits,
        kind=kinds[seed % len(kinds)],
        vocab_size=20,
    )


def check(bench: Bench, program: EncoderProgram, lengths: Sequence[int], seed: int, **how: object) -> None:
    """Run all layers of sequences of ``lengths`` and compare rows, announced work and counters."""
    items, outcomes = reference_items(program, lengths, seed)
    found = run_items(bench.sim, program, items, seed=seed, **how)  # type: ignore[arg-type]
    back, out = expected_rows(program, outcomes)
    assert np.array_equal(found.back, back)
    assert np.array_equal(found.out, out)
    works = [work_of(program, item) for item in items]
    nexts = [
        replace(work, layer=work.layer + 1, last_layer=work.layer + 2 == program.shape.layers)
        for work in works
        if not work.last_layer
    ]
    assert found.work == [pack(work) for work in nexts]
    assert found.done == [pack(work) for work in works if work.last_layer]
    assert found.steps == engine_steps(bench.build, program, items)
    assert found.saturations == sum(
        count for o in outcomes for tap, count in o.saturations.items() if ".ffn_" in tap
    )
    bench.sim.report()


def expected_rows(program: EncoderProgram, outcomes: Sequence[Outcome]) -> tuple[Int64, Int64]:
    """Rows that go back to MHA and rows of the last layer, in work order."""
    rows = [[o.taps[f"L{layer}.ffn_out"] for o in outcomes] for layer in range(program.shape.layers)]
    empty = np.empty((0, program.shape.hidden), np.int64)
    return np.concatenate([empty, *(r for layer in rows[:-1] for r in layer)]), np.concatenate(rows[-1])


@pytest.mark.parametrize("seed", range(6))
def test_rows_equal_the_reference(bench: Bench, seed: int) -> None:
    """Kinds, widths, sizes and lengths; items back to back, with stalls everywhere in every second case."""
    lengths = [[1, 13], [5, 2], [13, 7], [3, 4]][seed % 4]
    stall = 40 if seed % 2 else 0
    timing = Timing(latency=20, stall_ar=stall, stall_r=stall, seed=seed + 1, bandwidth=0)
    check(bench, make_program(bench, seed), lengths, seed, timing=timing, stall=stall)


def test_all_widths_of_one_site(bench: Bench) -> None:
    """1, 2, 4 and 8 bits everywhere, with the bit order of a program's sites kept."""
    for bits in (b for b in (1, 2, 4, 8) if b <= bench.build.max_bits):
        program = random_program(bits, 1, hidden=32, heads=4, ffn=64, max_len=13, bits=bits, vocab_size=20)
        check(bench, program, [4], bits)


def test_more_items_than_any_counter_holds(bench: Bench) -> None:
    """Buffers count their writers' jobs modulo 256; items of one to three rows, without a pause."""
    program = random_program(5, 1, hidden=32, heads=4, ffn=64, max_len=13, bits=2, vocab_size=20)
    check(bench, program, [1, 3, 2, 2] * 70, 5)


@pytest.mark.parametrize("bench", ["odd", "single"], indirect=True)
def test_the_array_is_busy(bench: Bench) -> None:
    """Where a layer computes longer than it loads, items follow each other without a clock between."""
    program = random_program(6, 1, hidden=64, heads=4, ffn=256, max_len=13, bits=8, vocab_size=20)
    items, _ = reference_items(program, [12] * 9, 6)
    few, many = (run_items(bench.sim, program, items[:count]) for count in (3, 9))
    assert many.steps - few.steps >= 0.99 * (many.run.cycles - few.run.cycles)


def test_saturation_is_counted(bench: Bench) -> None:
    """Rows at the ends of int16 leave VU and LN saturated, and each value is counted once."""
    quiet = random_program(3, 2, hidden=64, heads=4, ffn=64, max_len=13, bits=2, vocab_size=20)
    program = loud(quiet)
    _, outcomes = reference_items(program, [5, 3], 3)
    assert sum(o.saturations["L1.ffn_out"] for o in outcomes) > 0
    assert sum(o.saturations["L1.ffn_sum"] for o in outcomes) > 0
    check(bench, program, [5, 3], 3)


def test_one_weight_bit_changes_rows(bench: Bench) -> None:
    """The negative control: a flipped bit of FFN2 shows in the rows."""
    bits = bench.build.max_bits
    program = random_program(2, 1, hidden=32, heads=4, ffn=64, max_len=13, bits=bits, vocab_size=20)
    items, outcomes = reference_items(program, [6], 2)
    image = image_of(program)
    image[read_descriptor(image.tobytes(), TABLE)["ffn2_weight"]] ^= 1
    found = run_items(bench.sim, program, items, image=image)
    assert not np.array_equal(found.out, outcomes[0].hidden)
    assert np.array_equal(run_items(bench.sim, program, items).out, outcomes[0].hidden)


def refused(bench: Bench, program: EncoderProgram, items: Sequence[Item], code: str, **how: object) -> None:
    """A fresh simulation ends with the register error ``code``."""
    fails(ffn_sim(bench.build), lambda sim: run_items(sim, program, items, **how), code)  # type: ignore[arg-type]


def test_a_failed_read_is_a_bus_error(bench: Bench) -> None:
    """SLVERR in weights, constants and descriptor."""
    program = make_program(bench, 1, layers=1)
    items, _ = reference_items(program, [4], 1)
    layer = read_descriptor(image_of(program).tobytes(), TABLE)
    for place in (TABLE, layer["ffn1_weight"], layer["ffn2_constants"] + 64, layer["ln2_constants"]):
        refused(bench, program, items, "BUS_ERROR", faults=Faults(error=BASE + place))


def test_a_damaged_image_is_told(bench: Bench) -> None:
    """A section outside the image, and a constant out of range."""
    program = make_program(bench, 1, layers=1)
    items, _ = reference_items(program, [4], 1)
    image = image_of(program)
    layer = read_descriptor(image.tobytes(), TABLE)
    words = image.view("<u8")
    words[layer["ffn1_constants"] // 8] = 1 << 61  # C = -2^45
    refused(bench, program, items, "INTERNAL", image=image)
    words[TABLE // 8 + list(layer).index("ffn2_weight")] = image.size
    refused(bench, program, items, "BAD_DESCRIPTOR", image=image)


def test_wider_activations_than_built_are_refused() -> None:
    """A site above MAX_BITS, and two weight planes where one is built."""
    bench = Bench("binary", BUILDS["binary"], ffn_sim(BUILDS["binary"]))
    cases: list[tuple[int, WeightKind]] = [(4, "binary"), (2, "ternary"), (2, "wtws")]
    for bits, kind in cases:
        program = random_program(1, 1, hidden=32, ffn=64, bits=bits, kind=kind, vocab_size=20)
        items, _ = reference_items(program, [4], 1)
        refused(bench, program, items, "UNSUPPORTED_SHAPE")
    bench.sim.close()
