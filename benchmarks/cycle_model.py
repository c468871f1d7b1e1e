# SPDX-License-Identifier: Apache-2.0
"""Compare the cycle model with cosim over random configs and programs.

    python benchmarks/cycle_model.py [--output benchmarks/results/cycle_model.json]

Six builds, five cases each: program shape, kinds, bits, lengths, memory latency and bandwidth are random.
A case that the output file already has, of the same build, is not simulated again, so the command can
be interrupted. A build takes one to three minutes of a core.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from batflow.errors import UserError  # noqa: E402
from batflow.files import read_json, write_json  # noqa: E402
from batflow.hls.config import AcceleratorConfig  # noqa: E402
from batflow.hls.cosim import CosimEngine  # noqa: E402
from batflow.hls.cosim_build import build_cosim  # noqa: E402
from batflow.hls.cycle_model import ModelShape, predict  # noqa: E402
from batflow.hls.packing import WeightKind  # noqa: E402
from tests.hls.programs import random_program  # noqa: E402

OUTPUT = ROOT / "benchmarks" / "results" / "cycle_model.json"
CASES = 5
COUNTERS = {
    "cycles": "TOTAL",
    "mha_busy": "MHA_BUSY",
    "ffn_busy": "FFN_BUSY",
    "taking": "QMM_BUSY",
    "weight_wait": "WEIGHT_WAIT",
}
Case = dict[str, Any]


def _config(
    tokens: int, ffn_tokens: int, outputs: int, simd: int, lanes: int, act: int, tiles: int, planes: int,
    bits: int, bus: int, in_flight: int = 2, v_channels: int = 1, others: tuple[int, int, int] | None = None,
) -> AcceleratorConfig:  # fmt: skip
    vu, norm, softmax = others or (lanes, lanes, lanes)
    return AcceleratorConfig(
        max_layers=4, max_hidden=256, max_heads=8, max_ffn=512, max_tokens=64, max_bits=bits,
        weight_planes=planes, qmm_tokens=tokens, ffn_qmm_tokens=ffn_tokens, qmm_outputs=outputs,
        qmm_simd_bits=simd, qu_lanes=lanes, vu_lanes=vu, ln_lanes=norm, softmax_lanes=softmax,
        weight_bus_bits=bus,
        activation_tokens=act, result_tiles=tiles, sequences_in_flight=in_flight, v_channels=v_channels,
    )  # fmt: skip


BUILDS = {
    "small": _config(4, 4, 16, 64, 8, 1, 4, 2, 4, 128, others=(8, 4, 8)),
    "narrow": _config(3, 5, 8, 128, 2, 1, 3, 2, 2, 64, v_channels=2),
    "wide": _config(16, 8, 32, 64, 16, 4, 4, 1, 4, 512, others=(8, 8, 16)),
    "tall": _config(8, 16, 32, 64, 8, 8, 4, 1, 1, 256, others=(8, 8, 4)),
    "deep": _config(4, 8, 16, 256, 8, 4, 8, 1, 2, 128, 1, v_channels=2, others=(4, 2, 8)),
    "eight": _config(2, 4, 16, 64, 8, 2, 2, 2, 8, 256, v_channels=8),
}


@dataclass(frozen=True)
class Run:
    """A case: the program's shape, lengths, and the memory's latency and bandwidth."""

    build: str
    seed: int
    layers: int
    hidden: int
    heads: int
    ffn: int
    bits: int
    kind: WeightKind
    lengths: tuple[int, ...]
    latency: int
    bandwidth: int


def random_run(name: str, seed: int) -> Run:
    """Case ``seed`` of build ``name``."""
    config, rng = BUILDS[name], np.random.default_rng([seed, list(BUILDS).index(name)])
    lanes = config.result_lanes
    sizes = [(d, h) for d in (64, 96, 128, 192, 256) for h in (1, 2, 4, 8) if d // h % lanes == 0]
    hidden, heads = sizes[rng.integers(len(sizes))]
    kinds: list[WeightKind] = ["binary", "ternary", "wtws"] if config.weight_planes == 2 else ["binary"]
    return Run(
        name, seed, int(rng.integers(1, 5)), hidden, heads, int(rng.integers(2, 33)) * 16,
        int(rng.integers(1, config.max_bits + 1)), kinds[rng.integers(len(kinds))],
        tuple(int(n) for n in rng.integers(4, 65, rng.integers(1, 5))),
        int(rng.choice([16, 64, 200])), int(rng.choice([4, 16, 96])),
    )  # fmt: skip


def simulate(run: Run, library: Path) -> dict[str, int]:
    """Clocks of a case by cosim."""
    os.environ["BATFLOW_MEMORY_LATENCY"] = str(run.latency)
    os.environ["BATFLOW_MEMORY_BYTES"] = str(1024 * run.bandwidth)
    program = random_program(
        run.seed, layers=run.layers, hidden=run.hidden, heads=run.heads, ffn=run.ffn,
        max_len=max(run.lengths), bits=run.bits, kind=run.kind,
    )  # fmt: skip
    rng = np.random.default_rng(run.seed)
    rows = [rng.integers(-3000, 3000, (n, run.hidden)).astype(np.int16) for n in run.lengths]
    engine = CosimEngine(program, library)
    try:
        counters = engine.run(rows).counters
    finally:
        engine.close()
    return {name: counters[f"CYCLES_{register}"] for name, register in COUNTERS.items()}


def compare(run: Run, cosim: dict[str, int]) -> Case:
    """A case with clocks of cosim and of the model, and the model's relative error."""
    memory = {"memory_latency_cycles": run.latency, "memory_bytes_per_cycle": run.bandwidth}
    config = BUILDS[run.build].model_copy(update=memory)
    shape = ModelShape.uniform(run.layers, run.hidden, run.heads, run.ffn, run.bits, run.kind)
    found = predict(config, shape, run.lengths)
    model = {
        "cycles": found.cycles,
        "mha_busy": found.mha_busy,
        "ffn_busy": found.ffn_busy,
        "taking": found.mha_taking + found.ffn_taking,
        "weight_wait": found.weight_wait,
    }
    error = round(found.cycles / cosim["cycles"] - 1, 5)
    return {**asdict(run), "cosim": cosim, "model": model, "error": error}


