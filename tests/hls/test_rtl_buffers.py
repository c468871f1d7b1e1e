# SPDX-License-Identifier: Apache-2.0
"""Activation buffers, writers and feeders of attention: the words that reach the engine are the bits of q."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.packing import Int64
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from . import rtl_buffers as ref
from .rtl_buffers import ACT, TARGET, WEIGHT, Operands, Sizes
from .rtl_engines import require_verilator

SIZES = {
    "small": Sizes(tokens=8, lanes=8, outputs=16, simd=64, planes=4, a_tokens=2, kv_bits=64),
    "wide": Sizes(
        tokens=12,
        lanes=16,
        outputs=64,
        simd=128,
        planes=8,
        a_tokens=4,
        kv_bits=512,
        channels_v=4,
        head_words=4,
    ),
    "binary": Sizes(tokens=5, lanes=4, outputs=8, simd=64, planes=1, a_tokens=1, kv_bits=256, channels_v=2),
    "whole": Sizes(tokens=6, lanes=8, outputs=16, simd=64, planes=3, a_tokens=2, kv_bits=512, channels_v=8),
}
NAMES = pytest.mark.parametrize("name", list(SIZES))
_SOURCES = (
    *(
        "qmm_pkg",
        "bat_pkg",
        "plane_pkg",
        "axis_skid",
        "axis_register",
        "sync_fifo",
        "side_credit",
        "plane_buffer",
    ),
    *("plane_writer", "plane_reader", "act_feeder", "kv_feeder", "tile_transpose"),
)
WRITERS = ("x", "q", "p", "ctx", "k", "v")
Streams = dict[str, list[Beats]]


def _module(sizes: Sizes, changed: dict[str, int] | None = None) -> Module:
    job, write = 8 * ref.struct_bytes("job_t"), 8 * ref.struct_bytes("write_job_t")
    parameters = {
        "TOKENS": sizes.tokens,
        "LANES": sizes.lanes,
        "TILE_WORDS": sizes.outputs // sizes.lanes,
        "SIMD": sizes.simd,
        "PLANES": sizes.planes,
        "A_TOKENS": sizes.a_tokens,
        "KV_BITS": sizes.kv_bits,
        "SEGMENT_V": sizes.segment_v,
        "CHANNELS_V": sizes.channels_v,
        "MAX_TOKENS": sizes.max_tokens,
        "MAX_HIDDEN": sizes.max_hidden,
        "HEAD_WORDS": sizes.head_words,
    }
    sources = [RTL_FOLDER / f"{name}.sv" for name in _SOURCES]
    sources.append(RTL_FOLDER.parents[1] / "tests/hls/sv/attention_buffers.sv")
    inputs = [AxisPort("a_job", job), AxisPort("kv_job", job)]
    inputs += [AxisPort(f"w{n}", write) for n in range(6)]
    inputs += [AxisPort(f"q{n}", 8 * sizes.lanes) for n in range(6)]
    outputs = (AxisPort("m_a", sizes.a_tokens * sizes.simd), AxisPort("m_kv", sizes.kv_bits))
    return Module("attention_buffers", tuple(sources), parameters | (changed or {}), tuple(inputs), outputs)


@functools.cache
def _sim(name: str) -> AxisSim:
    require_verilator()
    return AxisSim(_module(SIZES[name]))


class Item:
    """One work item of attention: random q of every site, the jobs, the streams, the expected operands."""

    def __init__(
        self, rng: np.random.Generator, sizes: Sizes, rows: int, heads: int, size: int, bank: int
    ) -> None:
        self.sizes, self.rng, self.rows, self.heads, self.size = sizes, rng, rows, heads, size
        self.bank, self.hidden = bank, heads * size
        self.bits = {site: int(rng.integers(1, sizes.planes + 1)) for site in WRITERS}
        self.a_jobs: list[dict[str, int]] = []
        self.kv_jobs: list[dict[str, int]] = []
        self.acts, self.kvs = Operands(), Operands()
        self.writes: dict[str, list[dict[str, int]]] = {site: [] for site in WRITERS}
        self.streams: dict[str, list[Int64]] = {site: [] for site in WRITERS}
        self.q = {site: self._values(site, self.hidden) for site in ("x", "q", "ctx", "k", "v")}
        self.p = [self._values("p", rows) for _ in range(heads)]
        self._make_jobs()

    def _values(self, site: str, columns: int) -> Int64:
        return ref.random_q(self.rng, self.rows, columns, self.bits[site], site != "p")

    def _planes(self, site: str, values: Int64) -> ref.Bits:
        return ref.bit_planes(values, self.bits[site], site != "p" and self.bits[site] == 1)

    def _words(self, bits: int) -> int:
        return -(-bits // self.sizes.simd)

    def _write(self, site: str, values: Int64, fields: dict[str, int], by_rows: bool, halved: bool) -> None:
        rows, channels = values.shape
        lanes = self.sizes.lanes
        words = -(-channels // lanes) if by_rows else self.sizes.outputs // lanes // (1 + halved)
        tile_rows = 1 if by_rows else self.sizes.tokens
        job = {"rows": rows, "tile_rows": tile_rows, "tiles": -(-channels // (words * lanes)), "words": words}
        job |= {"channels": channels, "head_channels": channels, "head_stride": channels}
        job |= {"bipolar": int(site != "p" and self.bits[site] == 1)}
        self.writes[site].append(job | fields)
        self.streams[site].append(ref.tile_order(values, tile_rows, words, lanes))

    def _job(self, act: str, target: str, k_bits: int, channels: int, **more: int) -> dict[str, int]:
        sizes = self.sizes
        job = {"act": ACT[act], "target": TARGET[target], "act_planes": self.bits[act], "bank": self.bank}
        job |= {"rows": self.rows, "k_bits": k_bits, "k_words": self._words(k_bits), "channels": channels}
        job |= {"token_tiles": -(-self.rows // sizes.tokens), "last": int(target == "residual")} | more
        self.a_jobs.append(job)
        return job

    def _feed(self, site: str, planes: ref.Bits) -> None:
        beats = ref.act_beats(self.sizes, planes, self._words(planes.shape[2]))
        self.acts.add(beats, self.rows, self.sizes.a_tokens)

    def _operand(self, job: dict[str, int], site: str, planes: ref.Bits) -> None:
        self.kv_jobs.append(job | {"weight": WEIGHT[site], "weight_planes": self.bits[site]})
        beats = ref.kv_beats(self.sizes, planes, job["k_words"])
        self.kvs.add(beats, planes.shape[1], self.sizes.kv_bits // 64)

    def _make_jobs(self) -> None:
        halved = self.sizes.outputs >= 2 * self.sizes.lanes and bool(self.rng.integers(2))
        heads = {"head_channels": self.size, "head_stride": self._words(self.size) * self.sizes.simd}
        self._write("x", self.q["x"], {"side": self.bank}, True, False)
        for site in ("q", "k", "v"):
            self._write(site, self.q[site], {} if site == "v" else heads, False, halved)
            self._job("x", site, self.hidden, self.hidden, first=int(site == "q"))
            self._feed("x", self._planes("x", self.q["x"]))
        order = ["S0"]
        for head in range(1, self.heads):
            order += [f"S{head}", f"C{head - 1}"]
        for step in [*order, f"C{self.heads - 1}"]:
            (self._scores if step[0] == "S" else self._context)(int(step[1:]))
        self._job("ctx", "residual", self.hidden, self.hidden)
        self._feed("ctx", self._planes("ctx", self.q["ctx"]))

    def _scores(self, head: int) -> None:
        own = slice(head * self.size, (head + 1) * self.size)
        word = head * self._words(self.size)
        job = self._job("q", "softmax", self.size, self.rows, head=head, act_word=word)
        self._feed("q", self._planes("q", self.q["q"][:, own]))
        self._operand(job, "k", self._planes("k", self.q["k"][:, own]))
        self._write("p", self.p[head], {"side": head % 2}, True, False)

    def _context(self, head: int) -> None:
        own = slice(head * self.size, (head + 1) * self.size)
        job = self._job("p", "ctx", self.rows, self.size, head=head, channel_base=head * self.size)
        self._feed("p", self._planes("p", self.p[head]))
        self._operand(job, "v", self._planes("v", self.q["v"][:, own].T))
        self._write("ctx", self.q["ctx"][:, own], {"channel_base": head * self.size}, False, False)

    def inputs(self) -> list[Beats]:
        jobs = [ref.job_beats("job_t", self.a_jobs), ref.job_beats("job_t", self.kv_jobs)]
        jobs += [ref.job_beats("write_job_t", self.writes[site]) for site in WRITERS]
        return jobs + [ref.q_stream(np.concatenate(self.streams[site])) for site in WRITERS]

    def check(self, sim: AxisSim, stall_in: int = 0, stall_out: int = 0, seed: int = 1) -> int:
        run = sim.run(
            self.inputs(),
            [self.acts.beats, self.kvs.beats],
            stall_in=stall_in,
            stall_out=stall_out,
            seed=seed,
            idle_limit=5000,
        )
        assert self.acts.equal(run.outputs[0])
        assert self.kvs.equal(run.outputs[1])
        return run.cycles


def _item(rng: np.random.Generator, name: str, rows: int = 0, bank: int = 0) -> Item:
    sizes = SIZES[name]
    size = sizes.lanes * int(rng.integers(1, sizes.max_hidden // sizes.lanes + 1))
    heads = int(rng.integers(1, sizes.max_hidden // size + 1))
    room = sizes.head_words * sizes.simd // (-(-size // sizes.simd) * sizes.simd)
    rows = rows or int(rng.integers(1, sizes.max_tokens + 1))
    return Item(rng, sizes, rows, min(heads, room), size, bank)


@NAMES
def test_every_operand_of_random_items(name: str) -> None:
    """Items follow each other without reset, so that each finds the content of longer ones before it."""
    rng = np.random.default_rng(1)
    sim = _sim(name)
    sim.reset()
    lengths = [SIZES[name].max_tokens, 1, SIZES[name].tokens, SIZES[name].tokens + 1, 0, 0, 0, 0]
    for number, rows in enumerate(lengths):
        _item(rng, name, rows, number % 2).check(sim)


@NAMES
@pytest.mark.parametrize(("stall_in", "stall_out"), [(60, 0), (0, 60), (40, 40)])
def test_backpressure_and_slow_writers(name: str, stall_in: int, stall_out: int) -> None:
    rng = np.random.default_rng(stall_in)
    sim = _sim(name)
    sim.reset()
    for number in range(3):
        _item(rng, name, 0, number % 2).check(sim, stall_in, stall_out, number + 1)


@NAMES
def test_reset_in_mid_run(name: str) -> None:
    rng = np.random.default_rng(3)
    sim = _sim(name)
    sim.reset()
    for clocks in (7, 30, 111):
        item = _item(rng, name)
        with pytest.raises(EngineError, match="did not finish"):
            sim.run(item.inputs(), [item.acts.beats, item.kvs.beats], max_cycles=clocks)
        sim.reset()
        _item(rng, name).check(sim)
        sim.reset()


@NAMES
def test_a_flipped_value_shows(name: str) -> None:
    """Negative control: one q of each site changed in the streams, and the expected operands differ."""
    rng = np.random.default_rng(4)
    sim = _sim(name)
    for site in WRITERS:
        sim.reset()
        item = _item(rng, name)
        item.streams[site][-1][0, 0] ^= 2 if item.writes[site][-1]["bipolar"] else 1
        if item.writes[site][-1]["bipolar"]:
            item.streams[site][-1][0, 0] = -item.q[site][0, -item.size if site == "ctx" else 0]
        with pytest.raises(AssertionError):
            item.check(sim)


def test_missing_rows_hold_the_feeder() -> None:
    """The last row of P never comes: the feeder waits although the buffer holds an older P."""
    rng = np.random.default_rng(5)
    sim = _sim("small")
    sim.reset()
    _item(rng, "small", 20).check(sim)
    item = _item(rng, "small", 20)
    item.streams["p"][-1] = item.streams["p"][-1][:-1]
    with pytest.raises(EngineError, match="stalled"):
        item.check(sim)
    sim.reset()


@NAMES
def test_feeders_send_a_beat_a_clock(name: str) -> None:
    """Once all rows are there, both streams run without a gap within and between jobs, after 7 clocks."""
    rng = np.random.default_rng(6)
    sim = _sim(name)
    for queue in (0, 1):
        sim.reset()
        item = Item(rng, SIZES[name], 17, 2, 2 * SIZES[name].lanes, 0)
        inputs = item.inputs()
        none = [Beats(beats.data[:0].copy(), beats.last[:0].copy()) for beats in inputs]
        with pytest.raises(EngineError, match="stalled"):  # all writers are through
            sim.run(none[:2] + inputs[2:], [1, 1], idle_limit=2000)
        wanted = [item.acts.beats, item.kvs.beats]
        expected = [count if port == queue else 0 for port, count in enumerate(wanted)]
        run = sim.run([inputs[n] if n == queue else none[n] for n in range(len(inputs))], expected)
        assert (item.acts, item.kvs)[queue].equal(run.outputs[queue])
        assert run.cycles == wanted[queue] + 7


def transposed(sizes: Sizes, job: dict[str, int]) -> int:
    """Clocks of a V alone until its last write, as the header of ``tile_transpose.sv`` has them."""
    fill = drain = before = 0
    groups = sizes.tokens // sizes.segment_v
    for _ in range(-(-job["rows"] // sizes.tokens)):
        for first in range(0, job["channels"], job["words"] * sizes.lanes):
            channels = min(job["words"] * sizes.lanes, job["channels"] - first)
            fill = max(fill, before) + sizes.tokens * job["words"]
            before, drain = drain, max(fill, drain) - (-channels // sizes.channels_v) * groups
    return drain + 3


@NAMES
def test_v_is_transposed_in_the_clocks_of_its_header(name: str) -> None:
    """V alone, then one context operand that waits for it: the clocks between are exact."""
    rng, sizes = np.random.default_rng(7), SIZES[name]
    sim = _sim(name)
    for rows in (1, sizes.tokens, sizes.max_tokens):
        sim.reset()
        item = Item(rng, sizes, rows, 1, 2 * sizes.lanes, 0)
        own, planes = item.kv_jobs[-1], item._planes("v", item.q["v"].T)
        operand = Operands()
        operand.add(ref.kv_beats(sizes, planes, own["k_words"]), planes.shape[1], sizes.kv_bits // 64)
        inputs = item.inputs()
        used = {1: ref.job_beats("job_t", [own]), 7: inputs[7], 13: inputs[13]}
        none = [Beats(beats.data[:0].copy(), beats.last[:0].copy()) for beats in inputs]
        run = sim.run([used.get(n, empty) for n, empty in enumerate(none)], [0, operand.beats])
        assert operand.equal(run.outputs[1])
        assert run.cycles == transposed(sizes, item.writes["v"][0]) + operand.beats + 6


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"A_TOKENS": 3}, "A_TOKENS 3 must divide TOKENS 8"),
        ({"KV_BITS": 96}, "KV_BITS 96 must be a power of two"),
        ({"SEGMENT_V": 16}, "SEGMENT 16 must be gcd"),
        ({"CHANNELS_V": 3}, "CHANNELS 3 must divide LANES 8"),
        ({"CHANNELS_V": 2}, "WRITE_ROWS 2 must divide BANKS 1"),
    ],
)
def test_refused_parameters(changed: dict[str, int], message: str) -> None:
    require_verilator()
    with pytest.raises((InputError, EngineError), match=message):
        AxisSim(_module(SIZES["small"], changed))
