# SPDX-License-Identifier: Apache-2.0
"""Options of an HLS pragma that do not go together, or not one without the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .hls_check_table import INTEGER_OPERATIONS, STORAGE

Given = Mapping[str, str]
"""Option -> value in lower case, "" for a flag; a word that stands bare is under its option."""


def combination_faults(name: str, given: Given) -> Iterator[str]:
    """What is wrong with the options of pragma ``name`` taken together."""
    if name in _RULES:
        yield from _RULES[name](given)


def _is_off(given: Given) -> bool:
    return given.get("off", "0") in ("", "true", "1")


def _apart(given: Given, one: str, *others: str) -> Iterator[str]:
    if one in given:
        for other in others:
            if other in given:
                yield f"{one} and {other} exclude each other; leave one out"


def _off_alone(given: Given, *others: str) -> Iterator[str]:
    return _apart(given, "off", *others) if _is_off(given) else iter(())


def _one_of(given: Given, *options: str) -> Iterator[str]:
    if not any(option in given for option in options):
        yield f"it needs {' or '.join(f'{option} =' for option in options)}; it would be ignored"


def _split(given: Given) -> Iterator[str]:
    if _is_off(given):
        yield from _apart(given, "off", "type", "factor")
        return
    kind = given.get("type", "complete")
    if kind == "complete" and "factor" in given:
        yield "factor counts for nothing with type = complete; give type = block or cyclic, or leave it out"
    if kind != "complete" and "factor" not in given:
        yield f"type = {kind} needs factor =; add it"


def _alias(given: Given) -> Iterator[str]:
    yield from _one_of(given, "distance", "offset")
    yield from _apart(given, "distance", "offset")
    counts = [len(given[option].split(",")) for option in ("ports", "offset") if option in given]
    if len(set(counts)) > 1:
        yield f"{counts[0]} ports have {counts[1]} offsets; give one for each port"


def _bind_op(given: Given) -> Iterator[str]:
    impl = given.get("impl", "dsp")
    if given.get("op") in INTEGER_OPERATIONS and impl not in ("fabric", "dsp"):
        yield f"op = {given['op']} is of integers and cannot have impl = {impl}; write fabric or dsp"


def _bind_storage(given: Given) -> Iterator[str]:
    impls = STORAGE.get(given.get("type", ""), ())
    if impls and given.get("impl", impls[0]) not in impls:
        yield f"type = {given['type']} cannot have impl = {given['impl']}; known: {', '.join(impls)}"


def _cache(given: Given) -> Iterator[str]:
    if "l2_lines" in given and "ports" not in given:
        yield "l2_lines is of a cache with several ports; add ports ="


def _pipeline(given: Given) -> Iterator[str]:
    if given.get("rewind", "false") != "false" and given.get("style") == "frp":
        yield "rewind and style = frp exclude each other; leave one out"


def _unroll(given: Given) -> Iterator[str]:
    yield from _off_alone(given, "factor", "skip_exit_check")
    if "skip_exit_check" in given and "factor" not in given:
        yield "skip_exit_check is for partial unrolling; add factor ="


_RULES: dict[str, Callable[[Given], Iterator[str]]] = {
    "alias": _alias,
    "array_partition": _split,
    "array_reshape": _split,
    "bind_op": _bind_op,
    "bind_storage": _bind_storage,
    "cache": _cache,
    "dependence": lambda given: _apart(given, "class", "variable"),
    "latency": lambda given: _one_of(given, "min", "max"),
    "occurrence": lambda given: _off_alone(given, "cycle"),
    "performance": lambda given: _one_of(given, "target_ti", "target_tl"),
    "pipeline": _pipeline,
    "unroll": _unroll,
}
