# SPDX-License-Identifier: Apache-2.0
"""The sums of rows that row_sums.sv makes while buffers are loaded, read as early as the engine ever does."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from batflow.errors import EngineError
from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.qmm_protocol import (
    JOB_BITS,
    Job,
    Kind,
    Operand,
    QmmConfig,
    act_beats,
    job_word,
    weight_beats,
)
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from .rtl_engines import require_verilator

_SUM_BITS = 24
_ENGINE_AFTER = 4
_SOURCES = (
    *("qmm_pkg", "column_pkg", "LUT6_2", "CARRY4", "compressor6", "full_adder", "column_layer"),
    *("column_tree", "column_count", "popcount", "delay", "sdp_ram", "sync_fifo", "axis_skid", "row_sums"),
    *("word_counter", "act_loader", "block_loader", "weight_buffer", "weight_side"),
)


@dataclass(frozen=True)
class Bench:
    """Sizes of a bench: ``tiles`` output tiles of a job; ``on_chip``: an operand of many planes."""

    config: QmmConfig
    tiles: int
    on_chip: bool = False

    def module(self, after: int) -> Module:
        config = self.config
        beat = config.kv_bits if self.on_chip else config.bus_bits
        parameters = {
            "TOKENS": config.tokens, "OUTPUTS": config.outputs, "SIMD": config.simd, "A_BITS": config.a_bits,
            "W_BITS": config.w_bits if self.on_chip else 1, "A_WORDS": config.a_words,
            "WORDS": config.w_words, "TILES": self.tiles, "BEAT_BITS": beat, "A_TOKENS": config.a_tokens,
            "SUM_BITS": _SUM_BITS, "AFTER": after, "WHOLE_ROWS": int(self.on_chip),
            "STRUCTURAL": config.structural,
        }  # fmt: skip
        sources = [RTL_FOLDER / f"{name}.sv" for name in _SOURCES]
        sources.append(Path(__file__).parent / "sv" / "row_sums_bench.sv")
        inputs = (
            AxisPort("s_job", JOB_BITS, last=False),
            AxisPort("s_axis_w", beat),
            AxisPort("s_axis_a", config.a_tokens * config.simd),
        )
        outputs = (AxisPort("m_axis", 32 * (config.outputs + config.tokens)),)
        return Module("row_sums_bench", tuple(sources), parameters, inputs, outputs, "error_code")


_BASE = QmmConfig(
    tokens=4, outputs=16, simd=64, a_bits=8, w_bits=8, a_words=32, w_words=64, bus_bits=512, kv_bits=128,
    a_tokens=2,
)  # fmt: skip
# Rings of sums of one beat (all tokens in a beat) to sixteen; tiles of half a block, of one and of two.
BENCHES = {
    "block": Bench(_BASE, tiles=9),
    "half": Bench(replace(_BASE, outputs=8, tokens=3, a_tokens=1, bus_bits=256, simd=128), tiles=7),
    "half at once": Bench(replace(_BASE, outputs=8, tokens=1, a_tokens=1, bus_bits=512), tiles=1),
    "two blocks": Bench(replace(_BASE, outputs=32, tokens=5, a_tokens=5, bus_bits=64), tiles=4),
    "on chip": Bench(replace(_BASE, outputs=32, kv_bits=512), tiles=3, on_chip=True),
    "on chip, half": Bench(
        replace(_BASE, outputs=8, kv_bits=64, simd=128, w_bits=3, a_bits=1), tiles=6, on_chip=True
    ),
    "gates": Bench(replace(_BASE, outputs=8, bus_bits=128, a_bits=3, structural=1), tiles=5),
}
NAMES = pytest.mark.parametrize("name", list(BENCHES))


@functools.cache
def _sim(name: str, after: int = _ENGINE_AFTER) -> AxisSim:
    require_verilator()
    return AxisSim(BENCHES[name].module(after))


def _bits(rng: np.random.Generator, shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Random bits of a random density, or all ones, or all zeros."""
    density = float(rng.choice([0.0, 1.0, rng.random()]))
    return rng.random(shape) < density


