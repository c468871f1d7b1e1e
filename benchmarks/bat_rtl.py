# SPDX-License-Identifier: Apache-2.0
"""Measure the whole RTL accelerator in cosim at BERT-base size; write benchmarks/results/bat_rtl.json.

    make bench-rtl        (or: python -m benchmarks.bat_rtl [--output FILE])

Two builds with 768 hidden values. Every sequence's final rows are compared with the numpy reference.
``cosim_gmacs_per_s`` is of two batches side by side, a core each (``cosim_cores``); ``cosim_gmacs_per_cpu_s``
is by seconds of CPU, so that other work on the machine changes it little.
Cycles have source cosim, wall times of the simulation source host; what a board's config would reach
comes from the cycle and area models (source estimate, clock assumed). One to two minutes a build, five
minutes in all on two quiet cores.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batflow.files import read_json
from batflow.flow.configs import board_limits
from batflow.hls import cosim_build
from batflow.hls.area_model import area
from batflow.hls.config import AcceleratorConfig, load_config
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_jobs import BatchRun, Rows
from batflow.hls.cycle_model import ModelShape
from batflow.hls.cycle_model_search import evaluate, tops, weight_bytes
from batflow.hls.packing import WeightKind
from batflow.hls.program import EncoderProgram
from batflow.hls.reference.encoder import Reference
from batflow.overlays.board import load_board
from benchmarks.slice import RESULTS, Figure, figure, report, write_record
from tests.hls.programs import random_program

HIDDEN, HEADS, FFN, LENGTH = 768, 12, 3072, 128
CORES = 2
"""Batches side by side where the speed of simulation is measured."""
CONFIGS = Path(cosim_build.__file__).parent / "configs"
TARGETS = {"zcu102_w1a1": ("zcu102", 1), "zcu102_w1a4": ("zcu102", 4), "kv260_w1a1": ("kv260", 1)}


def make_config(outputs: int, tokens: tuple[int, int], bits: int, planes: int) -> AcceleratorConfig:
    """Return a config of BERT-base maxima with 16 lanes."""
    return AcceleratorConfig(
        max_layers=12, max_hidden=HIDDEN, max_heads=HEADS, max_ffn=FFN, max_tokens=LENGTH, max_bits=bits,
        weight_planes=planes, qmm_tokens=tokens[0], ffn_qmm_tokens=tokens[1], qmm_outputs=outputs,
        qmm_simd_bits=64, vu_lanes=16, ln_lanes=16, softmax_lanes=16, weight_bus_bits=512,
        activation_tokens=4, result_tiles=8,
    )  # fmt: skip


BINARY = make_config(16, (24, 32), 4, 1)
EVERY_KIND = make_config(32, (16, 16), 8, 2)


@dataclass(frozen=True)
class Case:
    """One run: layers of BERT-base width, weight kind, activation bits, sequence lengths."""

    config: AcceleratorConfig
    layers: int
    bits: int
    lengths: tuple[int, ...]
    kind: WeightKind = "binary"


EQUALITY = [
    *(Case(BINARY, 4, bits, (16, 77, 128)) for bits in (1, 2, 4)),
    Case(EVERY_KIND, 4, 8, (16, 128)),
    *(Case(EVERY_KIND, 4, bits, (128, 16, 50), kind) for kind in ("ternary", "wtws") for bits in (1, 4)),
]


@dataclass(frozen=True)
class Outcome:
    """What a run gave; ``seconds`` (wall) and ``cpu`` of simulation alone, of all batches together."""

    mismatches: int
    seconds: float
    cpu: float
    macs: int
    counters: dict[str, int]
    timeline: dict[str, Any]


def run(case: Case, jobs: int = 1) -> Outcome:
    """Simulate ``jobs`` batches of ``case`` side by side and compare their rows with the reference.

    Counters and timeline are those of the first.
    """
    program = random_program(
        3, case.layers, hidden=HIDDEN, heads=HEADS, ffn=FFN, max_len=LENGTH, bits=case.bits, kind=case.kind
    )
    library = cosim_build.build_cosim(case.config)
    rng = np.random.default_rng(1)
    batches: list[Rows] = [
        [rng.integers(-3000, 3000, (length, HIDDEN)).astype(np.int16) for length in case.lengths]
        for _ in range(jobs)
    ]
    began: list[tuple[float, float]] = []
    ready = threading.Barrier(jobs, lambda: began.append((time.perf_counter(), time.process_time())))

    def simulate(rows: Rows) -> BatchRun:
        engine = CosimEngine(program, library)
        ready.wait()  # opened all, so that only simulation is timed
        try:
            return BatchRun(engine.run(rows), engine.timeline())
        finally:
            engine.close()

    with ThreadPoolExecutor(jobs) as pool:
        runs = list(pool.map(simulate, batches))
        seconds, cpu = time.perf_counter() - began[0][0], time.process_time() - began[0][1]
    wrong = sum(wrong_values(program, rows, one) for rows, one in zip(batches, runs, strict=True))
    counters = runs[0].result.counters
    print(f"{case.layers} layers, {case.kind}, {case.bits} bits, {jobs} x {case.lengths}: {wrong} wrong,"
          f" {counters['CYCLES_TOTAL']} clocks, {seconds:.1f} s, {cpu:.1f} s of CPU", flush=True)  # fmt: skip
    macs = sum(simulated_macs(case, one.result.counters) for one in runs)
    return Outcome(wrong, seconds, cpu, macs, counters, runs[0].timeline)


def wrong_values(program: EncoderProgram, rows: Rows, one: BatchRun) -> int:
    """Values of a batch's final rows that differ from the reference."""
    reference = Reference(program)
    pairs = zip(rows, one.result.outputs, strict=True)
    return sum(int((reference.encode(given.astype(np.int64)).hidden != out).sum()) for given, out in pairs)


