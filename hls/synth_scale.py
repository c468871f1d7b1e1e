# SPDX-License-Identifier: Apache-2.0
"""Figures of an array too large to synthesize whole, from four small ones.

Everything in the QMM engine is there once, once a token, once an output, or once a pair of them. Hence
every count of the array is f(T, O) = c + t*T + o*O + p*T*O, which four points determine (method ours).
The rest of the engine (buffers, loaders, drain) is synthesized at its full size around a black box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from batflow.errors import EngineError

from .synth import Progress, synthesize
from .synth_report import Resources, SynthReport, Unit
from .synth_units import UnitJob, inner_array

WHOLE_LIMIT = 4096
"""Bits of popcount in an array up to which it is synthesized whole."""
_SMALL = (2, 4)
_ARRAY = "qmm_array"
_FORMULA = (
    "array: f(T, O) = c + t*T + o*O + p*T*O through T, O in {small}, taken at T = {tokens}, O = {outputs}"
)
_SHELL = "; the rest synthesized at full size with the array as a black box"


def extrapolate(corners: Sequence[float], tokens: int, outputs: int) -> float:
    """The bilinear function through ``corners`` at (tokens, outputs).

    ``corners`` are its values at (tokens, outputs) = (2, 2), (2, 4), (4, 2), (4, 4).
    """
    low, high = _SMALL
    x, y = (tokens - low) / (high - low), (outputs - low) / (high - low)
    a, b, c, d = corners
    return a * (1 - x) * (1 - y) + b * (1 - x) * y + c * x * (1 - y) + d * x * y


def merge_trees(units: Sequence[Unit], estimate: Callable[[Sequence[float]], float]) -> Unit:
    """One tree out of trees of the same shape, every number by ``estimate``.

    Raises:
        EngineError: the trees differ in shape.
    """
    if len({tuple(child.name for child in unit.children) for unit in units}) > 1:
        raise EngineError(f"{units[0].module} has other parts at other sizes; it cannot be scaled")
    totals = zip(*(unit.total.values() for unit in units), strict=True)
    children = zip(*(unit.children for unit in units), strict=True)
    return Unit(
        units[0].name,
        units[0].module,
        round(estimate([unit.count for unit in units])),
        Resources(*(round(max(0.0, estimate(values)), 1) for values in totals)),
        tuple(merge_trees(parts, estimate) for parts in children),
    )


def _run(job: UnitJob, progress: Progress | None, **changed: int) -> SynthReport:
    return synthesize(job.top, {**job.parameters, **changed}, job.sources, keep=job.keep, progress=progress)


def _array(job: UnitJob, progress: Progress | None) -> SynthReport:
    """The array of ``job`` by four small ones."""
    tokens, outputs = job.parameters["TOKENS"], job.parameters["OUTPUTS"]
    reports = [_run(job, progress, TOKENS=t, OUTPUTS=o) for t in _SMALL for o in _SMALL]
    tree = merge_trees([r.tree for r in reports], lambda corners: extrapolate(corners, tokens, outputs))
    formula = _FORMULA.format(small=set(_SMALL), tokens=tokens, outputs=outputs)
    seconds = sum(report.seconds for report in reports)
    return replace(reports[0], parameters=job.parameters, tree=tree, seconds=seconds, scaled=formula)


def _graft(unit: Unit, part: Unit) -> Unit:
    """``unit`` with the one empty node of ``part``'s module, at any depth, replaced by ``part``."""
    if unit.module == part.module:
        return replace(part, name=unit.name)
    children = tuple(_graft(child, part) for child in unit.children)
    added = sum((a.total + b.total * -1.0 for a, b in zip(children, unit.children, strict=True)), Resources())
    return replace(unit, total=unit.total + added, children=children)


def _engine(job: UnitJob, array: UnitJob, progress: Progress | None) -> SynthReport:
    shell = synthesize(
        job.top, job.parameters, job.sources, keep=job.keep, black_boxes=(_ARRAY,), progress=progress
    )
    inner = _array(array, progress)
    return replace(
        shell,
        tree=_graft(shell.tree, inner.tree),
        seconds=shell.seconds + inner.seconds,
        scaled=f"{inner.scaled}{_SHELL}",
    )


def synthesize_unit(job: UnitJob, progress: Progress | None = None) -> SynthReport:
    """Synthesize a unit: whole, or by scaling where its array exceeds `WHOLE_LIMIT`; the report says which.

    Raises:
        MissingToolError, InputError, EngineError: as `synth.synthesize`.
    """
    if job.macs <= WHOLE_LIMIT:
        return _run(job, progress)
    if job.top == _ARRAY:
        return _array(job, progress)
    return _engine(job, inner_array(job), progress)
