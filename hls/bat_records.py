# SPDX-License-Identifier: Apache-2.0
"""Records that the units of the RTL accelerator hand to each other, as in ``rtl/bat_pkg.sv``.

Each class has the fields of its packed struct in order; `WIDTHS` gives their bits, first field in
the highest bits. Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import IntEnum
from typing import Any


class Act(IntEnum):
    """``act_source_t``."""

    X = 0
    Q = 1
    P = 2
    CTX = 3
    MID = 4


class Weight(IntEnum):
    """``weight_source_t``."""

    MEMORY = 0
    K = 1
    V = 2


class Target(IntEnum):
    """``target_t``."""

    Q = 0
    K = 1
    V = 2
    SOFTMAX = 3
    CTX = 4
    MID = 5
    RESIDUAL = 6


class Kind(IntEnum):
    """``kind_t``: how planes make a value."""

    UNSIGNED = 0
    SIGNED = 1
    BIPOLAR = 2
    TERNARY = 3


class Data(IntEnum):
    """``data_t``: where beats of memory go."""

    DESCRIPTOR = 0
    WEIGHT = 1
    QU_CONSTANT = 2
    VU_CONSTANT = 3
    LN_CONSTANT = 4


@dataclass(frozen=True)
class Work:
    """One layer of one sequence of ``rows`` tokens."""

    from_input: bool
    last_layer: bool
    slot: int
    layer: int
    rows: int


@dataclass(frozen=True)
class Scale:
    """``(a * m + c) >> shift``, and the format of the result; m and c count where ``common``."""

    c: int = 0
    m: int = 0
    shift: int = 0
    bits: int = 0
    is_signed: bool = False
    common: bool = False


@dataclass(frozen=True)
class Job:
    """One product: rows x k_bits times k_bits x channels (``job_t``)."""

    act: Act
    weight: Weight
    target: Target
    act_kind: Kind
    act_planes: int
    weight_kind: Kind
    weight_planes: int
    two_part: bool
    bank: int
    first: bool
    last: bool
    head: int
    rows: int
    k_bits: int
    k_words: int
    channels: int
    token_tiles: int
    output_tiles: int
    act_word: int
    channel_base: int
    head_channels: int
    head_stride: int
    scale: Scale

    @property
    def tile_steps(self) -> int:
        """Clocks in which the engine takes operands for one tile of results."""
        return self.act_planes * self.weight_planes * self.k_words

    @property
    def steps(self) -> int:
        """Clocks in which the engine takes operands."""
        return self.tile_steps * self.token_tiles * self.output_tiles

    @property
    def binary_macs(self) -> int:
        """Products of one bit with one bit, padding not counted."""
        values = self.rows * self.channels * (2 if self.two_part else 1)
        return values * self.k_bits * self.act_planes * self.weight_planes


@dataclass(frozen=True)
class Read:
    """A run of ``bytes`` bytes of memory."""

    data: Data
    address: int
    bytes: int


@dataclass(frozen=True)
class Entry:
    """A work item at the module's entry."""

    work: Work
    bank: int
    channels: int
    scale: Scale


@dataclass(frozen=True)
class SoftmaxConfig:
    """``softmax_pkg::config_t``."""

    spare: int
    bits: int
    reciprocal: int
    shift: int
    scale_shift: int
    scale: int
    rows: int
    keys: int


@dataclass(frozen=True)
class ScaleConfig:
    """``vector_pkg::job_t``: config beat of QU and VU."""

    rows: int
    tile_rows: int
    tiles: int
    words: int
    channels: int
    shift: int
    bits: int
    zero: int
    is_signed: bool
    common: bool


@dataclass(frozen=True)
class NormConfig:
    """``vector_pkg::norm_job_t``: config beat of LN."""

    epsilon: int
    rows: int
    words: int
    channels: int
    shift: int


_SCALE = (46, 16, 6, 4, 1, 1)
_WORK = (1, 1, 1, 8, 16)
WIDTHS: dict[type, tuple[int, ...]] = {
    Work: _WORK,
    Scale: _SCALE,
    Job: (3, 2, 3, 4, 4, 4, 4, 1, 1, 1, 1, 8, *(16,) * 10, sum(_SCALE)),
    Read: (3, 64, 32),
    Entry: (sum(_WORK), 1, 16, sum(_SCALE)),
    SoftmaxConfig: (20, 4, 40, 8, 8, 16, 16, 16),
    ScaleConfig: (16, 16, 16, 16, 16, 8, 4, 2, 1, 1),
    NormConfig: (40, 16, 16, 16, 8),
}
"""Record -> bits of its fields."""


def record_bits(kind: type) -> int:
    """Bits of a packed record."""
    return sum(WIDTHS[kind])


def pack(record: Any) -> int:
    """Return a record as the bits of its packed struct.

    Raises:
        ValueError: a field does not fit its bits.
    """
    value = 0
    for field, width in zip(fields(record), WIDTHS[type(record)], strict=True):
        part = getattr(record, field.name)
        bits = pack(part) if is_dataclass(part) else int(part)
        if not -(1 << (width - 1)) <= bits < 1 << width:
            raise ValueError(f"{type(record).__name__}.{field.name} is {bits}, more than {width} bits")
        value = value << width | (bits & ((1 << width) - 1))
    return value


def difference(found: int, expected: Any) -> str:
    """Name the fields in which packed ``found`` differs from the record ``expected``; empty if none."""
    names, left = [], found
    pairs = list(zip(fields(expected), WIDTHS[type(expected)], strict=True))
    for field, width in reversed(pairs):
        part, mask = getattr(expected, field.name), (1 << width) - 1
        want = (pack(part) if is_dataclass(part) else int(part)) & mask
        if left & mask != want:
            names.append(f"{field.name} {left & mask} not {want}")
        left >>= width
    return "; ".join(reversed(names)) + (f"; bits above {left}" if left else "")
