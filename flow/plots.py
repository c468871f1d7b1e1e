# SPDX-License-Identifier: Apache-2.0
"""The plots of the report, each as SVG text that needs nothing outside itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

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


Line = tuple[str, str, Sequence[float], Sequence[float], Sequence[float]]
"""Of a robustness panel: label, matplotlib style, levels, means, halves of their intervals."""


def _robustness_lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Line]]:
    """Return the lines of each panel."""
    panels: dict[str, list[Line]] = {}
    for key in dict.fromkeys((r["kind"], r["model"], r["site"]) for r in rows):
        kind, model, site = key
        own = [r for r in rows if (r["kind"], r["model"], r["site"]) == key]
        attack = kind in ("random_signs", "fgsm", "pgd")
        label = f"{kind.replace('_', ' ')}, {model}" if attack else site or model
        values = [r["level"] for r in own], [r["mean"] for r in own], [r["interval95"] or 0.0 for r in own]
        style = "--" if model == "teacher" else "-"
        panels.setdefault("attack" if attack else kind, []).append((label, style, *values))
    return panels


def robustness_plot(record: Mapping[str, Any]) -> str:
    """Four panels of score against level: noise, attacks, flipped bits, accumulators (robustness.json)."""
    titles = {
        "gaussian": "Gaussian noise on embeddings: sigma / RMS",
        "attack": "attacks on embeddings: epsilon / RMS",
        "weight_bits": "flipped weight bits: rate",
        "accumulator": "accumulator noise: sigma / RMS",
    }
    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = _robustness_lines(record["rows"])
    for axes, (kind, title) in zip(figure.subplots(2, 2).flat, titles.items(), strict=True):
        for label, style, levels, means, halves in panels.get(kind, []):
            axes.errorbar(levels, means, halves, fmt=f"o{style}", markersize=3, capsize=2, label=label)
        axes.axhline(record["clean"]["integer"], color=GREY, linewidth=1, label="integer, clean")
        if record["majority"] is not None:
            axes.axhline(record["majority"], color=GREY, linestyle=":", label="majority class")
        if kind == "weight_bits":
            axes.set_xscale("log")
        axes.set_ylim(-3, 103)
        axes.set_xlabel(title)
        axes.set_ylabel(f"{record['metric']}, %")
        axes.legend(frameon=False, fontsize=6)
    _clean(figure)
    return _svg(figure)
