# SPDX-License-Identifier: Apache-2.0
"""The cases of the comparison: shapes, formats, and how many inputs are compared."""

from __future__ import annotations

from dataclasses import dataclass

from batflow.errors import InputError

FRAMES = 8
"""Random inputs of a case."""
SEED = 5
FORMATS = ("W1A4", "W2A4")
"""Binary and ternary weights, activations of four bits."""


@dataclass(frozen=True)
class Case:
    """One encoder layer: hidden size, heads, tokens of a sequence, format; FFN is 4 x hidden."""

    hidden: int
    heads: int
    length: int
    format: str

    @property
    def shape(self) -> str:
        """Name of the shape, such as h64-2-16."""
        return f"h{self.hidden}-{self.heads}-{self.length}"

    @property
    def name(self) -> str:
        """Name of the case, such as h64-2-16-W1A4."""
        return f"{self.shape}-{self.format}"


CASES = tuple(
    Case(hidden, heads, length, kind)
    for hidden, heads in ((64, 2), (128, 4))
    for length in (16, 32)
    for kind in FORMATS
)
"""Smallest first."""


def choose(shapes: list[str] | None) -> tuple[Case, ...]:
    """The cases of ``shapes`` (shape or case names), or all.

    Raises:
        InputError: an unknown name.
    """
    known = {name for case in CASES for name in (case.shape, case.name)}
    for shape in shapes or []:
        if shape not in known:
            raise InputError(f"shape {shape!r} is unknown; known: {', '.join(sorted(known))}")
    return tuple(case for case in CASES if not shapes or case.shape in shapes or case.name in shapes)
