# SPDX-License-Identifier: Apache-2.0
"""The cosim engine around stub modules: stalls, memory faults, deadlock, resets, two in flight, timeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_build import rtl_parameters, rtl_sources
from batflow.hls.csim import encode_batch
from batflow.hls.image import DESCRIPTOR_WORDS, HEADER_WORDS
from batflow.hls.registers.table import ERRORS
from batflow.hls.verilator import RTL_FOLDER

from .engine_benches import ECHO_STEP, NARROW, PROGRAM, STUBS, WIDE, Bench, make_bench, rows

LENGTHS = (5, 16, 1, 7, 16, 16, 2, 3)
BATCH = [rows(length, length) for length in LENGTHS]
STUCK, BAD, BROKEN = 1, 2, 3
"""What word 0 of a descriptor asks of a stub module."""


@pytest.fixture(params=["narrow", "wide"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    opened = make_bench("cosim", NARROW if request.param == "narrow" else WIDE)
    yield opened
    opened.engine.close()


def cosim(bench: Bench) -> CosimEngine:
    assert isinstance(bench.engine, CosimEngine)
    return bench.engine


def descriptor(bench: Bench, layer: int, value: int) -> int:
    """Put ``value`` into word 0 of a layer's descriptor; the old one."""
    words = bench.engine.image.view(np.int64)
    at = HEADER_WORDS + layer * DESCRIPTOR_WORDS
    old, words[at] = int(words[at]), value
    return old


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("config", [NARROW, WIDE])
def test_stalls_everywhere_change_no_integer(
    monkeypatch: pytest.MonkeyPatch, config: object, seed: int
) -> None:
    for name, value in {
        "BATFLOW_STREAM_STALL": 30 * (seed % 3),
        "BATFLOW_MEMORY_STALL": 15 * seed,
        "BATFLOW_MEMORY_LATENCY": 1 + 37 * seed,
        "BATFLOW_MEMORY_BYTES": (0, 512, 8192)[seed % 3],
        "BATFLOW_SEED": seed + 1,
    }.items():
        monkeypatch.setenv(name, str(value))
    bench = make_bench("cosim", NARROW if config is NARROW else WIDE)
    bench.check(BATCH)
    bench.check(BATCH[::-1])
    bench.engine.close()


def test_memory_latency_and_bandwidth_cost_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles = []
    for latency, rate in ((1, 0), (500, 0), (1, 256)):
        monkeypatch.setenv("BATFLOW_MEMORY_LATENCY", str(latency))
        monkeypatch.setenv("BATFLOW_MEMORY_BYTES", str(rate))
        bench = make_bench("cosim")
        cycles.append(bench.engine.run([rows()]).counters["CYCLES_TOTAL"])
        bench.engine.close()
    # The header, then two layers of two modules, where one read may hide behind another module's work.
    assert 4 * 499 < cycles[1] - cycles[0] <= 5 * 499
    assert cycles[2] > cycles[0] + 300


@pytest.mark.parametrize("offset", [0, 64, 127])
def test_slverr_on_the_header(bench: Bench, offset: int) -> None:
    cosim(bench).memory_fault(offset)
    assert bench.run_raw(encode_batch([rows()])) == "BUS_ERROR"
    assert bench.run_raw(b"", last=False) == "BUS_ERROR"
    cosim(bench).memory_fault(None)
    bench.recovers()


@pytest.mark.parametrize("layer", [0, 1])
def test_slverr_in_the_middle_of_a_run(bench: Bench, layer: int) -> None:
    cosim(bench).memory_fault(8 * (HEADER_WORDS + layer * DESCRIPTOR_WORDS) + 40)
    assert bench.run_raw(encode_batch(BATCH), batch=len(BATCH)) == "BUS_ERROR"
    cosim(bench).memory_fault(None)
    bench.recovers()


def test_a_module_that_stops_is_a_named_deadlock(bench: Bench) -> None:
    old = descriptor(bench, 1, STUCK)
    assert bench.run_raw(encode_batch([rows()])) == "DEADLOCK"
    assert "ffn.back not taken" in bench.engine.engine.last_error()
    descriptor(bench, 1, old)
    bench.recovers()


@pytest.mark.parametrize(("fault", "error"), [(BAD, "BAD_DESCRIPTOR"), (BROKEN, "INTERNAL")])
def test_an_error_of_a_module_ends_the_run(bench: Bench, fault: int, error: str) -> None:
    old = descriptor(bench, 1, fault)
    assert bench.run_raw(encode_batch(BATCH), batch=len(BATCH)) == error
    descriptor(bench, 1, old)
    bench.recovers()


def test_a_start_after_an_error_needs_no_soft_reset(bench: Bench) -> None:
    old = descriptor(bench, 0, BAD)
    assert bench.run_raw(b"", last=False) == "SHORT_INPUT"
    assert bench.run_raw(b"", batch=0, last=False) == "BAD_BATCH"
    descriptor(bench, 0, old)
    bench.check(BATCH)