def _known(output: Path) -> dict[str, Case]:
    if not output.is_file():
        return {}
    cases: dict[str, Case] = read_json(output)["cases"]
    return cases


def _rest(known: dict[str, Case], cases: dict[str, Case]) -> dict[str, Case]:
    """What an earlier command left and this one has not come to yet."""
    done = {key.rsplit("/", 1)[0] for key in cases}
    return {key: case for key, case in known.items() if key.rsplit("/", 1)[0] not in done}


def summary(cases: dict[str, Case]) -> Case:
    """The file's content: median and worst error, and every case."""
    errors = [abs(case["error"]) for case in cases.values()]
    return {
        "command": "python benchmarks/cycle_model.py",
        "date": datetime.date.today().isoformat(),
        "figures": {
            "cycle_model_median_error": {
                "value": round(100 * statistics.median(errors), 3), "unit": "%", "source": "cosim"
            },
            "cycle_model_worst_error": {
                "value": round(100 * max(errors), 3), "unit": "%", "source": "cosim"
            },
            "cases": {"value": len(cases), "unit": "runs", "source": "cosim"},
        },
        "cases": cases,
    }  # fmt: skip


def main() -> None:
    """Run what is missing; print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file, read and written")
    output = parser.parse_args().output
    known, cases = _known(output), {}
    for name, config in BUILDS.items():
        library = build_cosim(config)
        for seed in range(CASES):
            key = f"{name}/{seed}/{library.parent.name}"
            run = random_run(name, seed)
            cosim = known[key]["cosim"] if key in known else simulate(run, library)
            cases[key] = compare(run, cosim)
            print(f"{name}/{seed}: cosim {cases[key]['cosim']}, error {cases[key]['error']:+.2%}", flush=True)
            write_json(output, summary(_rest(known, cases) | cases))


if __name__ == "__main__":
    try:
        main()
    except UserError as exc:
        sys.exit(f"error: {exc}")
