# SPDX-License-Identifier: Apache-2.0
"""The peers of this repository: the RTL accelerator, and the fused nodes of the hls4ml exit.

One accelerator serves all cases, since it is programmable. Of the two here one has the least array that the
RTL takes; FINN is folded for the interval that this one reaches (``comparison_finn.py``).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from batflow.hls import area_model
from batflow.hls.area_model import area, total
from batflow.hls.config import AcceleratorConfig, load_config
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_build import build_cosim
from batflow.hls.cycle_model import predict, program_shape
from batflow.hls.packing import WeightKind
from batflow.hls.program import EncoderProgram
from batflow.hls.random_program import random_program
from batflow.hls.reference.encoder import Reference
from batflow.hls.synth_scale import synthesize_unit
from batflow.hls.synth_units import accelerator_job
from benchmarks.comparison_cases import FRAMES, SEED, Case
from benchmarks.comparison_synth import COUNTS, counts

Tell = Callable[..., None]
KINDS: dict[str, WeightKind] = {"W1A4": "binary", "W2A4": "ternary"}
LEAST = load_config(Path(area_model.__file__).parent / "configs" / "least.yaml")
"""The least array that the RTL takes; both weight formats, maxima of the largest case."""
DEMO = AcceleratorConfig(
    max_layers=2,
    max_hidden=384,
    max_heads=12,
    max_ffn=1536,
    max_tokens=32,
    max_bits=4,
    weight_planes=1,
    qmm_tokens=4,
    qmm_outputs=16,
    clock_mhz=250.0,
)
"""The build of the binary demo model: four times the array, twice the lanes."""


def program_of(case: Case) -> EncoderProgram:
    """One encoder layer of random integers of the case's shape; FFN is four times as wide as hidden."""
    return random_program(
        SEED, 1, hidden=case.hidden, heads=case.heads, ffn=4 * case.hidden, max_len=case.length, bits=4,
        kind=KINDS[case.format],
    )  # fmt: skip


def rows_of(case: Case, count: int = FRAMES) -> list[Any]:
    """Random inputs of the layer: int16 [l, d] each."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(-3000, 3000, (case.length, case.hidden)).astype(np.int16) for _ in range(count)]


def mismatches(program: EncoderProgram, rows: list[Any], outputs: list[Any]) -> tuple[int, int]:
    """(integers that differ from the numpy reference, integers compared)."""
    reference = Reference(program)
    wrong = sum(
        int((reference.encode(given.astype(np.int64)).hidden != out).sum())
        for given, out in zip(rows, outputs, strict=True)
    )
    return wrong, sum(given.size for given in rows)


def run_bat(case: Case, tell: Tell) -> None:
    """The least array on the case."""
    _run(LEAST, case, tell)


def run_bat_demo(case: Case, tell: Tell) -> None:
    """The demo's build on the case."""
    _run(DEMO, case, tell)


def _run(config: AcceleratorConfig, case: Case, tell: Tell) -> None:
    """Estimates first, which cosim and synthesis replace. Latency: one sequence alone, interval: a batch."""
    program, rows = program_of(case), rows_of(case)
    config.require(program)
    used = total(area(config))
    tell(converts=True, area_source="area model", **{key: round(getattr(used, key), 1) for key in COUNTS})
    tell(
        latency=predict(config, program_shape(program), [case.length]).cycles,
        interval=predicted_interval(config, program, case),
        cycles_source="cycle model",
    )
    began = time.perf_counter()
    begun_at = time.time()
    library = build_cosim(config)
    # Seconds of a build that lay in the cache are not known.
    build_s = round(time.perf_counter() - began, 1) if library.stat().st_mtime > begun_at else None
    engine = CosimEngine(program, library)
    alone = engine.run(rows[:1]).counters["CYCLES_TOTAL"]
    half = engine.run(rows[: FRAMES // 2]).counters["CYCLES_TOTAL"]
    result = engine.run(rows)
    engine.close()
    wrong, values = mismatches(program, rows, result.outputs)
    tell(
        mismatches=wrong,
        values=values,
        latency=alone,
        interval=_interval(half, result.counters["CYCLES_TOTAL"]),
        cycles_source="cosim",
        build_s=build_s,
    )
    tell(area_source="open synthesis", **synthesize_bat(config))


def predicted_interval(config: AcceleratorConfig, program: EncoderProgram, case: Case) -> int:
    """Clocks a sequence of a batch by the cycle model."""
    ends = predict(config, program_shape(program), [case.length] * FRAMES).ends
    return _interval(ends[FRAMES // 2 - 1], ends[-1])


def _interval(half: int, whole: int) -> int:
    """Clocks a sequence in the second half of a batch."""
    return round((whole - half) / (FRAMES - FRAMES // 2))


def synthesize_bat(config: AcceleratorConfig) -> dict[str, float]:
    """The whole accelerator of ``config`` by open synthesis; kept, since it is the same for every case."""
    return counts(synthesize_unit(accelerator_job(config)))


def run_hls4ml_fused(case: Case, tell: Tell) -> None:
    """Our kernels as nodes of an hls4ml model, compiled by g++: exact or not; there are no cycles."""
    from batflow.hls.hls4ml import convert, encode

    program, rows = program_of(case), rows_of(case)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="batflow_comparison_") as folder:
        graph = convert(program, Path(folder) / "project")
        tell(converts=True)
        graph.compile()
        tell(build_s=round(time.perf_counter() - began, 1))
        wrong, values = mismatches(program, rows, encode(graph, program, rows))
    tell(mismatches=wrong, values=values)
