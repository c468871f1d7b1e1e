# SPDX-License-Identifier: Apache-2.0
"""HLS pragmas as text: finding them, and holding their words against the table.

Names and options are compared without regard to case, as the tool does.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .hls_check_combinations import combination_faults
from .hls_check_table import FORMS, INTERFACES, REPLACED, REPLACED_OPTIONS, PragmaForm

OTHER_PRAGMAS = {"once", "gcc", "clang", "stdc", "push_macro", "pop_macro", "message"}
"""What may follow ``#pragma`` beside ``HLS``."""
OLD_PRAGMAS = {"ap", "autopilot"}
"""What Vivado HLS took for ``HLS``."""

_INSIDE = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_CONDITION = re.compile(rf"if\s*{_INSIDE}\s*", re.IGNORECASE)
_WORD = re.compile(rf"(?:[^\s()]|{_INSIDE})+")


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
    def words(self) -> str:
        """What follows ``HLS``; a condition ``if (...)`` before the name is left out."""
        rest = self.text.split(maxsplit=1)[1:] if self.is_hls else []
        return _CONDITION.sub("", rest[0], count=1) if rest and _CONDITION.match(rest[0]) else "".join(rest)

    @property
    def name(self) -> str:
        """Its name in lower case, empty when there is none."""
        return "".join(self.words.split(maxsplit=1)[:1]).lower()

    @property
    def form(self) -> PragmaForm | None:
        """Its row of the table; of INTERFACE the one of its mode. None: there is no such pragma."""
        if self.name != "interface":
            return FORMS.get(self.name)
        words = (value.lower() if name == "mode" else name for name, value in self.options())
        return next((INTERFACES[word] for word in words if word in INTERFACES), FORMS["interface"])

    def options(self) -> list[tuple[str, str]]:
        """Option and value of each word behind the name; a word alone has value "". Spaces at ``=`` and
        ``,`` count for nothing, nor do those inside brackets."""
        rest = "".join(self.words.split(maxsplit=1)[1:])
        words = _WORD.findall(re.sub(r"\s*([=,])\s*", r"\1", rest))
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
    form = pragma.form if pragma.is_hls else None
    if form is None:
        return [("pragma-name", text) for text in _name_faults(pragma)]
    title = f"#pragma HLS {pragma.name}"
    return [("pragma-option", f"{title}{text}") for text in _word_faults(pragma, form)]


def _name_faults(pragma: Pragma) -> Iterator[str]:
    first = pragma.text.split(maxsplit=1)[0] if pragma.text else ""
    if not pragma.is_hls:
        if first.lower() in OLD_PRAGMAS:
            yield f"#pragma {first} is of Vivado HLS; write #pragma HLS"
        elif first.lower() not in OTHER_PRAGMAS:
            yield f"#pragma {first} is unknown and would be ignored; write #pragma HLS"
    elif pragma.name in REPLACED:
        yield f"#pragma HLS {pragma.name} is no longer taken; {REPLACED[pragma.name]}"
    else:
        near = _nearest(pragma.name, sorted(FORMS))
        yield f"#pragma HLS {pragma.name} is unknown and would be ignored{near}"


def _word_faults(pragma: Pragma, form: PragmaForm) -> Iterator[str]:
    words = [_replaced(pragma.name, form, option, value) for option, value in pragma.options()]
    old = [word for word in words if word]
    if old:
        yield from (f": {word} is no longer taken; {REPLACED_OPTIONS[pragma.name, word]}" for word in old)
        return
    given: dict[str, str] = {}
    faults: list[str] = []
    for option, value in pragma.options():
        faults += _option_faults(form, option, value)
        place = _place_of(form, option) if not value else None
        key, word = (place, option) if place is not None else (option, value.lower())
        if key in given:
            faults.append(f" has {key} twice; leave one out")
        given[key] = word
    faults += [f" needs {option} =; add it" for option in form.needs if option not in given]
    if [option for option in given if option in form.order] != [o for o in form.order if o in given]:
        faults.append(f": {' must stand before '.join(form.order)}; change their order")
    yield from faults or (f": {text}" for text in combination_faults(pragma.name, given))


def _replaced(name: str, form: PragmaForm, option: str, value: str) -> str:
    """The word that the tool no longer takes, "" if it takes them all."""
    words = (option, value.lower() if option in form.bare else "")
    return next((word for word in words if (name, word) in REPLACED_OPTIONS), "")


def _place_of(form: PragmaForm, word: str) -> str | None:
    """The option that ``word`` is a value of, where it may stand without ``option =``."""
    if word in form.flags or word in form.values:
        return None
    return next((option for option in form.bare if word in form.values[option]), None)


def _option_faults(form: PragmaForm, option: str, value: str) -> Iterator[str]:
    if not value and (option in form.flags or _place_of(form, option) is not None):
        return
    if option not in form.values:
        words = [*form.values, *form.flags, *(word for key in form.bare for word in form.values[key])]
        near = _nearest(option, sorted(set(words))) if words else "; it takes none"
        yield f" has no option {option}{near}"
    elif not value:
        yield f": {option} has no value; write {option} = ..."
    elif form.values[option] and value.lower() not in form.values[option]:
        yield f": {option} cannot be {value}{_nearest(value.lower(), list(form.values[option]))}"
