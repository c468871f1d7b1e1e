# SPDX-License-Identifier: Apache-2.0
"""Merge identical modules of a yosys design, so that each is synthesized once.

The SystemVerilog front end makes a module of its own for every instance. An array of a thousand equal
dot-product units would be optimized and mapped a thousand times. Two modules are identical when their
RTLIL text is, source positions and the numbers of generated names aside, and their instances name
identical modules. Counts multiplied by instances are exact then (method ours).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

_DECLARED = re.compile(r"^\s+(?:wire|cell|memory|process)\b.*\s(\$\S+)$")
_CELL = re.compile(r"^(\s+cell )(\\\S+)( \S+)$")


def modules_of(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """Split RTLIL into its head and its modules; attributes before a module belong to it."""
    head: list[str] = []
    modules: dict[str, list[str]] = {}
    pending: list[str] = []
    inside = ""
    for line in text.splitlines():
        if inside:
            modules[inside].append(line)
            inside = "" if line == "end" else inside
        elif line.startswith("module "):
            inside = line.split()[1]
            modules[inside] = [*pending, line]
            pending = []
        elif line.startswith("attribute "):
            pending.append(line)
        else:
            head.append(line)
    return head, modules


def children_of(lines: Sequence[str]) -> Iterator[str]:
    """Types of the cells of a module, internal ones aside."""
    for line in lines:
        found = _CELL.match(line)
        if found:
            yield found[2]


def _children_first(modules: dict[str, list[str]]) -> list[str]:
    """Names of the modules, every module after those that it instantiates."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        for child in dict.fromkeys(children_of(modules[name])):
            if child in modules:
                visit(child)
        order[name] = None

    for name in modules:
        visit(name)
    return list(order)


def _rename_cells(lines: list[str], same: dict[str, str]) -> list[str]:
    renamed = []
    for line in lines:
        found = _CELL.match(line)
        renamed.append(f"{found[1]}{same.get(found[2], found[2])}{found[3]}" if found else line)
    return renamed


def _fingerprint(lines: list[str]) -> str:
    """Hash of a module's content: no positions, own name left out, generated names numbered in order."""
    names: dict[str, str] = {}
    for line in lines:
        found = _DECLARED.match(line)
        if found:
            names.setdefault(found[1], f"${len(names)}")
    digest = hashlib.sha256()
    for line in lines:
        text = line.strip()
        if text.startswith(("module ", "attribute \\src ", "attribute \\hdlname ")):
            continue
        words = text.split(" ")
        digest.update(" ".join(names.get(word, word) for word in words).encode() + b"\n")
    return digest.hexdigest()


def merge_identical(text: str) -> str:
    """Return the RTLIL ``text`` with one module for every set of identical ones."""
    head, modules = modules_of(text)
    same: dict[str, str] = {}
    first: dict[str, str] = {}
    kept: list[list[str]] = []
    for name in _children_first(modules):
        lines = _rename_cells(modules[name], same)
        same[name] = first.setdefault(_fingerprint(lines), name)
        if same[name] == name:
            kept.append(lines)
    return "\n".join([*head, *(line for lines in kept for line in lines)]) + "\n"


def without_parameters(text: str, modules: Sequence[str]) -> str:
    """Return the RTLIL ``text`` with no parameters on instances of ``modules``.

    A black box keeps those of its source, which mapping would take for a call of a generic module.
    """
    opening = tuple(f"  cell \\{name} " for name in modules)
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("  cell "):
            inside = line.startswith(opening)
        if not (inside and line.startswith("    parameter ")):
            lines.append(line)
    return "\n".join(lines) + "\n"
