# SPDX-License-Identifier: Apache-2.0
"""HLS pragmas as text: the table of what Vitis HLS documents (UG1399, 2024.x and 2025.x), and its check.

Names and options are compared without regard to case, as the tool does.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

OTHER_PRAGMAS = {"once", "gcc", "clang", "stdc", "push_macro", "pop_macro", "message"}
"""What may follow ``#pragma`` beside ``HLS``."""
FUNCTION, LOOP, ANY, TOP = "function", "loop", "any", "top"

_PARTITION = ("complete", "block", "cyclic")
_MODES = (
    *("ap_none", "ap_vld", "ap_ovld", "ap_ack", "ap_hs", "ap_fifo", "ap_memory", "ap_stable", "bram"),
    *("axis", "m_axi", "s_axilite", "ap_ctrl_none", "ap_ctrl_hs", "ap_ctrl_chain"),
)


@dataclass(frozen=True)
class PragmaForm:
    """What one pragma may hold and where it may stand.

    ``values``: option -> the words that it may have (empty: any expression). ``flags``: words without a
    value. ``bare``: option -> words that may also stand without ``option =``. ``needs``: options that must
    be there. ``places``: kinds of block whose body it must stand in directly. ``first``: it must stand
    before every statement of that block.
    """

    places: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    flags: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    first: bool = False