def steady_share(timeline: dict[str, Any]) -> float:
    """Least QMM busy share of the two modules in the middle 40 % of a run."""
    shares = []
    for module in ("mha", "ffn"):
        taking = timeline[module]["taking"]
        low, high = int(0.3 * len(taking)), int(0.7 * len(taking))
        shares.append(sum(taking[low:high]) / (timeline["bin"] * (high - low)))
    return min(shares)


def simulated_macs(case: Case, counters: dict[str, int]) -> int:
    """Binary multiply-accumulates of all steps."""
    unit = case.config.qmm_outputs * case.config.qmm_simd_bits
    rows = counters["CYCLES_MHA_QMM"] * case.config.qmm_tokens
    rows += counters["CYCLES_FFN_QMM"] * case.config.ffn_tokens
    return unit * rows


def cosim_figures() -> dict[str, Figure]:
    """Run everything that is simulated."""
    mismatches = sum(run(case).mismatches for case in EQUALITY)
    single, pair = Case(BINARY, 4, 4, (LENGTH,)), Case(BINARY, 6, 4, (LENGTH, LENGTH))
    alone, both = run(single), run(pair, CORES)
    sentence = run(Case(BINARY, 12, 1, (LENGTH,)))
    mismatches += alone.mismatches + both.mismatches + sentence.mismatches
    overhead = alone.counters["CYCLES_TOTAL"] / alone.counters["CYCLES_QMM_BUSY"]
    return {
        "verify_mismatches": figure(mismatches, "values", "cosim"),
        "qmm_busy_share": figure(round(steady_share(both.timeline), 4), "1", "cosim"),
        "single_sequence_overhead": figure(round(overhead, 4), "1", "cosim"),
        "cosim_cores": figure(CORES, "cores", "host"),
        "cosim_gmacs_per_s": figure(round(both.macs / both.seconds / 1e9, 2), "1e9/s", "host"),
        "cosim_gmacs_per_cpu_s": figure(round(both.macs / both.cpu / 1e9, 2), "1e9/s", "host"),
        "bert_base_cosim_s": figure(round(sentence.seconds, 1), "s", "host"),
        "bert_base_w1a1_cycles": figure(sentence.counters["CYCLES_TOTAL"], "clocks", "cosim"),
    }


def sustained(config: AcceleratorConfig, bits: int) -> tuple[int, float]:
    """Wrong values and clocks a BERT-base sentence, from runs of two and of four on the config's RTL."""
    two, four = (run(Case(config, 12, bits, (LENGTH,) * count)) for count in (2, 4))
    clocks = (four.counters["CYCLES_TOTAL"] - two.counters["CYCLES_TOTAL"]) / 2
    return two.mismatches + four.mismatches, clocks


def board_figures() -> dict[str, Figure]:
    """What the committed configs of boards reach: clocks by cosim, area by its model.

    The clock rate is assumed, so TOPS stay estimates.
    """
    found: dict[str, Figure] = {}
    wrong = 0
    for name, (board, bits) in TARGETS.items():
        config = load_config(CONFIGS / f"{name}.yaml")
        limits = board_limits(load_board(board), config.clock_mhz, 1.0)
        shape = ModelShape.uniform(12, HIDDEN, HEADS, FFN, bits)
        candidate = evaluate(config, shape, LENGTH, limits)
        mismatches, clocks = sustained(config, bits)
        wrong += mismatches
        reached = tops(shape, LENGTH, config.clock_mhz * 1e6 / clocks)
        roof = tops(shape, LENGTH, limits.memory_gbytes_per_s * 1e9 / weight_bytes(shape))
        array = area(config)
        macs = config.binary_macs_per_cycle
        arrays = sum(part.lut for key, part in array.items() if "array" in key)
        found |= {
            f"{name}_tops": figure(round(reached, 2), "TOPS", "estimate"),
            f"{name}_interval_cycles": figure(round(clocks), "clocks", "cosim"),
            f"{name}_model_interval_cycles": figure(round(candidate.interval), "clocks", "estimate"),
            f"{name}_lut_share": figure(round(candidate.area.lut / limits.lut, 3), "1", "estimate"),
            f"{name}_roofline_share": figure(round(reached / roof, 3), "1", "estimate"),
            f"{name}_lut_per_mac_array": figure(round(arrays / macs, 3), "LUT", "estimate"),
            f"{name}_lut_per_mac_total": figure(round(candidate.area.lut / macs, 3), "LUT", "estimate"),
        }
    found["boards_mismatches"] = figure(wrong, "values", "cosim")
    found["lut_per_mac_array"] = found["zcu102_w1a4_lut_per_mac_array"]
    found["lut_per_mac_total"] = found["zcu102_w1a4_lut_per_mac_total"]
    qor = read_json(RESULTS.parent / "qor" / "qmm_array.json")
    found["dsp_qmm"] = figure(qor["total"]["dsp"], "DSP", "estimate")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Write bat_rtl.json; exit code 2 with one line on a user's error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=RESULTS / "bat_rtl.json")
    given = parser.parse_args(arguments)

    def write() -> None:
        errors = read_json(RESULTS / "cycle_model.json")["figures"]
        kept = {name: errors[name] for name in ("cycle_model_median_error", "cycle_model_worst_error")}
        write_record(given.output, "make bench-rtl", cosim_figures() | kept | board_figures())

    return report(given.output, write)


if __name__ == "__main__":
    sys.exit(main())
