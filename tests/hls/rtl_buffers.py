# SPDX-License-Identifier: Apache-2.0
"""Reference of the activation buffers: jobs as the RTL's structs, tiles of q, expected operand words."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from batflow.hls.axis_sim import Beats
from batflow.hls.packing import Int64
from batflow.hls.verilator import RTL_FOLDER

Bits = npt.NDArray[np.uint8]
ACT = {"x": 0, "q": 1, "p": 2, "ctx": 3, "mid": 4}
WEIGHT = {"memory": 0, "k": 1, "v": 2}
TARGET = {"q": 0, "k": 1, "v": 2, "softmax": 3, "ctx": 4, "mid": 5, "residual": 6}


@functools.cache
def _struct(name: str) -> tuple[tuple[str, int], ...]:
    """Fields (name, bits) of a packed struct of the accelerator's packages, first in the highest bits."""
    for package in ("bat_pkg", "plane_pkg", "qmm_pkg"):
        text = re.sub(r"//.*", "", (RTL_FOLDER / f"{package}.sv").read_text())
        enum = re.search(r"typedef enum logic \[(\d+):0\] \{[^}]*\} " + name + ";", text)
        if enum:
            return (("", int(enum[1]) + 1),)
        body = re.search(r"typedef struct packed \{([^}]*)\} " + name + ";", text)
        if body:
            return tuple(_field(line) for line in body[1].split(";") if line.strip())
    raise LookupError(f"no struct {name} in the packages")


def _field(line: str) -> tuple[str, int]:
    kind, *span, name = line.split()
    if kind == "logic":
        return name, int(span[0][1:-3]) + 1 if span else 1
    return name, sum(bits for _, bits in _struct(kind))


def struct_bytes(name: str) -> int:
    """Bytes of a stream beat that holds the struct."""
    return (sum(bits for _, bits in _struct(name)) + 7) // 8


def pack(name: str, values: Mapping[str, int]) -> int:
    """The struct as a number; fields that are not given are 0."""
    fields = _struct(name)
    assert set(values) <= {key for key, _ in fields}, set(values) - {key for key, _ in fields}
    number = 0
    for key, bits in fields:
        number = number << bits | (values.get(key, 0) & ((1 << bits) - 1))
    return number


def job_beats(name: str, jobs: Sequence[Mapping[str, int]]) -> Beats:
    """One beat a job."""
    size = struct_bytes(name)
    data = b"".join(pack(name, job).to_bytes(size, "little") for job in jobs)
    return Beats(np.frombuffer(data, np.uint8).reshape(-1, size).copy(), np.ones(len(jobs), np.uint8))


@dataclass(frozen=True)
class Sizes:
    """Parameters of the buffers."""

    tokens: int
    lanes: int
    outputs: int
    simd: int
    planes: int
    a_tokens: int
    kv_bits: int
    channels_v: int = 1
    max_tokens: int = 70
    max_hidden: int = 96
    head_words: int = 6

    @property
    def segment_v(self) -> int:
        return math.gcd(self.tokens, 64)


def bit_planes(q: Int64, bits: int, bipolar: bool) -> Bits:
    """Planes [bits, rows, columns] of q, {-1,+1} as one plane of 0 and 1."""
    if bipolar:
        return (q > 0).astype(np.uint8)[None]
    return ((q[None] >> np.arange(bits)[:, None, None]) & 1).astype(np.uint8)


def words(planes: Bits, width: int, count: int) -> npt.NDArray[np.uint8]:
    """Bytes [planes, rows, count, width/8] of rows of bits, zero beyond them."""
    held, rows, columns = planes.shape
    padded = np.zeros((held, rows, count * width), np.uint8)
    padded[:, :, :columns] = planes
    return np.packbits(padded, axis=2, bitorder="little").reshape(held, rows, count, width // 8)


def act_beats(sizes: Sizes, planes: Bits, k_words: int) -> npt.NDArray[np.uint8]:
    """The activation stream of a job, uint8 [tiles, planes, words, tokens, bytes]; rows beyond are 0."""
    held = words(planes, sizes.simd, k_words)
    tiles = -(-planes.shape[1] // sizes.tokens)
    padded = np.zeros((len(planes), tiles * sizes.tokens, *held.shape[2:]), np.uint8)
    padded[:, : planes.shape[1]] = held
    return padded.reshape(len(planes), tiles, sizes.tokens, k_words, -1).transpose(1, 0, 3, 2, 4)


def kv_beats(sizes: Sizes, planes: Bits, k_words: int) -> npt.NDArray[np.uint8]:
    """The operand stream of a job, uint8 [blocks, planes, 64-bit words, 16, 8]; outputs beyond are 0."""
    count = k_words * sizes.simd // 64
    held = words(planes, 64, count)
    blocks = -(-planes.shape[1] // 16)
    padded = np.zeros((len(planes), blocks * 16, count, 8), np.uint8)
    padded[:, : planes.shape[1]] = held
    return padded.reshape(len(planes), blocks, 16, count, 8).transpose(1, 0, 3, 2, 4)


def tile_order(
    values: Int64, tile_rows: int, words: int, lanes: int, parts: int = 1
) -> npt.NDArray[np.int64]:
    """Beats [n, lanes] of a matrix in tile order; padding holds 0."""
    rows, channels = values.shape
    row_tiles, tiles = -(-rows // tile_rows), -(-channels // (words * lanes))
    padded = np.zeros((row_tiles * tile_rows, tiles * words * lanes), np.int64)
    padded[:rows, :channels] = values
    split = padded.reshape(row_tiles, tile_rows, tiles, words, lanes)
    return split.transpose(0, 2, 1, 3, 4).reshape(-1, lanes)


def q_stream(beats: npt.NDArray[np.int64]) -> Beats:
    """Beats of bytes; TLAST is not used by the writers."""
    return Beats(np.ascontiguousarray(beats.astype(np.uint8)), np.zeros(len(beats), np.uint8))


def random_q(rng: np.random.Generator, rows: int, columns: int, bits: int, signed: bool) -> Int64:
    """q of the whole range of a format."""
    if bits == 1 and signed:
        return 2 * rng.integers(0, 2, (rows, columns)) - 1
    low = -(1 << bits - 1) if signed else 0
    return rng.integers(low, low + (1 << bits), (rows, columns))


@dataclass
class Operands:
    """Expected operand streams: beats with a mask of the bytes that count, TLAST at the end of each job."""

    data: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    known: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    last: list[npt.NDArray[np.uint8]] = field(default_factory=list)

    def add(self, beats: npt.NDArray[np.uint8], rows: int, per_beat: int) -> None:
        """Append a job: beats [tiles, planes, words, rows of a tile, bytes], of which ``rows`` are true."""
        tiles, _, _, tile_rows, size = beats.shape
        row = np.arange(tiles)[:, None] * tile_rows + np.arange(tile_rows)
        true = np.broadcast_to((row < rows)[:, None, None, :, None], beats.shape)
        self.data.append(beats.reshape(-1, per_beat * size))
        self.known.append(true.reshape(-1, per_beat * size))
        last = np.zeros(len(self.data[-1]), np.uint8)
        last[-1] = 1
        self.last.append(last)

    @property
    def beats(self) -> int:
        return sum(map(len, self.data))

    def equal(self, got: Beats) -> bool:
        """Whether a stream is the expected one wherever its content is defined."""
        data, known = np.concatenate(self.data), np.concatenate(self.known)
        return np.array_equal(data[known], got.data[known]) and np.array_equal(
            np.concatenate(self.last), got.last
        )
