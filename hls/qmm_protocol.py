# SPDX-License-Identifier: Apache-2.0
"""The QMM engine as seen from outside: configuration, operands, jobs, beats.

The protocol is written in ``rtl/qmm_pkg.sv``; this file holds the same in Python. The cycle formula is
in ``qmm_cycles.py`` (ours).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

from .axis_sim import Beats
from .packing import BLOCK_ROWS, pack_bits, pack_blocks

Planes = npt.NDArray[np.bool_]
_MAX_TILES = _MAX_OUTPUTS = 65535
JOB_BITS = 96
"""Bits of a job beat; config_t is the low ones."""


class Kind(IntEnum):
    """How the planes of an operand make its value (``qmm_pkg::kind_t``)."""

    UNSIGNED = 0
    SIGNED = 1
    BIPOLAR = 2
    TERNARY = 3


@dataclass(frozen=True)
class QmmConfig:
    """Parameters of the engine; the field names in capitals are those of ``qmm_engine.sv``.

    The defaults suit hidden 384, FFN 1536, heads of 32, 128 tokens and 8-bit activations.
    """

    tokens: int = 4
    outputs: int = 16
    simd: int = 64
    a_bits: int = 8
    w_bits: int = 8
    acc_bits: int = 24
    k_words: int = 24
    kv_k_words: int = 2
    a_words: int = 192
    w_words: int = 576
    kv_words: int = 128
    bus_bits: int = 512
    kv_bits: int = 128
    a_tokens: int = 2
    out_lanes: int = 8
    result_tiles: int = 4
    jobs: int = 16
    w_tiles: int = 0
    kv_tiles: int = 0
    structural: int = 0

    def __post_init__(self) -> None:
        may_be_0 = ("structural", "kv_words", "w_tiles", "kv_tiles")
        small = {name: value for name, value in asdict(self).items() if value < (name not in may_be_0)}
        if small or self.simd % 64:
            given = ", ".join(f"{name} {value}" for name, value in small.items()) or f"simd {self.simd}"
            raise InputError(f"engine parameters must be >= 1, simd a multiple of 64; given {given}")

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

    ``token_tiles`` counts engine tiles; ``act_planes``, ``weight_planes`` bits; ``on_chip``: the
    weights come by the K/V stream.
    """

    outputs: range
    columns: range
    token_tiles: int
    act_planes: int
    weight_planes: int
    on_chip: bool = False

    def output_tiles(self, config: QmmConfig) -> int:
        """Engine tiles of its outputs."""
        return -(-len(self.outputs) // config.outputs)

    def k_words(self, config: QmmConfig) -> int:
        """Words of SIMD bits of a row."""
        return -(-len(self.columns) // config.simd)

    def weight_beats(self, config: QmmConfig) -> int:
        """Beats of its weights on the stream that carries them."""
        words = self.k_words(config) * config.simd // 64 if self.on_chip else -(-len(self.columns) // 64)
        blocks = -(-len(self.outputs) // BLOCK_ROWS)
        beats_of_word = 64 * BLOCK_ROWS // (config.kv_bits if self.on_chip else config.bus_bits)
        return blocks * self.weight_planes * words * beats_of_word


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


def plan(config: QmmConfig, acts: Operand, weights: Operand, on_chip: bool = False) -> list[Job]:
    """Cut a product into jobs that fit the buffers: slices of K outside, slices of outputs inside.

    Raises:
        InputError: rows of unlike length, weights that the stream does not carry, or an engine too
            small for even one word.
    """
    act_planes, tokens, length = acts.planes.shape
    weight_planes, outputs, other = weights.planes.shape
    if length != other:
        raise InputError(f"activations have rows of {length}, weights of {other}; they must be equal")
    if act_planes > config.a_bits or (on_chip and weight_planes > config.w_bits):
        raise InputError(
            f"the engine is built for {config.a_bits} activation and {config.w_bits} on-chip planes, "
            f"not {act_planes} and {weight_planes}"
        )
    if (weights.kind == Kind.TERNARY) if on_chip else (weights.kind not in (Kind.BIPOLAR, Kind.TERNARY)):
        where = "on chip" if on_chip else "from memory"
        raise InputError(f"{weights.kind.name.lower()} weights cannot come {where}; use the other stream")
    room, longest = (config.kv_words, config.kv_k_words) if on_chip else (config.w_words, config.k_words)
    tiles = (config.kv_tiles if on_chip else config.w_tiles) or room
    words = min(longest, config.a_words // act_planes, room // weight_planes)
    if words < 1:
        raise InputError(
            f"buffers of {config.a_words} and {room} words cannot hold {act_planes} and "
            f"{weight_planes} planes; enlarge a_words, w_words or kv_words"
        )
    token_tiles = -(-tokens // config.tokens)
    if token_tiles > _MAX_TILES:
        raise InputError(f"{tokens} tokens are too many; at most {_MAX_TILES * config.tokens} at once")
    jobs: list[Job] = []
    for first in range(0, length, words * config.simd):
        columns = range(first, min(length, first + words * config.simd))
        tile_words = weight_planes * -(-len(columns) // config.simd)
        most = min(min(room // tile_words, tiles) * config.outputs, _MAX_OUTPUTS)
        for row in range(0, outputs, most):
            rows = range(row, min(outputs, row + most))
            jobs.append(Job(rows, columns, token_tiles, act_planes, weight_planes, on_chip))
    return jobs


def _beats(data: npt.NDArray[np.uint8]) -> Beats:
    last = np.zeros(len(data), np.uint8)
    last[-1:] = 1
    return Beats(np.ascontiguousarray(data), last)


def job_word(config: QmmConfig, job: Job, act_kind: Kind, weight_kind: Kind) -> bytes:
    """Return the job itself (``qmm_pkg::config_t``), padded to `JOB_BITS`."""
    value = len(job.columns) | job.k_words(config) << 16 | job.token_tiles << 32
    value |= len(job.outputs) << 48 | job.act_planes << 64 | act_kind << 68
    value |= job.weight_planes << 72 | weight_kind << 76 | job.on_chip << 80
    return value.to_bytes(JOB_BITS // 8, "little")


def weight_beats(config: QmmConfig, job: Job, weights: Operand) -> Beats:
    """Return the beats of one job's weights, for the stream that carries them."""
    rows = slice(job.outputs.start, job.outputs.stop)
    packed = pack_bits(weights.planes[:, rows, job.columns.start : job.columns.stop])
    if job.on_chip:
        missing = job.k_words(config) * config.simd // 64 - packed.shape[2]
        packed = np.pad(packed, ((0, 0), (0, 0), (0, missing)))
    bits = config.kv_bits if job.on_chip else config.bus_bits
    return _beats(pack_blocks(packed).astype("<u8").view(np.uint8).reshape(-1, bits // 8))


def act_beats(config: QmmConfig, job: Job, acts: Operand) -> Beats:
    """Return the beats of one job's activations."""
    planes = acts.planes[:, :, job.columns.start : job.columns.stop]
    count, height, length = planes.shape
    words = job.k_words(config)
    padded = np.zeros((count, job.token_tiles * config.tokens, words * config.simd), np.bool_)
    padded[:, :height, :length] = planes
    split = padded.reshape(count, job.token_tiles, config.tokens, words, config.simd)
    ordered = split.transpose(1, 0, 3, 2, 4)  # tile, plane, word, token, bit
    packed = np.packbits(ordered, axis=-1, bitorder="little")
    return _beats(packed.reshape(-1, config.a_tokens * config.simd // 8))
