# SPDX-License-Identifier: Apache-2.0
"""QU, VU and LN as seen from outside: parameters, jobs, beats, cycle formulas.

The protocol and the formulas are written in ``rtl/vector_pkg.sv`` and in the headers of
``rtl/qu.sv``, ``rtl/vu.sv`` and ``rtl/layernorm.sv``; this file holds the same in Python (ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

from .axis_sim import Beats
from .packing import Int64
from .program import Format

QU_STAGES = 7
VU_STAGES = 8
NORM_STAGES = 16
_INT16 = (-(1 << 15), (1 << 15) - 1)
_WIDE = (1 - (1 << 45), (1 << 45) - 1)  # C of docs/numerics.md, B of LN
_MOST_ROWS = 65535
_BEFORE_ROOT = 22  # clocks from a row's last word to its root, the adder trees not counted


@dataclass(frozen=True)
class VectorConfig:
    """Parameters of ``qu.sv`` and ``vu.sv``; the field names in capitals are those of the module."""

    lanes: int = 8
    parts: int = 1
    max_channels: int = 1536
    acc_bits: int = 32

    def __post_init__(self) -> None:
        _positive(lanes=self.lanes, parts=self.parts, max_channels=self.max_channels, acc_bits=self.acc_bits)

    def parameters(self) -> dict[str, int]:
        """Parameters of the SystemVerilog module."""
        sizes = {"LANES": self.lanes, "PARTS": self.parts, "MAX_CHANNELS": self.max_channels}
        return sizes | {"ACC_BITS": self.acc_bits}


@dataclass(frozen=True)
class NormConfig:
    """Parameters of ``layernorm.sv``; the field names in capitals are those of the module."""

    lanes: int = 8
    max_hidden: int = 384
    banks: int = 3

    def __post_init__(self) -> None:
        _positive(lanes=self.lanes, max_hidden=self.max_hidden, banks=self.banks)

    def parameters(self) -> dict[str, int]:
        """Parameters of the SystemVerilog module."""
        return {"LANES": self.lanes, "MAX_HIDDEN": self.max_hidden, "BANKS": self.banks}


@dataclass(frozen=True)
class ScaleJob:
    """One matrix for QU or VU.

    ``accs`` int64 [parts, rows, channels], ``M`` int64 [parts, channels] or [parts, 1], ``C`` int64
    [channels] or [1] (one in all). ``target`` is QU's format, ``h`` [rows, channels] VU's residual.
    Beats come in tiles of ``tile_rows`` rows and ``tile_words`` words of LANES values; 0 words: whole
    rows. (tokens, outputs / lanes) is the order in which the QMM engine leaves its results.
    """

    accs: Int64
    M: Int64
    C: Int64
    shift: int
    target: Format | None = None
    h: Int64 | None = None
    tile_rows: int = 1
    tile_words: int = 0

    @property
    def common(self) -> bool:
        """One M and C for all channels."""
        return self.C.shape[0] == 1

    def grid(self, lanes: int) -> tuple[int, int, int, int]:
        """(row tiles, column tiles, rows of a tile, words of a tile's row)."""
        _, rows, channels = self.accs.shape
        words = self.tile_words or -(-channels // lanes)
        return -(-rows // self.tile_rows), -(-channels // (words * lanes)), self.tile_rows, words

    def beats(self, lanes: int) -> int:
        """Data beats of the job."""
        return int(np.prod(self.grid(lanes)))

    @property
    def constant_beats(self) -> int:
        """Constants beats of the job, config included."""
        return 2 if self.common else 1 + self.accs.shape[2]


@dataclass(frozen=True)
class NormJob:
    """One matrix r int64 [rows, d] for LN with ``gamma``, ``beta`` int64 [d], n and E."""

    r: Int64
    gamma: Int64
    beta: Int64
    shift: int
    epsilon: int

    def words(self, lanes: int) -> int:
        """Beats of one row."""
        return -(-self.r.shape[1] // lanes)


def _positive(**values: int) -> None:
    small = {name: value for name, value in values.items() if value < 1}
    if small:
        given = ", ".join(f"{name} {value}" for name, value in small.items())
        raise InputError(f"unit parameters must be >= 1; given {given}")


def job_cycles(jobs: Sequence[ScaleJob], lanes: int, stages: int) -> int:
    """Clocks of jobs sent back to back to an idle QU or VU without stalls (``qu.sv``, ``vu.sv``)."""
    loaded, ends = 1, [-stages, -stages]
    for job in jobs:
        loaded = max(loaded, ends[-2] + stages) + job.constant_beats
        ends.append(max(ends[-1], loaded) + job.beats(lanes))
    return ends[-1] + stages + 1


def norm_cycles(config: NormConfig, jobs: Sequence[NormJob]) -> int:
    """Clocks of jobs sent back to back to an idle LN without stalls (``layernorm.sv``)."""
    latency = _BEFORE_ROOT + max(1, (config.lanes - 1).bit_length())
    constants, load = 1, 0
    row_ends = [0] * config.banks
    job_ends = [-NORM_STAGES] * 2
    for job in jobs:
        taken = max(constants, job_ends[-2] + NORM_STAGES)
        constants = taken + 1 + job.r.shape[1]
        words = job.words(config.lanes)
        for _ in range(job.r.shape[0]):
            load = max(load, taken + 1, row_ends[-config.banks]) + words
            row_ends.append(max(row_ends[-1], load + latency, constants) + words)
        job_ends.append(row_ends[-1])
    return job_ends[-1] + NORM_STAGES + 1


def _check_range(what: str, values: npt.ArrayLike, bounds: tuple[int, int]) -> None:
    array = np.asarray(values)
    low, high = bounds
    if array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{what} must be non-empty integers, not {array.dtype} {array.shape}")
    if array.min() < low or array.max() > high:
        raise InputError(f"{what} reaches {array.min()}..{array.max()}; {low}..{high} is allowed")


def _check_shape(what: str, found: tuple[int, ...], allowed: Sequence[tuple[int, ...]]) -> None:
    if found not in allowed:
        raise InputError(f"{what} has shape {found}; {' or '.join(map(str, allowed))} is needed")


def check_scale(config: VectorConfig, job: ScaleJob) -> None:
    """Refuse a QU or VU job whose shapes or integers the unit cannot take.

    Raises:
        InputError: what is wrong, and what is allowed.
    """
    most = 1 << config.acc_bits - 1
    _check_range("accumulators", job.accs, (-most, most - 1))
    if job.accs.ndim != 3 or len(job.accs) != config.parts:
        raise InputError(f"accumulators {job.accs.shape} must be [{config.parts}, rows, channels]")
    parts, rows, channels = job.accs.shape
    _check_shape("M", job.M.shape, [(parts, channels), (parts, 1)])
    _check_shape("C", job.C.shape, [job.M.shape[1:]])
    _check_range("M", job.M, _INT16)
    _check_range("C", job.C, _WIDE)
    _check_range("shift", job.shift, (0, 40))
    _check_range("rows", rows, (1, _MOST_ROWS))
    if job.h is not None:
        _check_shape("h", job.h.shape, [(rows, channels)])
        _check_range("h", job.h, _INT16)
    _, tiles, _, words = job.grid(config.lanes)
    columns = tiles * words * config.lanes
    room = -(-config.max_channels // config.lanes) * config.lanes
    if channels > config.max_channels or columns > room:
        raise InputError(
            f"{channels} channels in tiles of {words * config.lanes} do not fit a unit "
            f"of {config.max_channels}; enlarge max_channels"
        )


def check_norm(config: NormConfig, job: NormJob) -> None:
    """Refuse an LN job whose shapes or integers the unit cannot take.

    Raises:
        InputError: what is wrong, and what is allowed.
    """
    _check_range("r", job.r, _INT16)
    if job.r.ndim != 2:
        raise InputError(f"r has shape {job.r.shape}; [rows, d] is needed")
    rows, length = job.r.shape
    _check_range("rows", rows, (1, _MOST_ROWS))
    _check_range("d", length, (1, config.max_hidden))
    _check_shape("gamma", job.gamma.shape, [(length,)])
    _check_shape("beta", job.beta.shape, [(length,)])
    _check_range("gamma", job.gamma, _INT16)
    _check_range("beta", job.beta, _WIDE)
    _check_range("shift", job.shift, (0, 40))
    _check_range("epsilon", job.epsilon, (1, (1 << 40) - 1))


def _constants(config: int, first: Int64, second: Int64, wide: Int64) -> Beats:
    """Constants beats: ``config``, then {second int32, first int32, wide int64} a channel."""
    data = np.zeros((len(wide) + 1, 16), np.uint8)
    data[0] = np.frombuffer(config.to_bytes(16, "little"), np.uint8)
    data[1:, :8] = wide.astype("<i8").view(np.uint8).reshape(-1, 8)
    data[1:, 8:12] = first.astype("<i4").view(np.uint8).reshape(-1, 4)
    data[1:, 12:] = second.astype("<i4").view(np.uint8).reshape(-1, 4)
    return stream(data)


def stream(data: npt.NDArray[np.uint8]) -> Beats:
    """Beats with TLAST on the last."""
    last = np.zeros(len(data), np.uint8)
    last[-1] = 1
    return Beats(np.ascontiguousarray(data), last)


def scale_constants(job: ScaleJob, lanes: int) -> Beats:
    """Constants stream of a QU or VU job (``vector_pkg::job_t``)."""
    _, rows, channels = job.accs.shape
    _, tiles, tile_rows, words = job.grid(lanes)
    value = job.common | channels << 16 | words << 32 | tiles << 48 | tile_rows << 64 | rows << 80
    value |= job.shift << 8
    if job.target is not None:
        value |= job.target.bits << 4 | job.target.signed << 1
    second = job.M[1] if len(job.M) > 1 else np.zeros_like(job.M[0])
    return _constants(value, job.M[0], second, job.C)


def norm_constants(job: NormJob, lanes: int) -> Beats:
    """Constants stream of an LN job (``vector_pkg::norm_job_t``)."""
    rows, length = job.r.shape
    value = job.shift | length << 8 | job.words(lanes) << 24 | rows << 40 | job.epsilon << 56
    return _constants(value, job.gamma, np.zeros_like(job.gamma), job.beta)


def tile_beats(values: Int64, grid: tuple[int, int, int, int], lanes: int, dtype: str) -> Beats:
    """Beats of a matrix [rows, channels] or [rows, channels, parts] in tile order, padded with 0."""
    row_tiles, tiles, tile_rows, words = grid
    whole = values.reshape(*values.shape[:2], -1)
    rows, channels, parts = whole.shape
    padded = np.zeros((row_tiles * tile_rows, tiles * words * lanes, parts), dtype)
    padded[:rows, :channels] = whole
    split = padded.reshape(row_tiles, tile_rows, tiles, words, lanes * parts)
    return stream(split.transpose(0, 2, 1, 3, 4).copy().view(np.uint8).reshape(int(np.prod(grid)), -1))


def untile(beats: npt.NDArray[np.uint8], grid: tuple[int, int, int, int], lanes: int, dtype: str) -> Int64:
    """Undo `tile_beats` for results of one part: int64 [row tiles * tile rows, tiles * words * lanes]."""
    row_tiles, tiles, tile_rows, words = grid
    values = beats.reshape(-1).view(dtype).reshape(row_tiles, tiles, tile_rows, words * lanes)
    ordered = values.transpose(0, 2, 1, 3).reshape(row_tiles * tile_rows, tiles * words * lanes)
    return ordered.astype(np.int64)
