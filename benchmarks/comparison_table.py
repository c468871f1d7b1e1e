# SPDX-License-Identifier: Apache-2.0
"""The table of comparison.json as markdown, between two marks of docs/comparison.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batflow.errors import FormatError
from benchmarks.comparison_cases import CASES
from benchmarks.page import write_between

BEGIN, END = "<!-- comparison:begin -->", "<!-- comparison:end -->"
COLUMNS = (
    *("case", "peer", "converts", "exact", "latency", "interval", "cycles by"),
    *("LUT", "DSP", "BRAM36 + URAM", "area by", "build s"),
)
ORDER = (
    *("bat", "bat-demo", "finn", "hls4ml-fused", "hls4ml-stock", "hls4ml-pytorch"),
    *("hgq2-hls4ml", "hgq2-da4ml", "da4ml-ffn-token"),
)
Record = dict[str, Any]


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:g}"


def _exact(found: Record) -> str:
    if found.get("mismatches") is None:
        return "-"
    return f"{found['mismatches']} of {found['values']:,} differ" if found["mismatches"] else "yes"


def _memory(found: Record) -> str:
    if found.get("bram36") is None:
        return "-"
    return " + ".join(
        _number(found[name]) for name in ("bram36", "uram") if found.get(name) or name == "bram36"
    )


def _row(case: str, peer: str, found: Record, notes: dict[str, int]) -> list[str]:
    error = found.get("error", "")
    if "same_as" in found:
        error = f"{error}{'; ' if error else ''}the run of {found['same_as']}"
    mark = f" [{notes.setdefault(error, len(notes) + 1)}]" if error else ""
    return [
        case,
        peer,
        ("yes" if found.get("converts") else "no") + mark,
        _exact(found),
        _number(found.get("latency")),
        _number(found.get("interval")),
        found.get("cycles_source", "-") if found.get("interval") is not None else "-",
        _number(found.get("lut")),
        _number(found.get("dsp")),
        _memory(found),
        found.get("area_source", "-"),
        _number(found.get("build_s")),
    ]


def _without_figures(outcomes: Record) -> list[str]:
    """One line for each answer that cases of a peer share: no conversion, or not run."""
    shared: dict[tuple[str, str], list[str]] = {}
    for peer in ORDER:
        for case in CASES:
            found = outcomes.get(f"{peer}/{case.name}")
            if found is None or not found.get("converts"):
                error = "" if found is None else found.get("error", "no word").replace("`", "'")
                answer = f"no: `{error}`" if error else "not run"
                answer = error if error.startswith("not ended") else answer
                shared.setdefault((peer, answer), []).append(case.name)
    lines = []
    for (peer, answer), cases in shared.items():
        where = "all cases" if len(cases) == len(CASES) else ", ".join(cases)
        lines.append(f"- {peer}, {where}: {answer}.")
    return lines


def _made(record: Record) -> str:
    """Machines and dates of the outcomes; the record's own where an outcome has none."""
    found: dict[str, set[str]] = {}
    for outcome in record["outcomes"].values():
        dates = found.setdefault(outcome.get("machine", record["machine"]), set())
        dates.add(outcome.get("date", record["date"]))
    told = (f"{name}, shared with other work; {', '.join(sorted(dates))}" for name, dates in found.items())
    return ". ".join(told) or f"{record['machine']}; {record['date']}"


def as_markdown(record: Record) -> str:
    """The cases that converted as a table, their errors as notes, and what did not convert or was not run.

    Raises:
        FormatError: the record lacks a field.
    """
    notes: dict[str, int] = {}
    try:
        outcomes = record["outcomes"]
        lines = [
            f"{_made(record)}.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
        ]
        for case in CASES:
            for peer in ORDER:
                found = outcomes.get(f"{peer}/{case.name}", {})
                if found.get("converts"):
                    lines.append(f"| {' | '.join(_row(case.name, peer, found, notes))} |")
        rest = _without_figures(outcomes)
    except (KeyError, TypeError) as exc:
        raise FormatError(
            f"comparison.json lacks {exc}; run python -m benchmarks.comparison --again"
        ) from exc
    if notes:
        lines += ["", *(f"{number}. `{text.replace('`', chr(39))}`" for text, number in notes.items())]
    if rest:
        lines += ["", "Without figures:", "", *rest]
    return "\n".join(lines) + "\n"


def write_table(page: Path, record: Record) -> None:
    """Put the table of ``record`` between the marks of ``page``.

    Raises:
        FormatError: see :func:`as_markdown` and :func:`.page.write_between`.
    """
    write_between(page, BEGIN, END, as_markdown(record))
