# SPDX-License-Identifier: Apache-2.0
"""The table of accuracy.json as markdown, between two marks of a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from batflow.errors import FormatError
from benchmarks.page import write_between

BEGIN, END = "<!-- accuracy:begin -->", "<!-- accuracy:end -->"
ROW = re.compile(
    r"(?P<task>[a-z0-9-]+)_l(?P<layers>\d+)_w(?P<kind>[1t])a(?P<bits>\d+|mixed)_(?P<method>.+?)(?P<mode>_training_mode)?"
)
COLUMNS = (
    *("task", "layers", "W", "A", "method", "bits per weight", "seeds"),
    *("integer", "float", "drop", "training s", "ladder"),
)
CONTROLS = {"majority": "majority class", "tfidf": "TF-IDF", "zero_layer": "0-layer"}
NOTE = (
    "Integer model in deploy mode on the whole held-out split, mean over seeds ± half of the 95 % interval",
    "(none for one seed); the drop is paired by seed. Seconds are one seed's training of the student up to",
    "the model, all stages before it included, on a shared machine. Ladder: sentences of a sample that some",
    "engine answers with other integers.",
)
LADDER = "_ladder_mismatches"
"""What the key of a row's ladder figure ends in (benchmarks/ladder.py)."""
Record = dict[str, Any]


def _text(value: float | None, half: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" + ("" if half is None else f" ± {half:.2f}")


def _ladder(figures: Record, key: str) -> str:
    found = figures.get(key + LADDER)
    return "-" if found is None else f"{found['value']} of {found['sentences']}"


def _row(match: re.Match[str], found: Record, figures: Record) -> list[str]:
    seconds = found.get("train_s")
    return [
        match["task"],
        match["layers"],
        match["kind"],
        match["bits"],
        match["method"] + (" (training mode)" if match["mode"] else ""),
        str(found["bits_per_weight"]),
        " ".join(str(seed) for seed in found["seeds"]),
        _text(found["value"], found["interval95"]),
        _text(found.get("float"), None),
        _text(found.get("drop"), found.get("drop_interval95")),
        "-" if seconds is None else f"{seconds:.0f}",
        _ladder(figures, match[0]),
    ]


def _order(match: re.Match[str]) -> tuple[Any, ...]:
    bits = 9 if match["bits"] == "mixed" else int(match["bits"])
    return match["task"], int(match["layers"]), match["method"], match["kind"], -bits


def _controls(figures: Record, group: str) -> str:
    task = group.split("_")[0]
    parts = [f"float {_text(figures[f'{group}_float']['value'], figures[f'{group}_float']['interval95'])}"]
    for name, label in CONTROLS.items():
        found = figures.get(f"{group}_{name}") or figures.get(f"{task}_{name}")
        if found is not None:
            parts.append(f"{label} {found['value']:.2f}")
    return f"- {group.replace('_l', ', layers ')}: {', '.join(parts)}."


def as_markdown(record: Record) -> str:
    """Return the table of a record in the form of accuracy.json.

    Raises:
        FormatError: the record lacks a figure.
    """
    try:
        figures = record["figures"]
        keys = (key for key in figures if not key.endswith(LADDER))
        rows = sorted((match for match in map(ROW.fullmatch, keys) if match), key=_order)
        groups = dict.fromkeys(f"{match['task']}_l{match['layers']}" for match in rows)
        commands = ", ".join(f"`{command}`" for command in record["command"].split("; "))
        lines = [
            f"Source: trained. {record['machine']}; collected {record['date']}. Commands: {commands}.",
            *NOTE,
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
        ]
        lines += [f"| {' | '.join(_row(match, figures[match[0]], figures))} |" for match in rows]
        return "\n".join([*lines, "", *(_controls(figures, group) for group in groups)]) + "\n"
    except (KeyError, TypeError) as exc:
        raise FormatError(f"accuracy.json lacks {exc}; write it again") from exc


def write_table(page: Path, record: Record) -> None:
    """Put the table of ``record`` between the marks of ``page``.

    Raises:
        FormatError: see :func:`as_markdown` and :func:`.page.write_between`.
    """
    write_between(page, BEGIN, END, as_markdown(record))
