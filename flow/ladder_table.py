# SPDX-License-Identifier: Apache-2.0
"""verify.json as a table: for the report and the command line."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from batflow.errors import FormatError
from batflow.files import read_json

from .run_folder import RunFolder

Json = dict[str, Any]


def rung_rows(verify: Json | None) -> list[Json]:
    """The equality table: one row an engine."""
    if verify is None:
        return []
    first, *_ = verify["engines"]
    return [
        {
            "engine": engine,
            "source": verify.get("sources", {}).get(engine, "host"),
            "origin": engine == first,
            "sentences": verify.get("samples", {}).get(engine, verify["n"]),
            "mismatches": verify["per_engine"].get(engine, 0),
        }
        for engine in verify["engines"]
    ]


def ladder_table(run: RunFolder) -> Table:
    """Every rung of verify.json: who answered how many sentences, and why a rung is left out.

    Raises:
        FormatError: verify.json is absent or corrupt.
    """
    path = run.artefact("verify.json")
    table = Table("engine", "source", "sentences", "mismatches")
    try:
        record = read_json(path)
        for row in rung_rows(record):
            wrong = "compared with" if row["origin"] else str(row["mismatches"])
            table.add_row(row["engine"], row["source"], str(row["sentences"]), wrong)
        for name, reason in record.get("skipped", {}).items():
            table.add_row(name, "", "left out", escape(reason))
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise FormatError(f"{path} lacks or garbles {exc}; run `batflow verify {run.name} --force`") from exc
    return table
