# SPDX-License-Identifier: Apache-2.0
"""The plots of the report, each as SVG text that needs nothing outside itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

BLUE, GREY = "#2a6f97", "#adb5bd"
SEQUENCES = ("#e9a23b", "#7fb77e", "#c98bb9", "#8fb8de")


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


def _item_bars(axes: Any, items: Sequence[Mapping[str, Any]], top: float, cycles: int) -> None:
    """Work items of one module as bars below ``top``, in the colour of their sequence."""
    for number, item in enumerate(items):
        start, length = item["start"], item["end"] - item["start"]
        # Two heights: the next item begins before the last rows of the one before have left.
        low = top - 0.2 * (1 + number % 2)
        colour = SEQUENCES[item["sequence"] % len(SEQUENCES)]
        axes.broken_barh([(start, length)], (low, 0.18), color=colour)
        if length > 0.04 * cycles:
            label = f"s{item['sequence']} L{item['layer']}"
            axes.text(start + length / 2, low + 0.09, label, ha="center", va="center", fontsize=6)


def timeline_plot(timelines: Mapping[str, Mapping[str, Any]]) -> str:
    """Both modules over whole inferences: work items, and shares of clocks busy and taking operands.

    ``timelines``: title -> the values of ``CosimEngine.timeline``.
    """
    figure = Figure(figsize=(9, 2.6 * len(timelines)), layout="constrained")
    for axes, (title, timeline) in zip(
        np.atleast_1d(figure.subplots(len(timelines))), timelines.items(), strict=True
    ):
        width, cycles = timeline["bin"], timeline["cycles"]
        for base, module in ((1.4, "mha"), (0.0, "ffn")):
            clocks = [width * at for at in range(len(timeline[module]["busy"]))]
            for name, colour in (("busy", GREY), ("taking", BLUE)):
                heights = [base + 0.8 * count / width for count in timeline[module][name]]
                label = {"busy": "module busy", "taking": "QMM takes operands"}[name]
                # Each label once: the legend shows both modules' areas as one.
                shown = label if module == "mha" else None
                axes.fill_between(clocks, base, heights, step="post", color=colour, linewidth=0, label=shown)
            items = [item for item in timeline["items"] if item["module"] == module]
            _item_bars(axes, items, base + 1.25, cycles)
        axes.set_yticks([0.4, 1.8], ["FFN", "MHA"])
        axes.set_ylim(0, 2.7)
        axes.set_xlim(0, cycles)
        axes.set_xlabel("cycles")
        axes.set_title(title, fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=7, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.2))
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
