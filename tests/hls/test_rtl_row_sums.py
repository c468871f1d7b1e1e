# SPDX-License-Identifier: Apache-2.0
"""The sums of rows that row_sums.sv makes while buffers are loaded, read as early as the engine ever does."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from batflow.errors import EngineError
from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.cosim_qmm import Product, product_streams
from batflow.hls.qmm_protocol import JOB_BITS, Job, Kind, Operand, QmmConfig
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from .rtl_engines import require_verilator

_SUM_BITS = 24
_ENGINE_AFTER = 4
_SOURCES = (
    *("qmm_pkg", "column_pkg", "LUT6_2", "CARRY4", "compressor6", "full_adder", "column_layer"),
    *("column_tree", "column_count", "popcount", "delay", "sdp_ram", "sync_fifo", "axis_skid"),
    *("axis_register", "row_sums", "word_counter", "act_loader", "tile_buffer"),
    *("act_memory", "block_loader", "weight_buffer", "weight_side", "weight_memory"),
)


_BASE = QmmConfig(
    tokens=4, outputs=16, simd=64, a_bits=8, w_bits=8, a_words=32, w_words=64, kv_words=48, bus_bits=512,
    kv_bits=128, a_tokens=2, w_tiles=9, kv_tiles=3,
)  # fmt: skip
# Both widths of beats either way; tiles of half a block, of one and of two; all tokens in a beat; no K/V.
BENCHES = {
    "block": _BASE,
    "half": replace(_BASE, outputs=8, tokens=3, a_tokens=1, bus_bits=256, kv_bits=256, simd=128, w_tiles=7),
    "half at once": replace(
        _BASE, outputs=8, tokens=1, a_tokens=1, bus_bits=512, kv_bits=64, w_tiles=1, kv_tiles=1
    ),
    "two blocks": replace(
        _BASE, outputs=32, tokens=5, a_tokens=5, bus_bits=64, kv_bits=512, w_tiles=4, w_bits=3
    ),
    "memory": replace(_BASE, kv_words=0, kv_tiles=0, a_bits=1),
    "gates": replace(
        _BASE, outputs=8, bus_bits=128, kv_bits=256, a_bits=3, w_bits=4, w_tiles=5, structural=1
    ),
}
NAMES = pytest.mark.parametrize("name", list(BENCHES))


def _module(config: QmmConfig, after: int) -> Module:
    given = config.parameters()
    names = ("TOKENS", "OUTPUTS", "SIMD", "A_BITS", "W_BITS", "A_WORDS", "W_WORDS", "KV_WORDS", "W_TILES")
    names += ("KV_TILES", "BUS_BITS", "KV_BITS", "A_TOKENS", "STRUCTURAL")
    parameters = {name: given[name] for name in names} | {"SUM_BITS": _SUM_BITS, "AFTER": after}
    sources = [RTL_FOLDER / f"{name}.sv" for name in _SOURCES]
    sources.append(Path(__file__).parent / "sv" / "row_sums_bench.sv")
    inputs = (
        AxisPort("s_job", JOB_BITS, last=False),
        AxisPort("s_axis_w", config.bus_bits),
        AxisPort("s_axis_kv", config.kv_bits),
        AxisPort("s_axis_a", config.a_tokens * config.simd),
    )
    outputs = (AxisPort("m_axis", 32 * (config.outputs + config.tokens)),)
    return Module("row_sums_bench", tuple(sources), parameters, inputs, outputs, "error_code")


@functools.cache
def _sim(name: str, after: int = _ENGINE_AFTER) -> AxisSim:
    require_verilator()
    return AxisSim(_module(BENCHES[name], after))


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


class Case:
    """One job with random operands, and the sums that are read for it."""

    def __init__(self, rng: np.random.Generator, config: QmmConfig, short: bool) -> None:
        self.config = config
        on_chip = bool(config.kv_words) and bool(rng.integers(2))
        tiles = config.kv_tiles if on_chip else config.w_tiles
        k = int(rng.integers(1, 65 if short else 2 * config.simd + 1))
        outputs = int(rng.integers(1, (1 if short else tiles) * config.outputs + 1))
        tokens = int(rng.integers(1, (1 if short else 3) * config.tokens + 1))
        kinds = (Kind.UNSIGNED, Kind.SIGNED, Kind.BIPOLAR)
        from_memory = (Kind.BIPOLAR, Kind.TERNARY)
        acts = _operand(rng, kinds, 1 if short else config.a_bits, tokens, k)
        most = 1 if short else config.w_bits
        weights = _operand(rng, kinds if on_chip else from_memory, most, outputs, k)
        self.product = Product(acts, weights, on_chip)
        planes = len(acts.planes), len(weights.planes)
        self.job = Job(range(outputs), range(k), -(-tokens // config.tokens), *planes, on_chip)

    def fits(self) -> bool:
        """Whether the weights fit their buffer."""
        words = self.job.output_tiles(self.config) * self.job.weight_planes * self.job.k_words(self.config)
        return words <= (self.config.kv_words if self.job.on_chip else self.config.w_words)

    def expected(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Sums [beats, outputs + tokens], and which of them are of true rows."""
        config, job = self.config, self.job
        tiles = job.output_tiles(config)
        weights = np.zeros((2, tiles * config.outputs), np.int64)
        acts = np.zeros((2, job.token_tiles * config.tokens), np.int64)
        for held, operand in ((weights, self.product.weights), (acts, self.product.acts)):
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


