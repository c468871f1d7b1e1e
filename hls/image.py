# SPDX-License-Identifier: Apache-2.0
"""image.bin: the form of the EncoderProgram that the accelerator reads from memory.

:data:`DESCRIPTOR_FIELDS` is the one source of the layout;
:func:`c_header` makes the C++ view of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from .packing import BLOCK_ROWS, KINDS, Int64, Words, pack_blocks
from .program import DYADICS, MATRICES, NORMS, SITES, EncoderProgram, Layer, Matrix

MAGIC = 0x32474F5250544142
HEADER_WORDS = 16
ALIGN = 64

DESCRIPTOR_FIELDS: tuple[str, ...] = (
    *(f"{site}_bits" for site in SITES),
    *(f"{name}_{part}" for name in DYADICS for part in ("m", "c", "shift")),
    *(f"{name}_{part}" for name in MATRICES for part in ("kind", "weight", "constants", "shift")),
    "softmax_scale",
    "softmax_scale_shift",
    "softmax_reciprocal",
    "softmax_shift",
    *(f"{name}_{part}" for name in NORMS for part in ("constants", "shift", "epsilon")),
)
"""Fields of a layer descriptor, one signed 64-bit word each; ``_weight`` and ``_constants`` are
byte offsets from the image's start (dyadic ``_m`` and ``_c`` are values)."""

DESCRIPTOR_WORDS = -(-len(DESCRIPTOR_FIELDS) // 8) * 8
"""Words of a descriptor: the fields and zeros up to a multiple of 64 bytes."""
DESCRIPTOR_BYTES = DESCRIPTOR_WORDS * 8


@dataclass
class _Builder:
    """Appends aligned sections behind the header and the descriptors."""

    start: int
    sections: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.end = self.start

    def add(self, words: Words) -> int:
        """Append ``words``; return their byte offset."""
        offset = -(-self.end // ALIGN) * ALIGN
        data = np.ascontiguousarray(words).astype("<u8").tobytes()
        self.sections.append((offset, data))
        self.end = offset + len(data)
        return offset


def pack_constants(multipliers: Int64, offsets: Int64) -> Words:
    """Return one word a channel, ``(C mod 2^46) << 16 | (M mod 2^16)``; WTWS: that with M1, then M2.

    Args:
        multipliers: M or G [parts, channels].
        offsets: C or B [channels].
    """
    words = multipliers.astype(np.int64).T.astype(np.uint64) & np.uint64(0xFFFF)
    words[:, 0] |= (offsets.astype(np.uint64) & np.uint64((1 << 46) - 1)) << np.uint64(16)
    return words.ravel()


def _weight_section(matrix: Matrix) -> Words:
    """Return the weights in the order of the engines: blocks of 16 rows (docs/contracts.md).

    The two parts of WTWS become rows of one plane: row 2 * channel + part.
    """
    planes = matrix.weight
    if matrix.kind == "wtws":
        planes = planes.transpose(1, 0, 2).reshape(1, -1, planes.shape[2])
    return pack_blocks(planes).ravel()


def _descriptor(layer: Layer, builder: _Builder) -> dict[str, int]:
    values: dict[str, int] = {f"{site}_bits": layer.formats[site].bits for site in SITES}
    for name in DYADICS:
        dyadic = layer.dyadics[name]
        values |= {f"{name}_m": dyadic.M, f"{name}_c": dyadic.C, f"{name}_shift": dyadic.shift}
    for name in MATRICES:
        matrix = layer.matrices[name]
        values |= {
            f"{name}_kind": KINDS.index(matrix.kind),
            f"{name}_weight": builder.add(_weight_section(matrix)),
            f"{name}_constants": builder.add(pack_constants(matrix.M, matrix.C)),
            f"{name}_shift": matrix.shift,
        }
    values |= {
        "softmax_scale": layer.softmax.scale,
        "softmax_scale_shift": layer.softmax.scale_shift,
        "softmax_reciprocal": layer.softmax.reciprocal,
        "softmax_shift": layer.softmax.shift,
    }
    for name in NORMS:
        norm = layer.norms[name]
        values |= {
            f"{name}_constants": builder.add(pack_constants(norm.gamma[None], norm.beta)),
            f"{name}_shift": norm.shift,
            f"{name}_epsilon": norm.epsilon,
        }
    return values


def build_image(program: EncoderProgram, program_hash: str) -> bytes:
    """Return image.bin for ``program``; ``program_hash`` is its 64-digit SHA-256."""
    shape = program.shape
    table = HEADER_WORDS * 8
    builder = _Builder(table + DESCRIPTOR_BYTES * shape.layers)
    descriptors = b""
    for layer in program.layers:
        values = _descriptor(layer, builder)
        fields = struct.pack(f"<{len(DESCRIPTOR_FIELDS)}q", *(values[f] for f in DESCRIPTOR_FIELDS))
        descriptors += fields.ljust(DESCRIPTOR_BYTES, b"\0")
    total = -(-builder.end // ALIGN) * ALIGN
    dims = (shape.layers, shape.hidden, shape.heads, shape.ffn, shape.max_len)
    header = (MAGIC, total, int(program_hash[:16], 16), *dims, table, DESCRIPTOR_BYTES)
    image = bytearray(total)
    struct.pack_into(f"<{len(header)}Q", image, 0, *header)
    image[table : table + len(descriptors)] = descriptors
    for offset, data in builder.sections:
        image[offset : offset + len(data)] = data
    return bytes(image)


def c_header() -> str:
    """Return ``image_layout.hpp``: header words and descriptor fields as C++ constants."""
    names = (
        "magic",
        "bytes",
        "hash",
        "layers",
        "hidden",
        "heads",
        "ffn",
        "max_len",
        "table",
        "descriptor_bytes",
    )
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// Generated from hls/image.py by `python -m batflow.hls.generate`; do not edit.",
        "#ifndef BATFLOW_IMAGE_LAYOUT_HPP",
        "#define BATFLOW_IMAGE_LAYOUT_HPP",
        "#include <cstdint>",
        "namespace bat {",
        "namespace image {",
        f"constexpr std::uint64_t kMagic = 0x{MAGIC:016X}ULL;",
        f"constexpr unsigned kHeaderWords = {HEADER_WORDS};",
        f"constexpr unsigned kBlockRows = {BLOCK_ROWS};",
        "enum HeaderWord : unsigned {",
        *(f"  H_{name.upper()} = {index}," for index, name in enumerate(names)),
        "};",
        "enum DescriptorField : unsigned {",
        *(f"  D_{name.upper()} = {index}," for index, name in enumerate(DESCRIPTOR_FIELDS)),
        f"  D_COUNT = {DESCRIPTOR_WORDS}",
        "};",
        "enum WeightKind : unsigned {",
        *(f"  K_{kind.upper()} = {index}," for index, kind in enumerate(KINDS)),
        "};",
        "}  // namespace image",
        "}  // namespace bat",
        "#endif",
    ]
    return "\n".join(lines) + "\n"