def test_soft_reset_at_any_clock(bench: Bench) -> None:
    rng = np.random.default_rng(7)
    for _ in range(40):
        bench.start(len(BATCH))
        bench.engine.engine.push(encode_batch(BATCH))
        bench.engine.engine.advance(int(rng.integers(1, 1500)))
        if rng.integers(2):
            bench.engine.engine.write_register("SOFT_RESET", 1)
        else:
            bench.engine.engine.reset()
        assert bench.engine.engine.read_register("CTRL") == 0b1100
        assert bench.engine.engine.pop(16) == (b"", False)
    bench.check(BATCH)


def test_the_interrupt_output_is_a_level(bench: Bench) -> None:
    engine, pin = bench.engine.engine, cosim(bench).interrupt
    engine.write_register("IER", 3)
    bench.check([rows()])
    assert not pin()
    engine.write_register("GIE", 1)
    assert pin()
    engine.write_register("ISR", 1)
    assert not pin()
    assert bench.run_raw(b"", batch=0, last=False) == "BAD_BATCH"
    assert engine.read_register("ISR") == 3
    assert pin()
    engine.write_register("GIE", 0)
    assert not pin()


def test_taps_are_the_module_outputs(bench: Bench) -> None:
    result = bench.engine.run(BATCH, trace=True)
    for h, taps in zip(BATCH, result.traces, strict=True):
        for layer in range(PROGRAM.shape.layers):
            before = h + np.int16(layer * ECHO_STEP)
            np.testing.assert_array_equal(taps[f"L{layer}.attn_out"], before + np.int16(1))
            np.testing.assert_array_equal(taps[f"L{layer}.ffn_out"], before + np.int16(ECHO_STEP))


def test_counters_and_timeline_agree(bench: Bench) -> None:
    result = bench.engine.run(BATCH)
    timeline, counters = cosim(bench).timeline(), result.counters
    assert timeline["cycles"] == counters["CYCLES_TOTAL"]
    for module, name in (("mha", "MHA"), ("ffn", "FFN")):
        assert sum(timeline[module]["busy"]) == counters[f"CYCLES_{name}_BUSY"]
        assert sum(timeline[module]["taking"]) == counters[f"CYCLES_{name}_QMM"]
    values = sum(h.size for h in BATCH) * PROGRAM.shape.layers
    lanes = bench.engine.engine.info["config"]["vu_lanes"]
    assert counters["CYCLES_MHA_QMM"] == counters["CYCLES_FFN_QMM"] == values // lanes
    assert counters["CYCLES_QMM_BUSY"] == 2 * values // lanes
    assert result.saturations == values // lanes
    assert counters["CYCLES_WEIGHT_WAIT"] == counters["CYCLES_FFN_BUSY"] - counters["CYCLES_FFN_QMM"]
    assert len(timeline["items"]) == 2 * len(BATCH) * PROGRAM.shape.layers


def _mha_order(bench: Bench) -> list[tuple[int, int]]:
    bench.engine.run(BATCH)
    items = [item for item in cosim(bench).timeline()["items"] if item["module"] == "mha"]
    assert all(item["start"] < item["end"] for item in items)
    return [(item["sequence"], item["layer"]) for item in items]


def test_two_sequences_alternate_between_the_modules() -> None:
    bench = make_bench("cosim")
    layers = PROGRAM.shape.layers
    order = _mha_order(bench)
    assert order[:4] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert sorted(order) == [(s, layer) for s in range(len(BATCH)) for layer in range(layers)]
    bench.engine.close()


def test_one_sequence_at_a_time_where_the_config_says_so() -> None:
    bench = make_bench("cosim", WIDE)
    layers = range(PROGRAM.shape.layers)
    assert _mha_order(bench) == [(s, layer) for s in range(len(BATCH)) for layer in layers]
    bench.engine.close()


def test_a_receiver_that_waits_long_is_no_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATFLOW_STREAM_STALL", "99")
    bench = make_bench("cosim")
    bench.check([rows(2)])
    bench.engine.close()


def test_a_window_of_clocks_as_a_waveform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATFLOW_WAVE", f"100:120:{tmp_path / 'wave.vcd'}")
    bench = make_bench("cosim")
    bench.check(BATCH)
    bench.engine.close()
    text = (tmp_path / "wave.vcd").read_text()
    assert "u_control" in text
    times = [int(line[1:]) for line in text.splitlines() if line.startswith("#")]
    assert (times[0], times[-1]) == (200, 241)


def test_lanes_of_the_units_must_fit() -> None:
    with pytest.raises(InputError, match="ln_lanes 8 is above vu_lanes 4"):
        rtl_parameters(NARROW.model_copy(update={"ln_lanes": 8}))


def test_sources_are_what_the_top_uses() -> None:
    sources = rtl_sources("bat_accelerator", (STUBS, RTL_FOLDER))
    names = [path.stem for path in sources]
    assert names[-1] == "bat_accelerator"
    assert names.index("bat_pkg") < names.index("bat_control")
    assert {path.parent.name for path in sources if path.stem == "bat_mha"} == {"sv"}
    assert "softmax" not in names
    with pytest.raises(InputError, match=r"no nothing\.sv"):
        rtl_sources("nothing", (RTL_FOLDER,))


def test_every_error_of_the_table_occurs_in_a_test() -> None:
    text = "".join(
        (STUBS.parent / name).read_text() for name in ("test_cosim_control.py", "test_engine_control.py")
    )
    assert all(name in text for name, _ in ERRORS.values())