def _cases(rng: np.random.Generator, config: QmmConfig, count: int, short: bool = False) -> list[Case]:
    made: list[Case] = []
    while len(made) < count:
        case = Case(rng, config, short)
        if case.fits():
            made.append(case)
    return made


def _streams(cases: list[Case]) -> list[Beats]:
    return product_streams(cases[0].config, [case.product for case in cases], [[case.job] for case in cases])[
        0
    ]


def _found(
    sim: AxisSim,
    cases: list[Case],
    streams: list[Beats] | None = None,
    stalls: tuple[int, int] = (0, 0),
) -> npt.NDArray[np.int32]:
    """The sums that come out, [beats, outputs + tokens]."""
    beats = [len(case.expected()[0]) for case in cases]
    sim.reset()
    sent = streams or _streams(cases)
    run = sim.run(sent, [sum(beats)], stall_in=stalls[0], stall_out=stalls[1], seed=stalls[0] + 1)
    assert np.flatnonzero(run.outputs[0].last).tolist() == (np.cumsum(beats) - 1).tolist()
    return run.outputs[0].data.view("<i4")


def _wrong(found: npt.NDArray[np.int32], cases: list[Case]) -> npt.NDArray[np.bool_]:
    """Where a sum of a true row is not the expected one."""
    sums, true = (np.concatenate(part) for part in zip(*(case.expected() for case in cases), strict=True))
    return (found != sums) & true


@NAMES
@pytest.mark.parametrize("stalls", [(0, 0), (60, 0), (0, 80), (50, 50)])
def test_sums_of_random_products(name: str, stalls: tuple[int, int]) -> None:
    rng = np.random.default_rng(1 + sum(stalls))
    cases = _cases(rng, BENCHES[name], 60)
    assert not _wrong(_found(_sim(name), cases, stalls=stalls), cases).any()


@NAMES
def test_sums_of_the_shortest_products_one_after_the_other(name: str) -> None:
    """A plane, a tile: a bank is read and written anew as soon as the engine ever does."""
    rng = np.random.default_rng(2)
    cases = _cases(rng, BENCHES[name], 400, short=True)
    assert not _wrong(_found(_sim(name), cases), cases).any()


@pytest.mark.parametrize(
    ("name", "after"), [("block", _ENGINE_AFTER - 1), ("half at once", _ENGINE_AFTER + 2)]
)
def test_other_times_of_reading_show(name: str, after: int) -> None:
    """A clock earlier not all is written; later, a token tile of one beat has the next one's sums."""
    rng = np.random.default_rng(3)
    cases = _cases(rng, BENCHES[name], 100, short=True)
    assert _wrong(_found(_sim(name, after), cases), cases).any()


@NAMES
def test_one_flipped_bit_shows_in_its_row_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    config = BENCHES[name]
    for case in _cases(rng, config, 4):
        for place, operand in enumerate((case.product.weights, case.product.acts)):
            plane, row, bit = (int(rng.integers(size)) for size in operand.planes.shape)
            before = _sums(operand)
            operand.planes[plane, row, bit] ^= True
            streams = _streams([case])
            moved = int((_sums(operand) - before)[row])
            operand.planes[plane, row, bit] ^= True
            found = _found(_sim(name), [case], streams)
            sums, true = case.expected()
            places = np.argwhere((found != sums) & true)
            size, start = (config.tokens, config.outputs) if place else (config.outputs, 0)
            assert set(places[:, 1]) == {row % size + start}
            assert len(places) == (case.job.output_tiles(config) if place else case.job.token_tiles)
            assert abs(moved) == 1 << (0 if operand.kind == Kind.TERNARY else plane)
            assert {int((found - sums)[beat, column]) for beat, column in places} == {moved}


@pytest.mark.parametrize("on_chip", [False, True])
def test_more_tiles_than_there_is_room_for_are_refused(on_chip: bool) -> None:
    rng = np.random.default_rng(5)
    config = BENCHES["block"]
    wide = replace(config, w_tiles=config.w_tiles + 1, kv_tiles=config.kv_tiles + 1)
    most = wide.kv_tiles if on_chip else wide.w_tiles
    cases = [case for case in _cases(rng, wide, 200) if case.job.on_chip == on_chip]
    too_wide = next(case for case in cases if case.job.output_tiles(wide) == most)
    with pytest.raises(EngineError, match="error_code 2"):
        _found(_sim("block"), [too_wide])
    fitting = _cases(rng, config, 3)
    assert not _wrong(_found(_sim("block"), fitting), fitting).any()