def _options(*names: str, **values: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {**dict.fromkeys(names, ()), **values}


_SPLIT = PragmaForm(
    (ANY,), _options("variable", "factor", "dim", type=_PARTITION), ("off",), ("type",), ("variable",)
)
_OPERATION = _options("variable", "op", "impl", "latency")
FORMS: dict[str, PragmaForm] = {
    "aggregate": PragmaForm(
        (ANY,), _options("variable", compact=("bit", "byte", "none", "auto")), needs=("variable",)
    ),
    "alias": PragmaForm((FUNCTION,), _options("ports", "distance", "offset"), needs=("ports",)),
    "allocation": PragmaForm(
        (FUNCTION, LOOP),
        _options("instances", "limit", type=("function", "operation")),
        bare=("type",),
        needs=("type", "instances", "limit"),
    ),
    "array_partition": _SPLIT,
    "array_reshape": PragmaForm(
        _SPLIT.places, _SPLIT.values, (*_SPLIT.flags, "object"), _SPLIT.bare, ("variable",)
    ),
    "array_stencil": PragmaForm((LOOP,), _options("variable"), ("off",), needs=("variable",)),
    "bind_op": PragmaForm((ANY,), _OPERATION, needs=("variable", "op")),
    "bind_storage": PragmaForm(
        (ANY,),
        _options(
            *("variable", "latency"),
            type=("fifo", "ram_1p", "ram_1wnr", "ram_2p", "ram_s2p", "ram_t2p", "rom_1p", "rom_2p", "rom_np"),
            impl=("bram", "bram_ecc", "lutram", "uram", "uram_ecc", "srl", "memory", "auto"),
        ),
        needs=("variable", "type"),
    ),
    "cache": PragmaForm((FUNCTION,), _options("port", "lines", "depth", "ways", "users", "burst")),
    "dataflow": PragmaForm((FUNCTION, LOOP), {}, ("disable_start_propagation",), first=True),
    "dependence": PragmaForm(
        (FUNCTION, LOOP),
        _options(
            *("variable", "distance"),
            **{"class": ("array", "pointer")},
            type=("inter", "intra"),
            direction=("raw", "war", "waw"),
            dependent=("true", "false"),
        ),
        bare=("class", "type", "direction", "dependent"),
    ),
    "disaggregate": PragmaForm((ANY,), _options("variable"), needs=("variable",)),
    "expression_balance": PragmaForm((FUNCTION, LOOP), {}, ("off",)),
    "function_instantiate": PragmaForm((FUNCTION,), _options("variable"), needs=("variable",)),
    "inline": PragmaForm((FUNCTION,), {}, ("off", "recursive"), first=True),
    "interface": PragmaForm(
        (TOP,),
        _options(
            *("port", "bundle", "register_mode", "depth", "clock", "name", "num_read_outstanding"),
            *("num_write_outstanding", "max_read_burst_length", "max_write_burst_length", "latency"),
            *("max_widen_bitwidth", "storage_type", "storage_impl", "offset", "channel", "interrupt"),
            mode=_MODES,
        ),
        ("register", "direct_io"),
        ("mode",),
        ("port", "mode"),
    ),
    "latency": PragmaForm((ANY,), _options("min", "max")),
    "loop_flatten": PragmaForm((LOOP,), {}, ("off",), first=True),
    "loop_merge": PragmaForm((FUNCTION, LOOP), {}, ("force",), first=True),
    "loop_tripcount": PragmaForm((LOOP,), _options("min", "max", "avg"), needs=("max",)),
    "occurrence": PragmaForm((ANY,), _options("cycle"), ("off",)),
    "performance": PragmaForm((FUNCTION, LOOP), _options("target_ti", "target_tl", "unit", "assume_ti")),
    "pipeline": PragmaForm(
        (FUNCTION, LOOP), _options("ii", style=("stp", "flp", "frp")), ("off", "rewind"), first=True
    ),
    "protocol": PragmaForm((ANY,), _options(mode=("floating", "fixed")), bare=("mode",)),
    "reset": PragmaForm((ANY,), _options("variable"), ("off",), needs=("variable",)),
    "stable": PragmaForm((FUNCTION,), _options("variable"), needs=("variable",)),
    "stream": PragmaForm(
        (ANY,),
        _options("variable", "depth", type=("fifo", "pipo", "shared", "unsync")),
        ("off",),
        needs=("variable",),
    ),
    "top": PragmaForm((FUNCTION,), _options("name"), needs=("name",)),
    "unroll": PragmaForm((LOOP,), _options("factor", off=("true",)), ("skip_exit_check", "off"), first=True),
}


@dataclass(frozen=True)
class Pragma:
    """One ``#pragma`` line of a file: byte ``offset`` of its ``#``, 1-based ``line``, its words behind."""

    line: int
    offset: int
    text: str

    @property
    def is_hls(self) -> bool:
        """Whether it is one of Vitis HLS."""
        return self.text.split(maxsplit=1)[:1] == ["HLS"]

    @property
    def name(self) -> str:
        """Its name in lower case, empty when there is none."""
        words = self.text.split()
        return words[1].lower() if self.is_hls and len(words) > 1 else ""

    def options(self) -> list[tuple[str, str]]:
        """Option and value of each word behind the name; a word alone has value "". Spaces at ``=`` count
        for nothing, nor do those inside brackets."""
        rest = self.text.split(maxsplit=2)[2:] if self.is_hls else []
        joined = re.sub(r"\s*=\s*", "=", rest[0] if rest else "")
        words = re.findall(r"(?:[^\s()]|\((?:[^()]|\([^()]*\))*\))+", joined)
        return [(w.split("=", 1)[0].lower(), w.split("=", 1)[1] if "=" in w else "") for w in words]

    def value(self, option: str) -> str:
        """Value of ``option``, "" where it is absent."""
        return next((value for name, value in self.options() if name == option), "")


def _blank_comments(text: str) -> str:
    """``text`` with comments and string literals blanked, every character in its place."""
    pattern = r'//(?:\\\n|[^\n])*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.DOTALL)


def find_pragmas(data: bytes) -> list[Pragma]:
    """Return the pragmas of a file's bytes, continued lines joined, those in comments left out."""
    text = _blank_comments(data.decode("latin-1"))
    found = []
    for match in re.finditer(r"^[ \t]*#[ \t]*pragma\b((?:\\\n|[^\n])*)", text, re.MULTILINE):
        words = " ".join(match.group(1).replace("\\\n", " ").split())
        offset = match.start() + match.group().index("#")
        found.append(Pragma(text.count("\n", 0, offset) + 1, offset, words))
    return found


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"


def pragma_faults(pragma: Pragma) -> list[tuple[str, str]]:
    """Return what is wrong with the words of ``pragma``, as (rule, text) pairs."""
    first = pragma.text.split(maxsplit=1)[0] if pragma.text else ""
    if not pragma.is_hls:
        if first.lower() in OTHER_PRAGMAS:
            return []
        return [("pragma-name", f"#pragma {first} is unknown and would be ignored; write #pragma HLS")]
    form = FORMS.get(pragma.name)
    if form is None:
        near = _nearest(pragma.name, sorted(FORMS))
        return [("pragma-name", f"#pragma HLS {pragma.name} is unknown and would be ignored{near}")]
    faults = []
    given = set()
    for option, value in pragma.options():
        if not value and option not in form.flags:
            place = next((name for name in form.bare if option in form.values[name]), None)
            if place is not None:
                given.add(place)
                continue
        given.add(option)
        faults += _option_faults(pragma.name, form, option, value)
    faults += [
        ("pragma-option", f"#pragma HLS {pragma.name} needs {option} =; add it")
        for option in form.needs
        if option not in given
    ]
    return faults


def _option_faults(name: str, form: PragmaForm, option: str, value: str) -> list[tuple[str, str]]:
    if not value and option in form.flags:
        return []
    if option not in form.values:
        words = [*form.values, *form.flags, *(word for key in form.bare for word in form.values[key])]
        near = _nearest(option, sorted(set(words))) if words else "; it takes none"
        return [("pragma-option", f"#pragma HLS {name} has no option {option}{near}")]
    if not value:
        return [("pragma-option", f"#pragma HLS {name}: {option} has no value; write {option} = ...")]
    allowed = form.values[option]
    if allowed and value.lower() not in allowed:
        near = _nearest(value.lower(), list(allowed))
        return [("pragma-option", f"#pragma HLS {name}: {option} cannot be {value}{near}")]
    return []
