# SPDX-License-Identifier: Apache-2.0
"""The cycle model against cosim on one small build, and its own properties."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_build import build_cosim
from batflow.hls.cycle_model import ModelShape, Prediction, predict, program_shape
from batflow.hls.cycle_model_memory import Bandwidth, Port
from batflow.hls.packing import WeightKind

from .programs import random_program
from .rtl_engines import require_verilator

CONFIG = AcceleratorConfig(
    max_layers=4, max_hidden=64, max_heads=4, max_ffn=128, max_tokens=32, max_bits=4, qmm_tokens=4,
    qmm_outputs=16, vu_lanes=8, ln_lanes=8, softmax_lanes=8, memory_latency_cycles=64,
    memory_bytes_per_cycle=96, sequences_in_flight=2,
)  # fmt: skip
SHAPE = ModelShape.uniform(2, 64, 4, 128, 2)
LANES = CONFIG.model_copy(
    update={"vu_lanes": 8, "ln_lanes": 4, "qu_lanes": 16, "softmax_lanes": 8, "weight_planes": 1}
)
"""Another number of lanes for rows, QU and softmax each."""
# Layers, hidden, heads, FFN, bits, kind, lengths, memory latency, bytes a clock.
Case = tuple[int, int, int, int, int, WeightKind, tuple[int, ...], int, int]
CASES: list[Case] = [
    (2, 64, 4, 128, 4, "binary", (32, 32, 32), 64, 96),
    (1, 32, 1, 128, 1, "ternary", (5,), 64, 96),
    (3, 64, 4, 96, 2, "wtws", (17, 32, 1, 8), 200, 96),
    (2, 64, 2, 128, 3, "binary", (30, 20), 16, 2),
]


@functools.cache
def library(config: AcceleratorConfig) -> str:
    """A build, made once for all tests."""
    require_verilator()
    return str(build_cosim(config))


def simulated(
    case: Case, monkeypatch: pytest.MonkeyPatch, config: AcceleratorConfig = CONFIG
) -> tuple[dict[str, int], Prediction]:
    """Counters of cosim and what the model says."""
    from pathlib import Path

    layers, hidden, heads, ffn, bits, kind, lengths, latency, bandwidth = case
    monkeypatch.setenv("BATFLOW_MEMORY_LATENCY", str(latency))
    monkeypatch.setenv("BATFLOW_MEMORY_BYTES", str(1024 * bandwidth))
    program = random_program(
        1, layers=layers, hidden=hidden, heads=heads, ffn=ffn, max_len=max(lengths), bits=bits, kind=kind
    )
    rng = np.random.default_rng(2)
    engine = CosimEngine(program, Path(library(config)))
    try:
        counters = engine.run(
            [rng.integers(-3000, 3000, (n, hidden)).astype(np.int16) for n in lengths]
        ).counters
    finally:
        engine.close()
    memory = {"memory_latency_cycles": latency, "memory_bytes_per_cycle": bandwidth}
    return counters, predict(config.model_copy(update=memory), program_shape(program), lengths)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[5]}-{case[4]}")
def test_total_cycles_are_those_of_cosim_within_five_percent(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters, model = simulated(case, monkeypatch)
    assert abs(model.cycles / counters["CYCLES_TOTAL"] - 1) <= 0.05
    # The array's steps are no estimate: they follow from the shapes.
    assert model.mha_taking == counters["CYCLES_MHA_QMM"]
    assert model.ffn_taking == counters["CYCLES_FFN_QMM"]


@pytest.mark.parametrize("bits", [1, 4])
def test_lanes_that_differ(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case: Case = (2, 64, 4, 128, bits, "binary", (32, 32, 19), 64, 96)
    counters, model = simulated(case, monkeypatch, LANES)
    assert abs(model.cycles / counters["CYCLES_TOTAL"] - 1) <= 0.05


def cycles(config: AcceleratorConfig = CONFIG, lengths: Sequence[int] = (32,), bits: int = 2) -> int:
    return predict(config, ModelShape.uniform(2, 64, 4, 128, bits), lengths).cycles


def test_less_of_anything_is_never_faster() -> None:
    base = cycles()
    assert cycles(CONFIG.model_copy(update={"memory_latency_cycles": 400})) > base
    assert cycles(CONFIG.model_copy(update={"memory_bytes_per_cycle": 1})) > base
    assert cycles(bits=4) > base
    assert cycles(lengths=(31,)) <= base
    assert cycles(lengths=(32, 32)) < 2 * base
    one = CONFIG.model_copy(update={"sequences_in_flight": 1})
    assert cycles(one, (32, 32, 32)) > cycles(CONFIG, (32, 32, 32))


def test_layers_may_differ() -> None:
    wide, thin = ModelShape.uniform(1, 64, 4, 128, 4), ModelShape.uniform(1, 64, 4, 128, 1)
    mixed = predict(CONFIG, [wide, thin], [32]).cycles
    assert predict(CONFIG, [thin, thin], [32]).cycles < mixed < predict(CONFIG, [wide, wide], [32]).cycles


@pytest.mark.parametrize("lengths", [[], [0]])
def test_a_batch_without_rows_is_refused(lengths: list[int]) -> None:
    with pytest.raises(InputError, match="one sequence of at least one token"):
        predict(CONFIG, SHAPE, lengths)


def test_ports_share_the_bandwidth() -> None:
    alone, shared = Bandwidth(16), Bandwidth(16)
    single = Port(16, 10, alone, True).weights(0, 1 << 14, 0)
    ports = [Port(16, 10, shared, first) for first in (True, False)]
    both = max(port.weights(0, 1 << 14, 0) for port in ports)
    assert single == pytest.approx((1 << 14) / 16, rel=0.1)
    assert both == pytest.approx(2 * single, rel=0.1)