def _operand(rng: np.random.Generator, kinds: tuple[Kind, ...], most: int, rows: int, k: int) -> Operand:
    kind = kinds[int(rng.integers(len(kinds)))]
    planes = {Kind.BIPOLAR: 1, Kind.TERNARY: 2}.get(kind) or int(rng.integers(1, most + 1))
    return Operand(_bits(rng, (planes, rows, k)), kind)


def _sums(operand: Operand) -> npt.NDArray[np.int64]:
    """The sum of every row, by what each plane weighs."""
    planes = len(operand.planes)
    weights = np.array([1, -1]) if operand.kind == Kind.TERNARY else 1 << np.arange(planes)
    if operand.kind == Kind.SIGNED:
        weights[-1] *= -1
    return np.einsum("p,prk->r", weights, operand.planes.astype(np.int64))


class Product:
    """One job with random operands, its beats, and the sums that are read for it."""

    def __init__(self, rng: np.random.Generator, bench: Bench, short: bool) -> None:
        self.config = config = bench.config
        k = int(rng.integers(1, 2 * config.simd + 1)) if not short else int(rng.integers(1, 65))
        outputs = int(rng.integers(1, (1 if short else bench.tiles) * config.outputs + 1))
        tokens = int(rng.integers(1, (1 if short else 3) * config.tokens + 1))
        kinds = (Kind.UNSIGNED, Kind.SIGNED, Kind.BIPOLAR)
        most = 1 if short else config.w_bits
        self.acts = _operand(rng, kinds, 1 if short else config.a_bits, tokens, k)
        self.weights = _operand(
            rng, kinds if bench.on_chip else (Kind.BIPOLAR, Kind.TERNARY), most, outputs, k
        )
        self.job = Job(
            range(outputs), range(k), -(-tokens // config.tokens), len(self.acts.planes),
            len(self.weights.planes), bench.on_chip,
        )  # fmt: skip

    def fits(self, bench: Bench) -> bool:
        """Whether the weights fit their buffer."""
        words = self.job.output_tiles(self.config) * self.job.weight_planes * self.job.k_words(self.config)
        return words <= self.config.w_words

    def beats(self) -> list[Beats]:
        """Beats of the three streams."""
        word = job_word(self.config, self.job, self.acts.kind, self.weights.kind)
        job = Beats(np.frombuffer(word, np.uint8)[None], np.zeros(1, np.uint8))
        return [
            job,
            weight_beats(self.config, self.job, self.weights),
            act_beats(self.config, self.job, self.acts),
        ]

    def expected(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Sums [beats, outputs + tokens], and which of them are of true rows."""
        config, job = self.config, self.job
        tiles = job.output_tiles(config)
        weights = np.zeros((2, tiles * config.outputs), np.int64)
        acts = np.zeros((2, job.token_tiles * config.tokens), np.int64)
        for held, operand in ((weights, self.weights), (acts, self.acts)):
            sums = _sums(operand)
            held[0, : len(sums)], held[1, : len(sums)] = sums, 1
        both = np.concatenate(
            [
                np.tile(weights.reshape(2, tiles, -1), (1, job.token_tiles, 1)),
                np.repeat(acts.reshape(2, job.token_tiles, -1), tiles, axis=1),
            ],
            axis=2,
        )
        return both[0], both[1].astype(np.bool_)


def _products(rng: np.random.Generator, bench: Bench, count: int, short: bool = False) -> list[Product]:
    made: list[Product] = []
    while len(made) < count:
        product = Product(rng, bench, short)
        if product.fits(bench):
            made.append(product)
    return made


def _found(
    sim: AxisSim,
    products: list[Product],
    streams: list[Beats] | None = None,
    stalls: tuple[int, int] = (0, 0),
) -> npt.NDArray[np.int32]:
    """The sums that come out, [beats, outputs + tokens]."""
    sent = streams or _streams(products)
    beats = sum(len(product.expected()[0]) for product in products)
    sim.reset()
    run = sim.run(sent, [beats], stall_in=stalls[0], stall_out=stalls[1], seed=stalls[0] + 1)
    last = np.cumsum([len(product.expected()[0]) for product in products]) - 1
    assert np.flatnonzero(run.outputs[0].last).tolist() == last.tolist()
    return run.outputs[0].data.view("<i4")


def _streams(products: list[Product]) -> list[Beats]:
    parts = zip(*(product.beats() for product in products), strict=True)
    return [
        Beats(np.concatenate([beats.data for beats in part]), np.concatenate([beats.last for beats in part]))
        for part in parts
    ]


def _wrong(found: npt.NDArray[np.int32], products: list[Product]) -> npt.NDArray[np.bool_]:
    """Where a sum of a true row is not the expected one."""
    sums, true = (np.concatenate(part) for part in zip(*(p.expected() for p in products), strict=True))
    return (found != sums) & true


@NAMES
@pytest.mark.parametrize("stalls", [(0, 0), (60, 0), (0, 80), (50, 50)])
def test_sums_of_random_products(name: str, stalls: tuple[int, int]) -> None:
    rng = np.random.default_rng(1 + sum(stalls))
    products = _products(rng, BENCHES[name], 60)
    assert not _wrong(_found(_sim(name), products, stalls=stalls), products).any()


@NAMES
def test_sums_of_the_shortest_products_one_after_the_other(name: str) -> None:
    """A plane, a word, a tile: a bank is read and written anew as soon as the engine ever does."""
    rng = np.random.default_rng(2)
    products = _products(rng, BENCHES[name], 400, short=True)
    assert not _wrong(_found(_sim(name), products), products).any()


@pytest.mark.parametrize(
    ("name", "after"), [("block", _ENGINE_AFTER - 1), ("half at once", _ENGINE_AFTER + 2)]
)
def test_other_times_of_reading_show(name: str, after: int) -> None:
    """A clock earlier not all is written; later, a token tile of one beat has the next one's sums."""
    rng = np.random.default_rng(3)
    products = _products(rng, BENCHES[name], 100, short=True)
    assert _wrong(_found(_sim(name, after), products), products).any()


@NAMES
def test_one_flipped_bit_shows_in_its_row_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    bench = BENCHES[name]
    (product,) = _products(rng, bench, 1)
    for place, operand in enumerate((product.weights, product.acts)):
        plane, row, bit = (int(rng.integers(size)) for size in operand.planes.shape)
        before = _sums(operand)
        operand.planes[plane, row, bit] ^= True
        streams = _streams([product])
        moved = int((_sums(operand) - before)[row])
        operand.planes[plane, row, bit] ^= True
        found = _found(_sim(name), [product], streams)
        sums, true = product.expected()
        places = np.argwhere((found != sums) & true)
        size = bench.config.tokens if place else bench.config.outputs
        assert set(places[:, 1]) == {row % size + place * bench.config.outputs}
        assert len(places) == (product.job.output_tiles(bench.config) if place else product.job.token_tiles)
        assert abs(moved) == 1 << (0 if operand.kind == Kind.TERNARY else plane)
        assert {int((found - sums)[beat, column]) for beat, column in places} == {moved}


def test_more_tiles_than_there_is_room_for_are_refused() -> None:
    rng = np.random.default_rng(5)
    bench = BENCHES["block"]
    wide = replace(bench, tiles=bench.tiles + 1)
    product = next(p for p in _products(rng, wide, 200) if p.job.output_tiles(p.config) == wide.tiles)
    with pytest.raises(EngineError, match="error_code 2"):
        _found(_sim("block"), [product])
    fitting = _products(rng, bench, 3)
    assert not _wrong(_found(_sim("block"), fitting), fitting).any()
