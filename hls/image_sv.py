# SPDX-License-Identifier: Apache-2.0
"""``image_pkg.sv``: the layout of image.bin, and the range of every descriptor field, as SystemVerilog."""

from __future__ import annotations

from .image import DESCRIPTOR_BYTES, DESCRIPTOR_FIELDS, HEADER_WORDS, MAGIC
from .packing import KINDS
from .program import SITES

_WIDE = (1 << 45) - 1
_ENDINGS: dict[str, tuple[int, int]] = {
    "_bits": (1, 8),
    "_m": (0, (1 << 15) - 1),
    "_c": (-_WIDE, _WIDE),
    "_kind": (0, len(KINDS) - 1),
    "_weight": (HEADER_WORDS * 8, (1 << 32) - 64),
    "_constants": (HEADER_WORDS * 8, (1 << 32) - 64),
    "_epsilon": (1, (1 << 40) - 1),
    "_shift": (0, 40),
}
_SOFTMAX: dict[str, tuple[int, int]] = {
    "softmax_scale": (1, (1 << 15) - 1),
    "softmax_scale_shift": (1, 40),
    "softmax_reciprocal": (1, (1 << 39) - 1),
    "softmax_shift": (1, 46),
}


def field_limits(name: str) -> tuple[int, int]:
    """Lowest and highest value of a descriptor field (docs/numerics.md; offsets behind the header)."""
    if name in _SOFTMAX:
        return _SOFTMAX[name]
    return next(limits for ending, limits in _ENDINGS.items() if name.endswith(ending))


def is_offset(name: str) -> bool:
    """Whether a field is a byte offset of a section, hence a multiple of 64."""
    return name.endswith(("_weight", "_constants"))


def _hex(value: int) -> str:
    return f"64'h{value & ((1 << 64) - 1):016X}"


def _cases(name: str, values: dict[tuple[int, int], list[int]], side: int) -> list[str]:
    """A function of the field's number; fields of equal limits share an arm."""
    lines = [
        f"  function automatic logic signed [63:0] {name}(logic [5:0] field);",
        "    case (field)",
    ]
    for limits, numbers in values.items():
        labels = ", ".join(f"6'd{number}" for number in numbers)
        lines.append(f"      {labels}: return {_hex(limits[side])};")
    return [*lines, "      default: return 64'd0;", "    endcase", "  endfunction"]


def sv_package() -> str:
    """Return ``image_pkg.sv``."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, name in enumerate(DESCRIPTOR_FIELDS):
        groups.setdefault(field_limits(name), []).append(number)
    offsets = sum(1 << number for number, name in enumerate(DESCRIPTOR_FIELDS) if is_offset(name))
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// Generated from hls/image.py by `python -m batflow.hls.generate`; do not edit.",
        "package image_pkg;",
        "  /* verilator lint_off UNUSEDPARAM */",
        f"  localparam logic [63:0] IMAGE_MAGIC = {_hex(MAGIC)};",
        f"  localparam int unsigned HEADER_BYTES = {HEADER_WORDS * 8};",
        f"  localparam int unsigned DESCRIPTOR_BYTES = {DESCRIPTOR_BYTES};",
        f"  localparam int unsigned DESCRIPTOR_FIELDS = {len(DESCRIPTOR_FIELDS)};",
        f"  localparam int unsigned SITES = {len(SITES)};",
        *(
            f"  localparam logic [5:0] D_{name.upper()} = 6'd{number};"
            for number, name in enumerate(DESCRIPTOR_FIELDS)
        ),
        *(f"  localparam logic [1:0] KIND_IS_{kind.upper()} = 2'd{n};" for n, kind in enumerate(KINDS)),
        "  // Fields that are byte offsets of sections, by number.",
        f"  localparam logic [63:0] IS_OFFSET = {_hex(offsets)};",
        "  /* verilator lint_on UNUSEDPARAM */",
        "",
        "  // Lowest and highest value of a field.",
        *_cases("field_low", groups, 0),
        *_cases("field_high", groups, 1),
        "endpackage",
    ]
    return "\n".join(lines) + "\n"
