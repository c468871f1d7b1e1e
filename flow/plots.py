# SPDX-License-Identifier: Apache-2.0
"""The plots of the report, each as SVG text that needs nothing outside itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure

BLUE, GREY, ORANGE = "#2a6f97", "#adb5bd", "#e07a2f"


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    # A fixed salt and no date make the same figures give the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "batflow", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _clean(figure: Figure) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)


def accuracy_plot(rows: Sequence[tuple[str, float]], unit: str) -> str:
    """Bars of (model, figure in ``unit``); the axis starts where the differences can be seen."""
    figure = Figure(figsize=(6.4, 0.42 * len(rows) + 0.7))
    axes = figure.subplots()
    names, values = [name for name, _ in rows], [value for _, value in rows]
    low = max(0.0, 10 * (min(values) // 10) - 10)
    colours = [GREY if name.startswith(("TF-IDF", "0-layer")) else BLUE for name in names]
    bars = axes.barh(names, [value - low for value in values], left=low, color=colours)
    axes.bar_label(bars, labels=[f"{value:.1f}" for value in values], padding=3)
    axes.invert_yaxis()
    axes.set_xlim(low, 100)
    axes.set_xlabel(f"{unit} (axis starts at {low:.0f})")
    _clean(figure)
    return _svg(figure)


def range_plot(rows: Sequence[tuple[str, float]]) -> str:
    """How much of each tap's format is used: bars of (tap, share in percent)."""
    figure = Figure(figsize=(6.4, 0.2 * len(rows) + 0.7))
    axes = figure.subplots()
    axes.barh([name for name, _ in rows], [share for _, share in rows], color=BLUE)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("largest value seen, % of the format")
    _clean(figure)
    return _svg(figure)


def cycles_plot(products: Sequence[Mapping[str, object]]) -> str:
    """Cycles of each matrix product as simulated, against its formula."""
    figure = Figure(figsize=(6.4, 2.6))
    axes = figure.subplots()
    places = range(len(products))
    axes.bar(places, [float(str(p["cycles"])) for p in products], color=BLUE, label="RTL (cosim)")
    formula = [float(str(p["formula_cycles"])) for p in products]
    axes.plot(places, formula, "_", color=ORANGE, markersize=18, markeredgewidth=2, label="formula")
    names = [f"L{p['layer']}.{p['name']}" for p in products]
    axes.set_xticks(list(places), names, rotation=30, ha="right", fontsize=7)
    axes.set_ylabel("cycles")
    axes.legend(frameon=False)
    _clean(figure)
    return _svg(figure)


def training_plot(history: Sequence[Mapping[str, float]], unit: str) -> str:
    """Loss and the dev figure by epoch."""
    figure = Figure(figsize=(6.4, 2.4))
    axes = figure.subplots()
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row["loss"] for row in history], "o-", color=GREY, label="loss")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    twin = axes.twinx()
    twin.plot(epochs, [row["dev"] for row in history], "o-", color=BLUE, label="dev")
    twin.set_ylabel(f"dev {unit}", color=BLUE)
    twin.spines["top"].set_visible(False)
    axes.spines["top"].set_visible(False)
    return _svg(figure)
