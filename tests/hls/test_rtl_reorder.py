# SPDX-License-Identifier: Apache-2.0
"""tile_reorder.sv: tiles in, rows out, both forms of TLAST, exact cycles."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.axis_sim import AxisSim, Beats, StreamRun
from batflow.hls.packing import Int64
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from . import rtl_buffers as ref
from .rtl_engines import require_verilator


@dataclass(frozen=True)
class Shape:
    """Parameters of the unit; values are int32."""

    tokens: int
    lanes: int
    max_words: int
    row_last: int


SHAPES = {"softmax": Shape(5, 4, 9, 1), "norm": Shape(8, 2, 16, 0)}
NAMES = pytest.mark.parametrize("name", list(SHAPES))


@dataclass(frozen=True)
class Matrix:
    """Values [rows, channels] and the words of a tile's row."""

    values: Int64
    words: int


@functools.cache
def _sim(name: str) -> AxisSim:
    require_verilator()
    shape = SHAPES[name]
    names = ("qmm_pkg", "bat_pkg", "plane_pkg", "axis_register", "sync_fifo", "sdp_ram", "tile_reorder")
    sources = [RTL_FOLDER / f"{source}.sv" for source in names]
    sources.append(RTL_FOLDER.parents[1] / "tests/hls/sv/reorder_queue.sv")
    width = 32 * shape.lanes
    parameters = {"WIDTH": width, "LANES": shape.lanes, "TOKENS": shape.tokens}
    parameters |= {"MAX_WORDS": shape.max_words, "ROW_LAST": shape.row_last}
    inputs = (AxisPort("job", 8 * ref.struct_bytes("write_job_t")), AxisPort("s_axis", width))
    return AxisSim(Module("reorder_queue", tuple(sources), parameters, inputs, (AxisPort("m_axis", width),)))


def _matrix(rng: np.random.Generator, shape: Shape, rows: int = 0, channels: int = 0) -> Matrix:
    rows = rows or int(rng.integers(1, 3 * shape.tokens + 1))
    channels = channels or int(rng.integers(1, shape.lanes * shape.max_words + 1))
    values = rng.integers(-(1 << 31), 1 << 31, (rows, channels))
    return Matrix(values, int(rng.integers(1, 5)))


def _bytes(beats: Int64) -> ref.Bits:
    return beats.astype("<i4").view(np.uint8).reshape(len(beats), -1).copy()


def _inputs(shape: Shape, matrices: list[Matrix]) -> list[Beats]:
    jobs, beats = [], []
    for matrix in matrices:
        rows, channels = matrix.values.shape
        tiles = -(-channels // (matrix.words * shape.lanes))
        jobs.append({"rows": rows, "tiles": tiles, "words": matrix.words, "channels": channels})
        beats.append(ref.tile_order(matrix.values, shape.tokens, matrix.words, shape.lanes))
    data = _bytes(np.concatenate(beats))
    return [ref.job_beats("write_job_t", jobs), Beats(data, np.zeros(len(data), np.uint8))]


def _expected(shape: Shape, matrices: list[Matrix]) -> Beats:
    data, last = [], []
    for matrix in matrices:
        rows, channels = matrix.values.shape
        words = -(-channels // shape.lanes)
        data.append(ref.tile_order(matrix.values, 1, words, shape.lanes))
        ends = np.zeros((rows, words), np.uint8)
        ends[slice(None) if shape.row_last else -1, -1] = 1
        last.append(ends.reshape(-1))
    return Beats(_bytes(np.concatenate(data)), np.concatenate(last))


def _run(name: str, matrices: list[Matrix], stall_in: int = 0, stall_out: int = 0) -> StreamRun:
    expected = _expected(SHAPES[name], matrices)
    run = _sim(name).run(
        _inputs(SHAPES[name], matrices),
        [len(expected.last)],
        stall_in=stall_in,
        stall_out=stall_out,
        seed=3 + stall_in,
        idle_limit=3000,
    )
    assert np.array_equal(run.outputs[0].data, expected.data)
    assert np.array_equal(run.outputs[0].last, expected.last)
    return run


@NAMES
@pytest.mark.parametrize(("stall_in", "stall_out"), [(0, 0), (70, 0), (0, 70), (40, 40)])
def test_random_matrices(name: str, stall_in: int, stall_out: int) -> None:
    rng = np.random.default_rng(stall_in + stall_out)
    shape = SHAPES[name]
    _sim(name).reset()
    plain = [_matrix(rng, shape) for _ in range(12)]
    short = [_matrix(rng, shape, 1, 1) for _ in range(4)]
    widest = _matrix(rng, shape, shape.tokens, shape.lanes * shape.max_words)
    _run(name, [*plain, *short, widest, *short], stall_in, stall_out)


def _cycles(shape: Shape, matrices: list[Matrix]) -> int:
    """The header's formula."""
    fill, drain = [0], [0, 0]
    for matrix in matrices:
        rows, channels = matrix.values.shape
        tiles = -(-channels // (matrix.words * shape.lanes))
        for first in range(0, rows, shape.tokens):
            fill.append(max(fill[-1], drain[-2]) + tiles * shape.tokens * matrix.words)
            true = min(shape.tokens, rows - first) * -(-channels // shape.lanes)
            drain.append(max(fill[-1], drain[-1]) + true)
    return drain[-1] + 2


@NAMES
def test_cycles(name: str) -> None:
    """One job, and jobs that follow each other; the queue of jobs takes one clock more."""
    rng = np.random.default_rng(1)
    shape = SHAPES[name]
    for count in (1, 1, 1, 3, 8):
        _sim(name).reset()
        matrices = [_matrix(rng, shape) for _ in range(count)]
        assert _run(name, matrices).cycles == _cycles(shape, matrices) + 1


@NAMES
def test_reset_in_mid_run(name: str) -> None:
    rng = np.random.default_rng(2)
    shape = SHAPES[name]
    for clocks in (5, 33, 77):
        matrices = [_matrix(rng, shape) for _ in range(5)]
        with pytest.raises(EngineError, match="did not finish"):
            _sim(name).run(_inputs(shape, matrices), [10**4], max_cycles=clocks)
        _sim(name).reset()
        _run(name, matrices)


@NAMES
def test_another_order_shows(name: str) -> None:
    """Negative control: two rows exchanged on the way in."""
    rng = np.random.default_rng(3)
    shape = SHAPES[name]
    _sim(name).reset()
    matrix = _matrix(rng, shape, 4, 5)
    run = _sim(name).run(
        _inputs(shape, [Matrix(matrix.values[::-1], matrix.words)]), [4 * -(-5 // shape.lanes)]
    )
    assert not np.array_equal(run.outputs[0].data, _expected(shape, [matrix]).data)
