# SPDX-License-Identifier: Apache-2.0
"""The QMM engine as seen from outside: configuration, operands, jobs, beats, cycle formula.

The protocol is written in ``rtl/qmm_pkg.sv`` and the formula in the header of ``rtl/qmm_engine.sv``;
this file holds the same in Python (ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

from .axis_sim import Beats

Planes = npt.NDArray[np.bool_]
_MAX_TILES = 65535


class Kind(IntEnum):
    """How the planes of an operand make its value (``qmm_pkg::kind_t``)."""

    UNSIGNED = 0
    SIGNED = 1
    BIPOLAR = 2
    TERNARY = 3


@dataclass(frozen=True)
class QmmConfig:
    """Parameters of the engine; the field names in capitals are those of ``qmm_engine.sv``.

    The defaults suit hidden 384, FFN 1536, heads of 32 and 4-bit activations.
    """

    tokens: int = 4
    outputs: int = 16
    simd: int = 64
    a_planes: int = 4
    w_planes: int = 1
    a_bits: int = 8
    w_bits: int = 8
    acc_bits: int = 32
    k_words: int = 64
    a_words: int = 64
    w_words: int = 576
    a_lanes: int = 8
    w_lanes: int = 8
    out_lanes: int = 16
    structural: int = 0

    def __post_init__(self) -> None:
        small = {name: value for name, value in asdict(self).items() if value < 1 and name != "structural"}
        if small or self.simd % 8:
            given = ", ".join(f"{name} {value}" for name, value in small.items()) or f"simd {self.simd}"
            raise InputError(f"engine parameters must be >= 1, simd a multiple of 8; given {given}")

    def parameters(self) -> dict[str, int]:
        """Parameters of the SystemVerilog module."""
        return {name.upper(): value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Operand:
    """Bit planes [planes, rows, k] of one side of a product, and what they mean."""

    planes: Planes
    kind: Kind


@dataclass(frozen=True)
class Job:
    """One job: rows ``outputs`` and columns ``columns`` of the weights, all tokens.

    ``token_tiles``, ``output_tiles`` count engine tiles; ``act_planes``, ``weight_planes`` bits.
    """

    outputs: range
    columns: range
    token_tiles: int
    output_tiles: int
    act_planes: int
    weight_planes: int


def operand(values: npt.ArrayLike, bits: int, signed: bool, what: str) -> Operand:
    """Split integers [rows, k] into planes by the table of docs/numerics.md; 1 bit signed is ±1.

    Raises:
        InputError: not two-dimensional integers, or a value outside the format.
    """
    array = np.asarray(values)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer) or 0 in array.shape:
        raise InputError(f"{what} must be a non-empty integer matrix, not {array.dtype} {array.shape}")
    if not 1 <= bits <= 8:
        raise InputError(f"{what} of {bits} bits are not supported; 1 to 8 bits are")
    array = array.astype(np.int64)
    if signed and bits == 1:
        if not (np.abs(array) == 1).all():
            raise InputError(f"{what} of 1 bit signed must be -1 or +1")
        return Operand((array > 0)[None], Kind.BIPOLAR)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if array.min() < low or array.max() > high:
        raise InputError(f"{what} reach {array.min()}..{array.max()}, outside {low}..{high} of {bits} bits")
    planes = np.stack([(array >> bit) & 1 for bit in range(bits)]).astype(np.bool_)
    return Operand(planes, Kind.SIGNED if signed else Kind.UNSIGNED)


def ternary(values: npt.ArrayLike) -> Operand:
    """Split ternary weights [rows, k] into the planes P and N.

    Raises:
        InputError: a value outside -1, 0, +1.
    """
    array = np.asarray(values)
    if array.ndim != 2 or 0 in array.shape or not np.isin(array, (-1, 0, 1)).all():
        raise InputError("ternary weights must be a non-empty matrix of -1, 0 and +1")
    return Operand(np.stack([array > 0, array < 0]), Kind.TERNARY)


def _groups(planes: int, parallel: int) -> int:
    return -(-planes // parallel)


def plan(config: QmmConfig, acts: Operand, weights: Operand) -> list[Job]:
    """Cut a product into jobs that fit the buffers: slices of K outside, slices of outputs inside.

    Raises:
        InputError: rows of unlike length, or an engine too small for even one word.
    """
    act_planes, tokens, length = acts.planes.shape
    weight_planes, outputs, other = weights.planes.shape
    if length != other:
        raise InputError(f"activations have rows of {length}, weights of {other}; they must be equal")
    if act_planes > config.a_bits or weight_planes > config.w_bits:
        raise InputError(
            f"the engine is built for {config.a_bits} activation and {config.w_bits} weight planes, "
            f"not {act_planes} and {weight_planes}"
        )
    act_groups = _groups(act_planes, config.a_planes)
    weight_groups = _groups(weight_planes, config.w_planes)
    words = min(config.k_words, config.a_words // act_groups, config.w_words // weight_groups)
    if words < 1:
        raise InputError(
            f"buffers of {config.a_words} and {config.w_words} words cannot hold {act_groups} and "
            f"{weight_groups} plane groups; enlarge a_words or w_words"
        )
    token_tiles = -(-tokens // config.tokens)
    if token_tiles > _MAX_TILES:
        raise InputError(f"{tokens} tokens are too many; at most {_MAX_TILES * config.tokens} at once")
    jobs: list[Job] = []
    for first in range(0, length, words * config.simd):
        columns = range(first, min(length, first + words * config.simd))
        tile_words = weight_groups * -(-len(columns) // config.simd)
        tiles = min(config.w_words // tile_words, _MAX_TILES)
        for row in range(0, outputs, tiles * config.outputs):
            rows = range(row, min(outputs, row + tiles * config.outputs))
            count = -(-len(rows) // config.outputs)
            jobs.append(Job(rows, columns, token_tiles, count, act_planes, weight_planes))
    return jobs


def qmm_cycles(config: QmmConfig, jobs: Sequence[Job]) -> int:
    """Clocks of jobs sent back to back to an idle engine without stalls (``qmm_engine.sv``)."""
    results = config.tokens * config.outputs // config.out_lanes
    weights_done = load = 1
    end = -results
    tile_ends = [end, end]  # of the last two token tiles
    job_ends = [end, end]  # of the last two jobs
    for job in jobs:
        words = -(-len(job.columns) // config.simd)
        act_groups = _groups(job.act_planes, config.a_planes)
        weight_groups = _groups(job.weight_planes, config.w_planes)
        weight_slices = config.outputs * config.w_planes // config.w_lanes
        weight_beats = job.output_tiles * weight_groups * words * weight_slices
        act_beats = act_groups * words * config.tokens * config.a_planes // config.a_lanes
        steps = act_groups * weight_groups * words
        known = max(weights_done, job_ends[-2]) + 1
        weights_done = known + weight_beats
        for _ in range(job.token_tiles):
            load = max(load, known, tile_ends[-2]) + act_beats
            first = max(max(end, load, weights_done) + steps, end + results)
            end = first + (job.output_tiles - 1) * max(steps, results)
            tile_ends.append(end)
        job_ends.append(end)
    return end + results + 4


def _beats(planes: Planes, rows: int, parallel: int, simd: int, lanes: int) -> npt.NDArray[np.uint8]:
    """Arrange planes [planes, r, k] as beats [row tiles, beats per tile, bytes]."""
    count, height, length = planes.shape
    groups, tiles, words = _groups(count, parallel), -(-height // rows), -(-length // simd)
    padded = np.zeros((groups * parallel, tiles * rows, words * simd), np.bool_)
    padded[:count, :height, :length] = planes
    split = padded.reshape(groups, parallel, tiles, rows, words, simd)
    ordered = split.transpose(2, 0, 4, 3, 1, 5)  # tile, group, word, row, plane, bit
    packed = np.packbits(ordered, axis=-1, bitorder="little")
    return packed.reshape(tiles, -1, lanes * simd // 8)


def _stream(data: npt.NDArray[np.uint8]) -> Beats:
    last = np.zeros(len(data), np.uint8)
    last[-1] = 1
    return Beats(np.ascontiguousarray(data), last)


def config_beat(config: QmmConfig, job: Job, act_kind: Kind, weight_kind: Kind) -> bytes:
    """Return the config beat of a job (``qmm_pkg::config_t``), padded to a weight beat."""
    words = -(-len(job.columns) // config.simd)
    value = len(job.columns) | words << 32 | job.token_tiles << 48 | job.output_tiles << 64
    value |= job.act_planes << 80 | act_kind << 84 | job.weight_planes << 88 | weight_kind << 92
    return value.to_bytes(config.w_lanes * config.simd // 8, "little")


def job_beats(config: QmmConfig, job: Job, acts: Operand, weights: Operand) -> tuple[Beats, Beats]:
    """Return the weight-stream and activation-stream beats of one job."""
    columns = slice(job.columns.start, job.columns.stop)
    rows = slice(job.outputs.start, job.outputs.stop)
    head = np.frombuffer(config_beat(config, job, acts.kind, weights.kind), np.uint8)
    matrix = weights.planes[:, rows, columns]
    body = _beats(matrix, config.outputs, config.w_planes, config.simd, config.w_lanes)
    weight_data = np.concatenate([head[None], body.reshape(-1, head.size)])
    tiles = acts.planes[:, :, columns]
    act_data = _beats(tiles, config.tokens, config.a_planes, config.simd, config.a_lanes)
    return _stream(weight_data), _stream(act_data.reshape(-1, act_data.shape[-1]))
