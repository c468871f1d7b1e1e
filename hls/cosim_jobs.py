# SPDX-License-Identifier: Apache-2.0
"""Batches on cosim engines side by side: one engine and one thread a batch, ``jobs`` of them at a time.

A thread, not Verilator's own threads: those meet at every clock, which costs more than it brings where other
work shares the cores. An engine is deterministic and shares nothing with another, so results do not depend
on ``jobs``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

from .cosim import CosimEngine
from .csim import CsimResult
from .program import EncoderProgram

Rows = list[npt.NDArray[np.int16]]


@dataclass(frozen=True)
class BatchRun:
    """What one batch gave, and when the modules worked in it (:meth:`.cosim.CosimEngine.timeline`)."""

    result: CsimResult
    timeline: dict[str, Any]


def run_batches(
    program: EncoderProgram, library: Path, batches: Sequence[Rows], jobs: int = 1, trace: bool = False
) -> list[BatchRun]:
    """Run each batch on an engine of its own, ``jobs`` at a time; results in the batches' order.

    Raises:
        InputError: ``jobs`` is below 1, or a batch is empty or has rows of a wrong width.
        FormatError: ``library`` is no cosim library.
        EngineError: a run ended with an error.
    """
    if jobs < 1:
        raise InputError(f"jobs is {jobs}; give 1 or more")

    def run(rows: Rows) -> BatchRun:
        engine = CosimEngine(program, library)
        try:
            return BatchRun(engine.run(rows, trace=trace), engine.timeline())
        finally:
            engine.close()

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(run, batches))


def deal(rows: Rows, jobs: int) -> list[Rows]:
    """Cut a batch into at most ``jobs`` parts in order, each of two sequences or more where there are two."""
    parts = max(1, min(jobs, len(rows) // 2))
    bounds = [len(rows) * part // parts for part in range(parts + 1)]
    return [rows[low:high] for low, high in itertools.pairwise(bounds)]


def joined(results: Sequence[CsimResult]) -> CsimResult:
    """The parts of a batch as one: outputs and traces one after the other, counters summed."""
    return CsimResult(
        [rows for result in results for rows in result.outputs],
        {name: sum(result.counters[name] for result in results) for name in results[0].counters},
        sum(result.saturations for result in results),
        [taps for result in results for taps in result.traces],
    )
