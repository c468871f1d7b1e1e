# SPDX-License-Identifier: Apache-2.0
"""What the readers of AMD's reports share: numbers, and a unit in the form of ``batflow synth``."""

from __future__ import annotations

from typing import Any

from batflow.errors import FormatError

SOURCE = "synthesis"
"""Source of figures that the vendor's synthesis gave; they exist only where somebody ran it."""

Tree = dict[str, Any]
"""A unit in the form of ``batflow synth``; a count is None where the report does not give it."""


def number(text: str, remedy: str) -> float:
    """``text`` as a number, whole ones as int.

    Raises:
        FormatError: it is none.
    """
    try:
        value = float(text.replace(",", ""))
    except ValueError as exc:
        raise FormatError(f"{text!r} stands where the report has a number; {remedy}") from exc
    return int(value) if value.is_integer() else value


def unit(name: str, module: str, counts: dict[str, float | None]) -> Tree:
    """One unit without children; counts that are not given are 0."""
    empty = dict.fromkeys(("lut", "lut_memory", "lc", "ff", "carry", "bram36", "uram", "dsp"), 0)
    return {"name": name, "module": module, "count": 1, **empty, **counts, "children": []}
