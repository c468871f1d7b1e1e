# SPDX-License-Identifier: Apache-2.0
"""Where HLS pragmas stand: in which block, before what, and whether what they name is declared there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hls_check_clang import Tree, real, skipped
from .hls_check_pragmas import Pragma, find_pragmas, pragma_faults
from .hls_check_rules import Found
from .hls_check_table import ANY, FUNCTION, LOOP, REGION, TOP, PragmaForm

_FUNCTIONS = ("FUNCTION_DECL", "FUNCTION_TEMPLATE", "CXX_METHOD", "CONSTRUCTOR", "DESTRUCTOR", "LAMBDA_EXPR")
_LOOPS = ("FOR_STMT", "WHILE_STMT", "DO_STMT", "CXX_FOR_RANGE_STMT")
_DECLARATIONS = ("DECL_STMT", "NULL_STMT", "STATIC_ASSERT")


@dataclass(frozen=True)
class Block:
    """A body in braces: its bytes, what it is the body of, libclang's cursor of it and its function's."""

    start: int
    end: int
    kind: str
    body: Any
    function: Any

    def holds(self, offset: int) -> bool:
        """Whether byte ``offset`` lies inside."""
        return self.start < offset < self.end


@dataclass(frozen=True)
class Names:
    """A declared name, the bytes in which it can be used, and whether it is a function's parameter."""

    name: str
    start: int
    end: int
    parameter: bool


@dataclass
class Layout:
    """Blocks and names of one file."""

    blocks: list[Block]
    names: list[Names]

    def innermost(self, offset: int) -> Block | None:
        """The smallest block around ``offset``."""
        around = [block for block in self.blocks if block.holds(offset)]
        return min(around, key=lambda block: block.end - block.start, default=None)

    def visible(self, name: str, offset: int) -> Names | None:
        """The innermost ``name`` that is declared before ``offset`` in a scope around it."""
        found = [n for n in self.names if n.name == name and n.start < offset < n.end]
        return max(found, key=lambda n: n.start, default=None)


def pragma_findings(tree: Tree, top: str) -> Iterator[Found]:
    """Everything wrong with the pragmas of the files of ``tree``; ``top`` names the top function."""
    layouts = _layouts(tree)
    for path in sorted(tree.files & {real(i.include.name) for i in tree.unit.get_includes()}):
        left_out = skipped(tree, path)
        layout = layouts.get(path, Layout([], []))
        for pragma in find_pragmas(path.read_bytes()):
            if any(start <= pragma.offset < end for start, end in left_out):
                continue
            faults = pragma_faults(pragma)
            for rule, text in faults or _place_faults(pragma, layout, top):
                yield path, pragma.line, rule, text
            if pragma.name == "dataflow" and not faults:
                yield from _form_faults(path, pragma, layout)


def _layouts(tree: Tree) -> dict[Path, Layout]:
    layouts: dict[Path, Layout] = {path: Layout([], []) for path in tree.files}
    for cursor in tree.children():
        layout = layouts[real(cursor.location.file.name)]
        _collect(cursor, tree.unit.cursor, None, 1 << 62, layout)
    return layouts


def _collect(cursor: Any, parent: Any, function: Any, scope_end: int, layout: Layout) -> None:
    kind, extent = cursor.kind.name, cursor.extent
    if kind in ("VAR_DECL", "PARM_DECL", "FIELD_DECL"):
        layout.names.append(Names(cursor.spelling, extent.start.offset, scope_end, kind == "PARM_DECL"))
    if kind in _FUNCTIONS:
        function = cursor
        scope_end = extent.end.offset
    if kind == "COMPOUND_STMT":
        holder = parent.kind.name
        form = FUNCTION if holder in _FUNCTIONS else LOOP if holder in _LOOPS else REGION
        layout.blocks.append(Block(extent.start.offset, extent.end.offset, form, cursor, function))
    if kind in ("COMPOUND_STMT", *_LOOPS):
        scope_end = extent.end.offset
    for child in cursor.get_children():
        _collect(child, cursor, function, scope_end, layout)


def _place_faults(pragma: Pragma, layout: Layout, top: str) -> Iterator[tuple[str, str]]:
    form = pragma.form
    if form is None:
        return
    title = f"#pragma HLS {pragma.name}"
    block = layout.innermost(pragma.offset)
    if block is None:
        yield "pragma-place", f"{title} stands outside every function body; move it into one"
        return
    if not _is_place(form, block, top):
        places = [f"the {TOP} {top}" if place == TOP else f"a {place}" for place in form.places]
        yield "pragma-place", f"{title} must stand directly in the body of {' or '.join(places)}; move it"
        return
    if form.first:
        before = [c for c in block.body.get_children() if c.extent.start.offset < pragma.offset]
        if any(child.kind.name not in _DECLARATIONS for child in before):
            yield "pragma-place", f"{title} must stand before the statements of its {block.kind}; move it up"
    for option, _ in pragma.options():
        if option in form.loops and block.kind != LOOP:
            yield "pragma-place", f"{title}: {option} is for loops; leave it out in a {block.kind}"
    yield from _name_faults(pragma, title, form, layout)


def _is_place(form: PragmaForm, block: Block, top: str) -> bool:
    is_top = block.kind == FUNCTION and block.function.spelling == top
    return ANY in form.places or block.kind in form.places or (is_top and TOP in form.places)


def _name_faults(pragma: Pragma, title: str, form: PragmaForm, layout: Layout) -> Iterator[tuple[str, str]]:
    for option in ("variable", "port", "ports"):
        if pragma.name == "cache" and option == "ports":  # there a number
            continue
        for value in filter(None, pragma.value(option).split(",")):
            name = re.match(r"\w*", value)
            root = name.group() if name else ""
            if (root == "return" and option == "port") or root == "this":
                continue
            found = layout.visible(root, pragma.offset)
            if found is None:
                text = f"{title}: {root or value} is not declared before it; mend the name"
                yield "pragma-variable", text
            elif form.parameter and not found.parameter:
                yield "pragma-variable", f"{title}: {root} is no parameter of the function; name one"


def _form_faults(path: Path, pragma: Pragma, layout: Layout) -> Iterator[Found]:
    """A DATAFLOW region is declarations and calls (UG1399, "canonical forms")."""
    block = layout.innermost(pragma.offset)
    for child in block.body.get_children() if block is not None else ():
        if child.kind.name not in (*_DECLARATIONS, "CALL_EXPR"):
            text = "a DATAFLOW region holds declarations and calls alone; put this statement into a function"
            yield path, child.location.line, "dataflow-form", text
