# SPDX-License-Identifier: Apache-2.0
"""Rules on C++ that Vitis HLS cannot synthesize (UG1399, "Unsupported C/C++ Constructs"), on clang's AST.

Templates are looked at as they are written. A call that depends on a template parameter has no known
target there, so recursion through one is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .hls_check_clang import Tree, clang_module, includes, real, walk

Found = tuple[Path, int, str, str]
"""File, line, rule, text."""

HEADERS = re.compile(
    r"(ap_\w+|hls_(stream|vector|burst_maxi|task|np_channel)\.h|ap_\w+\.h|cstdint|cstddef|climits|limits"
    r"|type_traits|utility|stdint\.h|stddef\.h|limits\.h|hls_stream\.h)"
)
"""Headers of the system or the vendor that synthesizable sources may include."""
STANDARD_NAMES = re.compile(
    r"u?int(8|16|32|64|max|ptr)_t|size_t|ptrdiff_t|nullptr_t|numeric_limits|integral_constant|true_type"
    r"|false_type|conditional|enable_if|is_\w+|remove_\w+|make_(un)?signed|declval|move|forward|decay"
)
ALLOCATORS = {"malloc", "calloc", "realloc", "free", "alloca", "aligned_alloc", "posix_memalign"}
MARKER = re.compile(r"//\s*hls_check: unbounded, \S")
"""On a loop's line or the line before: the reason why it may be without an end."""
_FLOATS = ("FLOAT", "DOUBLE", "LONGDOUBLE", "FLOAT128", "HALF")
_SIMPLE = {
    "CXX_NEW_EXPR": ("dynamic-memory", "new is dynamic memory; use an array of fixed size"),
    "CXX_DELETE_EXPR": ("dynamic-memory", "delete is dynamic memory; use an array of fixed size"),
    "CXX_THROW_EXPR": ("exception", "throw cannot be synthesized; return an error code"),
    "CXX_TRY_STMT": ("exception", "try cannot be synthesized; return an error code"),
    "CXX_DYNAMIC_CAST_EXPR": ("virtual", "dynamic_cast needs run-time types; choose by a template"),
    "CXX_TYPEID_EXPR": ("virtual", "typeid needs run-time types; choose by a template"),
    "FLOATING_LITERAL": ("floating-point", "a floating-point constant; use ap_int or ap_uint"),
}


def rule_findings(tree: Tree) -> Iterator[Found]:
    """Everything that the checked files of ``tree`` break, pragmas apart."""
    for path, line, name in includes(tree):
        if not (path.parent / name).is_file() and not name.endswith(".hpp") and not HEADERS.fullmatch(name):
            text = f"<{name}> is not for synthesis; put what needs it behind #ifndef __SYNTHESIS__"
            yield path, line, "standard-library", text
    lines = {path: path.read_text(encoding="utf-8").splitlines() for path in tree.files}
    for top in tree.children():
        for cursor in walk(top):
            for rule, text in _faults(cursor, lines):
                yield real(cursor.location.file.name), cursor.location.line, rule, text
    yield from _recursions(tree)


def _faults(cursor: Any, lines: dict[Path, list[str]]) -> Iterator[tuple[str, str]]:
    kind = cursor.kind.name
    if kind in _SIMPLE:
        yield _SIMPLE[kind]
    elif kind == "CALL_EXPR" and cursor.spelling in ALLOCATORS:
        yield "dynamic-memory", f"{cursor.spelling}() is dynamic memory; use an array of fixed size"
    elif kind in ("WHILE_STMT", "DO_STMT", "FOR_STMT"):
        yield from _loop_faults(cursor, lines)
    elif kind in ("VAR_DECL", "PARM_DECL", "FIELD_DECL", "TYPEDEF_DECL", "TYPE_ALIAS_DECL"):
        yield from _type_faults(cursor.spelling, cursor.type)
    elif kind in ("FUNCTION_DECL", "CXX_METHOD", "FUNCTION_TEMPLATE"):
        yield from _type_faults(f"{cursor.spelling}()", cursor.result_type)
        if kind == "CXX_METHOD" and cursor.is_virtual_method():
            yield "virtual", f"{cursor.spelling}() is virtual; choose by a template parameter"
    elif kind in ("TYPE_REF", "TEMPLATE_REF", "DECL_REF_EXPR", "OVERLOADED_DECL_REF"):
        yield from _standard_faults(cursor)


