# SPDX-License-Identifier: Apache-2.0
"""The buffers of FFN, behind the entry: several work items in flight through two sides."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.axis_sim import AxisSim, Beats, StreamRun
from batflow.hls.packing import Int64
from batflow.hls.program import Format
from batflow.hls.reference.qu import dyadic_sum, to_format
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from . import rtl_buffers as ref
from .rtl_buffers import ACT, TARGET, Operands, Sizes
from .rtl_engines import require_verilator

SIZES = {
    "small": Sizes(tokens=4, lanes=8, outputs=16, simd=64, planes=8, a_tokens=2, kv_bits=64, max_tokens=22),
    "pair": Sizes(tokens=3, lanes=4, outputs=32, simd=128, planes=2, a_tokens=1, kv_bits=64, max_tokens=22),
}
MAX_FFN = 200
NAMES = pytest.mark.parametrize("name", list(SIZES))
_SOURCES = (
    *("qmm_pkg", "vector_pkg", "bat_pkg", "plane_pkg", "axis_skid", "axis_register", "sync_fifo"),
    *("side_credit", "sdp_ram"),
    *("plane_buffer", "plane_writer", "plane_reader", "act_feeder", "residual_buffer", "tile_walk"),
    *("delay", "DSP48E2", "dsp_mac", "product_sum", "step_shift", "dyadic", "block_ram"),
    *("constant_table", "constant_loader", "scale_unit", "qu", "entry"),
)


@functools.cache
def _sim(name: str) -> AxisSim:
    require_verilator()
    sizes = SIZES[name]
    parameters = {
        "TOKENS": sizes.tokens,
        "LANES": sizes.lanes,
        "OUTPUTS": sizes.outputs,
        "SIMD": sizes.simd,
        "PLANES": sizes.planes,
        "A_TOKENS": sizes.a_tokens,
        "MAX_TOKENS": sizes.max_tokens,
        "MAX_HIDDEN": sizes.max_hidden,
        "MAX_FFN": MAX_FFN,
    }
    sources = [RTL_FOLDER / f"{source}.sv" for source in _SOURCES]
    sources.append(RTL_FOLDER.parents[1] / "tests/hls/sv/entry_buffers.sv")
    job = 8 * ref.struct_bytes("job_t")
    item = 8 * ref.struct_bytes("entry_t")
    widths = {"item": item, "row": 16 * sizes.lanes, "a_job": job, "h_job": job}
    widths |= {"w_job": 8 * ref.struct_bytes("write_job_t"), "mid": 8 * sizes.lanes}
    inputs = tuple(AxisPort(port, bits) for port, bits in widths.items())
    outputs = (AxisPort("m_a", sizes.a_tokens * sizes.simd), AxisPort("m_h", 16 * sizes.lanes))
    return AxisSim(Module("entry_buffers", tuple(sources), parameters, inputs, outputs, "error_code"))


@dataclass(frozen=True)
class Item:
    """One work item: h int16 [rows, d], the scale and format of x."""

    h: Int64
    m: int
    c: int
    shift: int
    target: Format
    mid: Int64  # unsigned q
    mid_bits: int

    def entry(self, number: int) -> dict[str, int]:
        scale = {"c": self.c, "m": self.m, "shift": self.shift, "bits": self.target.bits}
        scale |= {"is_signed": int(self.target.signed), "common": 1}
        fields = {"bank": number % 2, "channels": self.h.shape[1], "scale": ref.pack("scale_t", scale)}
        return fields | {"work": ref.pack("work_t", {"rows": len(self.h)})}

    def q(self) -> Int64:
        columns = self.h.shape[1]
        level = dyadic_sum([self.h], np.full((1, columns), self.m), np.full(columns, self.c), self.shift)
        return to_format(level, self.target)


def _item(rng: np.random.Generator, sizes: Sizes, rows: int = 0) -> Item:
    rows = rows or int(rng.integers(1, sizes.max_tokens + 1))
    columns = sizes.lanes * int(rng.integers(1, sizes.max_hidden // sizes.lanes + 1))
    target = Format(int(rng.integers(1, sizes.planes + 1)), True)
    h = rng.integers(-(1 << 15), 1 << 15, (rows, columns))
    shift = int(rng.integers(10, 41))
    m = int(rng.integers(1, 1 << 15)) if shift > 20 else int(rng.integers(1, 1 << max(1, shift - 6)))
    mid_bits = int(rng.integers(1, sizes.planes + 1))
    mid = ref.random_q(rng, rows, int(rng.integers(1, MAX_FFN + 1)), mid_bits, False)
    return Item(h, m, int(rng.integers(-(1 << 20), 1 << 20)), shift, target, mid, mid_bits)


def _streams(sizes: Sizes, items: list[Item]) -> tuple[list[Beats], Operands, Operands]:
    entries, a_jobs, h_jobs, rows, lasts = [], [], [], [], []
    writes, mids = [], []
    acts, residuals = Operands(), Operands()
    for number, item in enumerate(items):
        length, columns = item.h.shape
        words = sizes.outputs // sizes.lanes
        two_part = int(words % 2 == 0 and number % 3 == 2)
        tile_words = words // (1 + two_part)
        k_words = -(-columns // sizes.simd)
        job = {"bank": number % 2, "rows": length, "k_bits": columns, "k_words": k_words}
        job |= {"token_tiles": -(-length // sizes.tokens), "two_part": two_part}
        job |= {"output_tiles": -(-columns // (tile_words * sizes.lanes))}
        entries.append(item.entry(number))
        a_jobs.append(job | {"act": ACT["x"], "target": TARGET["mid"], "act_planes": item.target.bits})
        width = item.mid.shape[1]
        second = {"k_bits": width, "k_words": -(-width // sizes.simd), "act_planes": item.mid_bits}
        second |= {"act": ACT["mid"], "target": TARGET["residual"], "last": 1}
        a_jobs.append(job | second)
        h_jobs.append(job | {"act": ACT["mid"], "target": TARGET["residual"]})
        rows.append(item.h.reshape(-1, sizes.lanes))
        lasts.append(np.arange(len(rows[-1])) == len(rows[-1]) - 1)
        planes = ref.bit_planes(item.q(), item.target.bits, item.target.bits == 1)
        acts.add(ref.act_beats(sizes, planes, k_words), length, sizes.a_tokens)
        planes = ref.bit_planes(item.mid, item.mid_bits, False)
        acts.add(ref.act_beats(sizes, planes, second["k_words"]), length, sizes.a_tokens)
        writes.append(_write(sizes, item.mid))
        mids.append(ref.tile_order(item.mid, sizes.tokens, words, sizes.lanes))
        _add_tiles(residuals, item.h, sizes, tile_words)
    data = np.concatenate(rows).astype("<i2").view(np.uint8).reshape(-1, 2 * sizes.lanes)
    streams = [ref.job_beats("entry_t", entries), Beats(data.copy(), np.concatenate(lasts).astype(np.uint8))]
    streams += [ref.job_beats("job_t", a_jobs), ref.job_beats("job_t", h_jobs)]
    streams += [ref.job_beats("write_job_t", writes), ref.q_stream(np.concatenate(mids))]
    return streams, acts, residuals


def _write(sizes: Sizes, values: Int64) -> dict[str, int]:
    """The writer's job of mid."""
    rows, channels = values.shape
    job = {"rows": rows, "tile_rows": sizes.tokens, "words": sizes.outputs // sizes.lanes}
    job |= {"tiles": -(-channels // sizes.outputs), "channels": channels}
    return job | {"head_channels": channels, "head_stride": channels}


def _none(beats: Beats) -> Beats:
    return Beats(beats.data[:0].copy(), beats.last[:0].copy())


def _add_tiles(expected: Operands, h: Int64, sizes: Sizes, words: int) -> None:
    """The residual stream of an item; padding is not defined."""
    beats = ref.tile_order(h, sizes.tokens, words, sizes.lanes)
    known = ref.tile_order(np.ones_like(h), sizes.tokens, words, sizes.lanes) > 0
    expected.data.append(beats.astype("<i2").view(np.uint8).reshape(len(beats), -1))
    expected.known.append(np.repeat(known, 2, axis=1))
    expected.last.append((np.arange(len(beats)) == len(beats) - 1).astype(np.uint8))


def _run(name: str, items: list[Item], stall_in: int = 0, stall_out: int = 0, seed: int = 1) -> StreamRun:
    streams, acts, residuals = _streams(SIZES[name], items)
    run = _sim(name).run(
        streams,
        [acts.beats, residuals.beats],
        stall_in=stall_in,
        stall_out=stall_out,
        seed=seed,
        idle_limit=5000,
    )
    assert acts.equal(run.outputs[0])
    assert residuals.equal(run.outputs[1])
    return run


@NAMES
@pytest.mark.parametrize(("stall_in", "stall_out"), [(0, 0), (70, 0), (0, 70), (30, 50)])
def test_items_in_flight(name: str, stall_in: int, stall_out: int) -> None:
    rng = np.random.default_rng(stall_in * 100 + stall_out)
    _sim(name).reset()
    sizes = SIZES[name]
    lengths = [sizes.max_tokens, 1, sizes.tokens, 1, 1, 0, 0, 0, 0, 0]
    _run(name, [_item(rng, sizes, rows) for rows in lengths], stall_in, stall_out, 1 + stall_in + stall_out)


@NAMES
def test_items_of_one_beat(name: str) -> None:
    """One row of LANES channels, jobs before or after it: the first word read is the last one written."""
    rng = np.random.default_rng(8)
    _sim(name).reset()
    items = [_item(rng, SIZES[name], 1) for _ in range(60)]
    items = [replace(item, h=item.h[:, : SIZES[name].lanes]) for item in items]
    _run(name, items, 90)


@NAMES
def test_reset_in_mid_run(name: str) -> None:
    rng = np.random.default_rng(2)
    sim = _sim(name)
    sim.reset()
    for clocks in (9, 40, 160):
        streams, acts, residuals = _streams(SIZES[name], [_item(rng, SIZES[name]) for _ in range(6)])
        with pytest.raises(EngineError, match="did not finish"):
            sim.run(streams, [acts.beats, residuals.beats], max_cycles=clocks)
        sim.reset()
        _run(name, [_item(rng, SIZES[name]) for _ in range(3)])
        sim.reset()


@NAMES
def test_a_side_is_not_overwritten(name: str) -> None:
    """The third item waits while nobody reads the first: rows of two items at most are taken."""
    rng = np.random.default_rng(3)
    _sim(name).reset()
    items = [_item(rng, SIZES[name], 3) for _ in range(3)]
    streams, _, residuals = _streams(SIZES[name], items)
    streams[2] = _none(streams[2])
    held = sum(item.h.size // SIZES[name].lanes for item in items[:2])
    with pytest.raises(EngineError, match="stalled") as caught:
        _sim(name).run(streams, [0, residuals.beats], idle_limit=3000)
    taken = {held, held + 1, held + 2}  # the slice in front of the entry holds up to two beats
    assert any(f"row {count} of" in str(caught.value) for count in taken), str(caught.value)
    _sim(name).reset()


@NAMES
def test_misplaced_tlast(name: str) -> None:
    rng = np.random.default_rng(4)
    for place, mark in ((0, 1), (-1, 0)):
        _sim(name).reset()
        streams, acts, residuals = _streams(SIZES[name], [_item(rng, SIZES[name], 5)])
        last = streams[1].last.copy()
        last[place] = mark
        streams[1] = replace(streams[1], last=last)
        with pytest.raises(EngineError, match=r"reports an error \(error_code 5\)"):
            _sim(name).run(streams, [acts.beats, residuals.beats], idle_limit=3000)
        _sim(name).reset()
        _run(name, [_item(rng, SIZES[name])])


def test_a_wrong_scale_shows() -> None:
    """Negative control: an item quantized by another constant than expected."""
    rng = np.random.default_rng(5)
    _sim("small").reset()
    item = _item(rng, SIZES["small"], 4)
    item = replace(item, m=1 << 10, shift=20, target=Format(8, True))
    wrong = _streams(SIZES["small"], [replace(item, m=item.m + 1)])[0]
    _, acts, residuals = _streams(SIZES["small"], [item])
    run = _sim("small").run(wrong, [acts.beats, residuals.beats])
    assert residuals.equal(run.outputs[1])
    assert not acts.equal(run.outputs[0])


def test_rows_enter_at_a_beat_a_clock() -> None:
    """The header: a beat a clock and 4 clocks an item, 10 more to `x_progress`; then 5 to read."""
    rng = np.random.default_rng(6)
    _sim("small").reset()
    sizes = SIZES["small"]
    item = replace(_item(rng, sizes, 20), h=rng.integers(-99, 99, (20, sizes.max_hidden)))
    streams, acts, _ = _streams(sizes, [item])
    jobs = Beats(streams[2].data[:1].copy(), streams[2].last[:1].copy())
    beats = len(acts.data[0])
    run = _sim("small").run([*streams[:2], jobs, *(_none(beats) for beats in streams[3:])], [beats, 0])
    last_tile = beats // 5
    assert run.cycles == 4 + 20 * 12 + 10 + 5 + last_tile


@NAMES
def test_residual_stream_is_a_beat_a_clock(name: str) -> None:
    """The header's formula, rows being in."""
    rng = np.random.default_rng(7)
    _sim(name).reset()
    streams, _, residuals = _streams(SIZES[name], [_item(rng, SIZES[name])])
    none = [_none(beats) for beats in streams]
    with pytest.raises(EngineError, match="stalled"):
        _sim(name).run([*streams[:2], *none[2:]], [1, 1], idle_limit=1000)
    run = _sim(name).run([*none[:3], streams[3], *none[4:]], [0, residuals.beats])
    assert residuals.equal(run.outputs[1])
    assert run.cycles == residuals.beats + 4
