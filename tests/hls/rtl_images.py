# SPDX-License-Identifier: Apache-2.0
"""Random images for the sequencer tests: real layout, random numbers in every field and section."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np

from batflow.hls.axis_sim import Bytes
from batflow.hls.bat_jobs import Dimensions, section_commands
from batflow.hls.image import DESCRIPTOR_BYTES, DESCRIPTOR_FIELDS, HEADER_WORDS
from batflow.hls.image_sv import field_limits

from .rtl_benches import ChainConfig

BASE = 0x8_0000_0000
TABLE = HEADER_WORDS * 8
SIZE = DESCRIPTOR_BYTES


@dataclass(frozen=True)
class Model:
    """An image (uint8) with its dimensions and its descriptors, one a layer."""

    image: Bytes
    dims: Dimensions
    layers: tuple[dict[str, int], ...]

    def words(self, address: int, count: int) -> list[int]:
        """``count`` 64-bit words at a bus address."""
        offset = address - BASE
        return [int(v) for v in self.image[offset : offset + 8 * count].view("<u8")]

    def program(self) -> int:
        """The packed ``program_t``."""
        d = self.dims
        sizes = (len(self.layers), d.hidden, d.heads, d.ffn, d.head_size, 65535)
        value = 0
        for part, width in zip(
            (BASE, self.image.size, TABLE, *sizes), (64, 32, 32, 8, *(16,) * 5), strict=True
        ):
            value = value << width | part
        return value


def _random_field(rng: np.random.Generator, name: str, config: ChainConfig) -> int:
    low, high = field_limits(name)
    if name.endswith("_bits"):
        high = config.max_bits
    if name.endswith("_kind") and config.parts == 1:
        high = 0
    ends = [low, high, min(low + 1, high)]
    return ends[int(rng.integers(3))] if rng.random() < 0.2 else int(rng.integers(low, high + 1))


def random_model(rng: np.random.Generator, config: ChainConfig, layers: int = 2, largest: int = 768) -> Model:
    """A model of random shape up to ``largest`` channels; its sections lie in random order with gaps."""
    heads = int(rng.integers(1, min(12, largest // 8) + 1))
    size = 8 * int(rng.integers(max(1, -(-32 // (8 * heads))), largest // (8 * heads) + 1))
    dims = Dimensions(heads * size, heads, 8 * int(rng.integers(4, 2 * largest // 8 + 1)))
    end = TABLE + SIZE * layers
    descriptors = []
    for _ in range(layers):
        fields = {name: _random_field(rng, name, config) for name in DESCRIPTOR_FIELDS}
        names = [n for n in DESCRIPTOR_FIELDS if n.endswith(("_weight", "_constants"))]
        sizes = section_sizes(dims, fields)
        for name in rng.permutation(names):
            end += 64 * int(rng.integers(0, 3))
            fields[str(name)] = end
            end += sizes[str(name)]
        descriptors.append(fields)
    image = rng.integers(0, 256, end, np.uint8)
    model = Model(image, dims, tuple(descriptors))
    for layer in range(layers):
        _write(model, layer)
    return model


def section_sizes(dims: Dimensions, fields: dict[str, int]) -> dict[str, int]:
    """Bytes of each section by the name of its offset field."""
    marked = dict(fields) | {
        name: number
        for number, name in enumerate(DESCRIPTOR_FIELDS)
        if name.endswith(("_weight", "_constants"))
    }
    commands = [c for attention in (True, False) for c in section_commands(dims, marked, attention, 0)]
    return {DESCRIPTOR_FIELDS[c.address]: c.bytes for c in commands}


def _write(model: Model, layer: int) -> None:
    values = [model.layers[layer][name] for name in DESCRIPTOR_FIELDS]
    data = struct.pack(f"<{len(values)}q", *values).ljust(SIZE, b"\0")
    model.image[TABLE + SIZE * layer :][:SIZE] = np.frombuffer(data, np.uint8)


def with_field(model: Model, layer: int, name: str, value: int) -> Model:
    """A copy of ``model`` with one descriptor field changed."""
    fields = [dict(f) for f in model.layers]
    fields[layer][name] = value
    changed = replace(model, image=model.image.copy(), layers=tuple(fields))
    _write(changed, layer)
    return changed
