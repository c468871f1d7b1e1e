# SPDX-License-Identifier: Apache-2.0
"""Take a mapped yosys design apart, so that LUT mapping sees one module at a time.

For each module that abc9 maps, yosys brings the whole design into another form and back: a design of a
hundred modules pays a hundred times for its size, where one module alone pays for itself. abc9 does not
look across the borders of modules, so nothing of the result is lost (method ours).
"""

from __future__ import annotations

from collections.abc import Sequence

from .synth_merge import children_of, modules_of

_LIBRARY = ("attribute \\blackbox 1", "attribute \\whitebox 1")


def _is_library(lines: Sequence[str]) -> bool:
    """Is it a cell of the device, or a module that was left empty?"""
    head = lines[: next(i for i, line in enumerate(lines) if line.startswith("module "))]
    return any(line in _LIBRARY for line in head)


def _border(name: str, lines: Sequence[str]) -> list[str]:
    """A module with its ports and nothing else."""
    ports = [line for line in lines if line.startswith("  wire ") and _is_port(line)]
    return [_LIBRARY[0], f"module {name}", *ports, "end"]


def _is_port(line: str) -> bool:
    return not {"input", "output", "inout"}.isdisjoint(line.split())


def split_modules(text: str) -> tuple[dict[str, str], list[str]]:
    """Take the RTLIL ``text`` apart.

    Returns the RTLIL of each module with the borders of its parts, by name, and the cells of the library that
    no module uses.
    """
    head, modules = modules_of(text)
    library = [name for name, lines in modules.items() if _is_library(lines)]
    borders = {name: _border(name, lines) for name, lines in modules.items() if name not in library}
    used: set[str] = set()
    alone: dict[str, str] = {}
    for name in borders:
        children = dict.fromkeys(children_of(modules[name]))
        used.update(children)
        parts = [borders[child] for child in children if child in borders]
        lines = [*head, *(line for part in parts for line in part), *modules[name]]
        alone[_plain(name)] = "\n".join(lines) + "\n"
    return alone, [_plain(name) for name in library if name not in used]


def _plain(name: str) -> str:
    return name.removeprefix("\\")
