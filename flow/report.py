# SPDX-License-Identifier: Apache-2.0
"""report.html: one self-contained page made from the JSON artefacts of a run folder alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

import batflow
from batflow.errors import FormatError
from batflow.files import read_json, write_bytes

from . import plots
from .cosim_figures import batch_runs, batch_title, figure_rows
from .ladder_table import rung_rows
from .verify import unit_of

TEMPLATES = Path(__file__).parent / "templates"
PARTS = ("data", "teacher", "train", "csim", "cosim", "verify")
Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A figure with its unit and its source label; ``value`` None means the step has not run."""

    name: str
    value: float | int | None
    unit: str
    source: str


@dataclass
class Page:
    """What the template shows."""

    name: str
    version: str
    config: Json
    parts: dict[str, Json | None]
    accuracy: list[Row]
    ranges: list[Json] = field(default_factory=list)
    rungs: list[Json] = field(default_factory=list)
    cosim: list[tuple[str, str, str]] = field(default_factory=list)
    cosim_title: str = ""
    figures: dict[str, Markup] = field(default_factory=dict)


def read_parts(folder: Path) -> dict[str, Json | None]:
    """Read the JSON artefacts that exist; the others are None.

    Raises:
        FormatError: one is not JSON, or not a mapping.
    """
    parts: dict[str, Json | None] = {}
    for name in PARTS:
        path = folder / f"{name}.json"
        parts[name] = read_json(path) if path.is_file() else None
        if parts[name] is not None and not isinstance(parts[name], dict):
            raise FormatError(f"{path} is not a mapping; run the step {name} again")
    return parts


def accuracy_rows(parts: dict[str, Json | None]) -> list[Row]:
    """Teacher, student, integers and the two controls, in percent, each with its source."""
    teacher, train, csim = (parts[name] or {} for name in ("teacher", "train", "csim"))
    unit = metric_unit(parts)
    controls = teacher.get("controls", {})
    return [
        Row("float teacher, same depth", teacher.get("test"), unit, "trained"),
        Row("student, fake-quantized", train.get("test"), unit, "trained"),
        Row("integer model (deploy mode)", train.get("integer_test"), unit, "trained"),
        Row(f"integer model, csim ({csim.get('sentences', 0)} sentences)", csim.get("score"), unit, "csim"),
        Row("TF-IDF + linear SVM", controls.get("tfidf"), unit, "trained"),
        Row("0-layer: mean embedding + logistic regression", controls.get("zero_layer"), unit, "trained"),
    ]


def metric_unit(parts: dict[str, Json | None]) -> str:
    """Return the unit of the task's figure: % accuracy, or 100 r (Pearson) for scores."""
    metrics = {part["metric"] for part in parts.values() if part and "metric" in part}
    return "100 r (Pearson)" if metrics == {"pearson"} else "% accuracy"


def range_rows(csim: Json | None) -> list[Json]:
    """Per tap: values seen, format, share used, saturations, and the unit that makes it."""
    rows = []
    for row in csim["ranges"] if csim else []:
        share = 100.0 * max(abs(row["min"]), abs(row["max"])) / max(abs(row["low"]), abs(row["high"]))
        rows.append({**row, "share": share, "unit": unit_of(row["tap"])[1]})
    return rows


def _figures(page: Page) -> dict[str, Markup]:
    figures: dict[str, str] = {}
    unit = metric_unit(page.parts)
    known = [(row.name, float(row.value)) for row in page.accuracy if row.value is not None]
    if known:
        figures["accuracy"] = plots.accuracy_plot(known, unit)
    history = (page.parts["train"] or {}).get("history")
    if history:
        figures["training"] = plots.training_plot(history, unit)
    if page.ranges:
        figures["ranges"] = plots.range_plot([(row["tap"], row["share"]) for row in page.ranges])
    cosim = page.parts["cosim"]
    if cosim:
        count, runs = cosim["sentences"], batch_runs(cosim)
        many = (
            f"{count} sentences in one run"
            if runs == 1
            else f"{count // runs} sentences, first of {runs} runs"
        )
        titles = {"single": "one sentence alone", "batch": many}
        lines = {title: cosim["timelines"][name] for name, title in titles.items()}
        figures["timeline"] = plots.timeline_plot(lines)
    # The SVG is our own output, not text from an artefact.
    return {name: Markup(svg) for name, svg in figures.items()}


def make_page(folder: Path) -> Page:
    """Collect what the page shows from the run folder."""
    run = read_json(folder / "run.json")
    parts = read_parts(folder)
    page = Page(folder.name, batflow.__version__, run["config"], parts, accuracy_rows(parts))
    page.ranges = range_rows(parts["csim"])
    page.rungs = rung_rows(parts["verify"])
    page.cosim = figure_rows(parts["cosim"]) if parts["cosim"] else []
    page.cosim_title = batch_title(parts["cosim"]) if parts["cosim"] else ""
    page.figures = _figures(page)
    return page


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into the run folder and return its path.

    Raises:
        FormatError: an artefact is corrupt or lacks a field.
        UserError: the page cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    try:
        html = environment.get_template("report.html").render(page=make_page(folder))
    except (KeyError, TypeError, ValueError, AttributeError, UndefinedError) as exc:
        raise FormatError(f"{folder}: an artefact lacks or garbles {exc}; repeat its step") from exc
    target = folder / "report.html"
    write_bytes(target, html.encode())
    return target
