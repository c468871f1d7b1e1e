# SPDX-License-Identifier: Apache-2.0
"""axi_reader.sv against a memory with latency, stalls and faults: data, bursts, rate, errors, stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.axi_sim import Faults, MemorySim, Timing
from batflow.hls.axis_sim import Beats
from batflow.hls.bat_records import Data, Read, pack, record_bits
from batflow.hls.verilator import RTL_FOLDER

from .rtl_benches import beats_of, reader_bench, record_beats, values_of, whole_bytes

BASE = 0x1_2345_6000
SIZE = 1 << 16
MEMORY = np.random.default_rng(5).integers(0, 256, SIZE, np.uint8)
COMMAND_BITS = whole_bytes(record_bits(Read))
NO_STOP = beats_of([], 8)
STOP = beats_of([1], 8)
# Bus, beats of the longest burst (2 KB, 4 KB, 256 bytes), bursts in flight.
READERS = {"narrow": (64, 256, 3), "wide": (512, 64, 8), "short": (128, 16, 2)}
LONGEST = {bus // 8: burst * bus // 8 for bus, burst, _ in READERS.values()}


@pytest.fixture(scope="module", params=list(READERS))
def sim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MemorySim:
    return reader_bench(tmp_path_factory.mktemp("reader"), *READERS[request.param])


def _bus(sim: MemorySim) -> int:
    return sim.module.memory_bits // 8


def _commands(rng: np.random.Generator, count: int, most: int) -> list[Read]:
    found = []
    for _ in range(count):
        size = 64 * int(rng.integers(1, most + 1))
        place = 64 * int(rng.integers(0, (SIZE - size) // 64 + 1))
        found.append(Read(Data(int(rng.integers(5))), BASE + place, size))
    return found


def _count(sim: MemorySim, commands: list[Read]) -> int:
    return sum(c.bytes for c in commands) // _bus(sim)


def _check(sim: MemorySim, commands: list[Read], found: Beats) -> None:
    bus, start = _bus(sim), 0
    for command in commands:
        stop = start + command.bytes // bus
        offset = command.address - BASE
        part = found.data[start:stop]
        assert np.array_equal(part[:, :bus].ravel(), MEMORY[offset : offset + command.bytes])
        assert (part[:, bus] == command.data).all()
        assert found.last[start:stop].tolist() == [0] * (stop - start - 1) + [1]
        start = stop
    assert start == len(found.last)


def _read(
    sim: MemorySim,
    commands: list[Read],
    timing: Timing | None = None,
    faults: Faults | None = None,
    **stalls: int,
) -> int:
    """Run commands to their end; check the data and the bus; return the clocks."""
    sim.attach(MEMORY, BASE, timing, faults)
    sim.reset()
    sent = [record_beats(commands, COMMAND_BITS), NO_STOP]
    run = sim.run(sent, [_count(sim, commands), 0], idle_limit=3000, **stalls)
    _check(sim, commands, run.outputs[0])
    assert sim.report().outstanding == 0
    return run.cycles


@pytest.mark.parametrize(
    ("timing", "stall"),
    [
        (Timing(latency=1), 0),
        (Timing(latency=20, outstanding=2), 0),
        (Timing(latency=3, stall_ar=60, stall_r=40, seed=9), 30),
        (Timing(latency=9, stall_ar=90, stall_r=5, seed=3, bandwidth=20_000), 70),
    ],
)
def test_random_commands(sim: MemorySim, timing: Timing, stall: int) -> None:
    rng = np.random.default_rng(timing.latency)
    _read(sim, _commands(rng, 60, 12), timing, stall_in=stall, stall_out=stall)
    _read(sim, _commands(rng, 6, 200), timing, stall_in=stall, stall_out=stall)


def test_borders_of_4_kb(sim: MemorySim) -> None:
    around = [
        Read(Data.WEIGHT, BASE + 4096 * n - 64 * k, 64 * k + 64) for n in (1, 2) for k in range(1, 64, 7)
    ]
    long = [Read(Data.WEIGHT, BASE + 4096 - 64, 3 * 4096 + 128), Read(Data.DESCRIPTOR, BASE, SIZE)]
    _read(sim, around + long)


def test_full_rate_of_a_long_command(sim: MemorySim) -> None:
    latency = 12
    cycles = _read(sim, [Read(Data.WEIGHT, BASE, SIZE)], Timing(latency=latency))
    # 2 to the address, 1 to take it, the latency, 1 of the reader's slice, 1 of the bench's
    assert cycles == SIZE // _bus(sim) + latency + 5


def test_commands_follow_without_gaps(sim: MemorySim) -> None:
    commands = [Read(Data(n % 5), BASE + 64 * n, 64) for n in range(200)]
    cycles = _read(sim, commands, Timing(latency=1))
    assert cycles <= _count(sim, commands) + 12


def test_what_a_slow_memory_holds(sim: MemorySim) -> None:
    before = sim.report().bursts
    _read(sim, _commands(np.random.default_rng(1), 40, 1), Timing(latency=60))
    report = sim.report()
    assert report.bursts - before == 40
    assert report.most_outstanding >= 2


FAULTS = ("error", "short_burst", "long_burst")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_kept_with_its_address(sim: MemorySim, fault: str) -> None:
    bus = _bus(sim)
    place = BASE + 1024 + 64 * 5
    commands = [Read(Data.WEIGHT, BASE, 1024), Read(Data.VU_CONSTANT, BASE + 1024, 8192)]
    longest = LONGEST[bus]
    wrong = (place // longest + 1) * longest - bus if fault == "long_burst" else place
    sim.attach(MEMORY, BASE, Timing(latency=7, stall_r=20), Faults(**{fault: place}))
    sim.reset()
    sent = [record_beats(commands, COMMAND_BITS), NO_STOP]
    run = sim.run(sent, [(wrong - BASE) // bus, 1], idle_limit=2000, stall_out=20)
    assert values_of(run.outputs[1])[0] == 1 << 64 | wrong
    assert sim.report().outstanding == 0
    # It stays so until reset, and takes nothing more.
    with pytest.raises(EngineError, match="s_read 0 of 1"):
        sim.run([record_beats(commands[:1], COMMAND_BITS), NO_STOP], [1, 0], idle_limit=200)
    _read(sim, commands)


def test_outside_the_memory_is_an_error(sim: MemorySim) -> None:
    sim.attach(MEMORY, BASE)
    sim.reset()
    sent = [record_beats([Read(Data.WEIGHT, BASE + SIZE - 64, 128)], COMMAND_BITS), NO_STOP]
    run = sim.run(sent, [64 // _bus(sim), 1], idle_limit=500)
    assert values_of(run.outputs[1])[0] == 1 << 64 | BASE + SIZE


@pytest.mark.parametrize("beats", [1, 9, 40])
def test_stop_drains_before_reset(sim: MemorySim, beats: int) -> None:
    commands = _commands(np.random.default_rng(beats), 30, 40)
    sim.attach(MEMORY, BASE, Timing(latency=25, stall_ar=50, stall_r=30))
    sim.reset()
    sim.run([record_beats(commands[:2], COMMAND_BITS), NO_STOP], [1, 0])
    run = sim.run([beats_of([], COMMAND_BITS), STOP], [0, 1], idle_limit=2000)
    assert values_of(run.outputs[1])[0] >> 64 == 0
    assert sim.report().outstanding == 0
    _read(sim, commands)


def test_reset_without_stop_is_seen(tmp_path: Path) -> None:
    bench = reader_bench(tmp_path, *READERS["wide"])
    bench.attach(MEMORY, BASE, Timing(latency=50))
    bench.reset()
    bench.run([record_beats([Read(Data.WEIGHT, BASE, SIZE)], COMMAND_BITS), NO_STOP], [3, 0])
    bench.reset()
    with pytest.raises(EngineError, match="reset with a burst in flight"):
        bench.report()


MUTANTS = {
    "across 4 KB": ("& 26'(BURST_BYTES / 64 - 1));", "& 26'd0);"),
    "changed an address": ("(!m_axi_arvalid || m_axi_arready) && !halt;", "!halt;"),
}


@pytest.mark.parametrize("complaint", list(MUTANTS))
def test_a_broken_reader_is_seen(tmp_path: Path, complaint: str) -> None:
    text = (RTL_FOLDER / "axi_reader.sv").read_text()
    old, new = MUTANTS[complaint]
    assert text.count(old) == 1
    mutant = tmp_path / "axi_reader.sv"
    mutant.write_text(text.replace(old, new))
    bench = reader_bench(tmp_path, *READERS["wide"], mutant)
    bench.attach(MEMORY, BASE, Timing(latency=5, stall_ar=70))
    bench.reset()
    sent = [record_beats([Read(Data.WEIGHT, BASE + 64, 16384)], COMMAND_BITS), NO_STOP]
    with pytest.raises(EngineError, match=r"stalled|reports"):
        bench.run(sent, [10_000, 0], idle_limit=500)
    with pytest.raises(EngineError, match=complaint):
        bench.report()


def test_a_record_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Read\.bytes"):
        pack(Read(Data.WEIGHT, 0, 1 << 32))