def _type_faults(name: str, kind: Any) -> Iterator[tuple[str, str]]:
    bare = kind.get_canonical()
    while bare.kind.name in ("CONSTANTARRAY", "INCOMPLETEARRAY", "DEPENDENTSIZEDARRAY", "LVALUEREFERENCE"):
        inner = bare.get_pointee() if bare.kind.name == "LVALUEREFERENCE" else bare.element_type
        bare = inner.get_canonical()
    pointee = bare.get_pointee().get_canonical() if bare.kind.name == "POINTER" else bare
    if bare.kind.name == "MEMBERPOINTER" or pointee.kind.name == "FUNCTIONPROTO":
        yield "function-pointer", f"{name} is a pointer to a function; choose by a template parameter"
    if bare.kind.name == "POINTER" and pointee.kind.name == "POINTER":
        yield "pointer-to-pointer", f"{name} points to a pointer; pass an array and an index"
    if pointee.kind.name in _FLOATS:
        yield "floating-point", f"{name} is floating point; use ap_int or ap_uint"


def _standard_faults(cursor: Any) -> Iterator[tuple[str, str]]:
    target = cursor.referenced
    while target is not None and target.semantic_parent is not None:
        parent = target.semantic_parent
        if parent.kind.name == "NAMESPACE" and parent.spelling == "std":
            if not STANDARD_NAMES.fullmatch(target.spelling):
                text = f"std::{target.spelling} is no part of synthesis; use arrays, ap_int and hls::stream"
                yield "standard-library", text
            return
        if parent.kind.name == "NAMESPACE" and not parent.spelling.startswith("_"):
            return
        target = parent


def _loop_faults(cursor: Any, lines: dict[Path, list[str]]) -> Iterator[tuple[str, str]]:
    tokens = [token.spelling for token in cursor.get_tokens()]
    keyword = tokens[0] if tokens else ""
    if keyword == "do":
        start = len(tokens) - 1 - tokens[::-1].index("while")
        condition = _parenthesis(tokens[start + 1 :])
    else:
        condition = _parenthesis(tokens[1:])
    if keyword == "for":
        condition = _split(condition)[1]
    constant = condition == ["true"] or (len(condition) == 1 and re.fullmatch(r"[1-9]\w*", condition[0]))
    if condition and not constant:
        return
    text = lines[real(cursor.location.file.name)]
    line = cursor.location.line
    if not any(MARKER.search(text[i]) for i in (line - 2, line - 1) if 0 <= i < len(text)):
        yield (
            "unbounded-loop",
            f"this {keyword} has no bound; give it one, or a comment // hls_check: unbounded, REASON",
        )


def _parenthesis(tokens: list[str]) -> list[str]:
    depth = 0
    for at, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return tokens[1:at]
    return tokens[1:]


def _split(tokens: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in "([{") - (token in ")]}")
        if token == ";" and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [*parts, [], []]


def _recursions(tree: Tree) -> Iterator[Found]:
    """Functions of the checked files that can reach themselves."""
    bodies: dict[str, Any] = {}
    calls: dict[str, set[str]] = {}
    ended: set[str] = set()  # templates with a full specialization: recursion that ends at compile time
    kinds = ("FUNCTION_DECL", "CXX_METHOD", "FUNCTION_TEMPLATE", "CONSTRUCTOR", "CONVERSION_FUNCTION")
    template_of = clang_module().conf.lib.clang_getSpecializedCursorTemplate
    for top in tree.children():
        for cursor in walk(top):
            if cursor.kind.name in kinds and cursor.is_definition():
                bodies[cursor.get_usr()] = cursor
                calls[cursor.get_usr()] = set(_targets(cursor))
                general = template_of(cursor)
                if general is not None:
                    ended.add(general.get_usr())
    for name, cursor in bodies.items():
        if name not in ended and name in _reached(calls, name):
            text = f"{cursor.spelling}() calls itself, at least through others; write a loop"
            yield real(cursor.location.file.name), cursor.location.line, "recursion", text


def _targets(function: Any) -> Iterator[str]:
    library = clang_module().conf.lib
    for cursor in walk(function):
        if cursor.kind.name == "OVERLOADED_DECL_REF":
            for i in range(library.clang_getNumOverloadedDecls(cursor)):
                yield library.clang_getOverloadedDecl(cursor, i).get_usr()
        elif cursor.kind.name in ("CALL_EXPR", "DECL_REF_EXPR", "MEMBER_REF_EXPR"):
            target = cursor.referenced
            if target is not None:
                general = library.clang_getSpecializedCursorTemplate(target)
                yield (general if general is not None else target).get_usr()


def _reached(calls: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    open_ = list(calls.get(start, ()))
    while open_:
        name = open_.pop()
        if name not in seen:
            seen.add(name)
            open_ += calls.get(name, ())
    return seen
