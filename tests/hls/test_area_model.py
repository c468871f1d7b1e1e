# SPDX-License-Identifier: Apache-2.0
"""The area model: its structural count against the RTL's rules, its memories, and that it grows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batflow.hls.area_model import LANE_COSTS, area, memory, popcount_luts, total, transpose
from batflow.hls.config import AcceleratorConfig
from batflow.hls.synth_qor import TRANSPOSE

CONFIG = AcceleratorConfig(
    max_hidden=128, max_heads=2, max_ffn=256, max_tokens=32, max_bits=2, qmm_outputs=16, vu_lanes=8,
    ln_lanes=8, softmax_lanes=8,
)  # fmt: skip
QOR = Path(__file__).parents[2] / "benchmarks" / "qor"


def test_popcounts_by_hand() -> None:
    # Three pairs: two LUTs make a number of two bits; one carry chain of two bits would add it.
    assert popcount_luts(3, True) == 2 + 2
    # Six bits: one 6:3 compressor.
    assert popcount_luts(6, False) == 2 + 3


def test_wide_popcounts_cost_less_a_bit() -> None:
    costs = [popcount_luts(bits, True) / bits for bits in (64, 128, 256, 512)]
    assert costs == sorted(costs, reverse=True)
    assert 1.1 < costs[-1] < costs[0] < 1.3


def test_memories_follow_their_geometry() -> None:
    assert memory(72, 512).bram36 == 1
    assert memory(36, 512).bram36 == 0.5
    assert memory(72, 513).bram36 == 2
    assert memory(14, 32).lut == 8
    assert memory(144, 4096, uram=True).uram == 2


@pytest.mark.parametrize("unit", sorted(LANE_COSTS))
def test_lane_costs_meet_the_committed_synthesis(unit: str) -> None:
    record = json.loads((QOR / f"{unit}.json").read_text())
    lanes = record["parameters"]["LANES"]
    once, lane = LANE_COSTS[unit]
    logic = record["total"]["lut"] - record["total"]["lut_memory"]
    assert once.lut + lanes * lane.lut == pytest.approx(logic, rel=0.05)


def test_the_transposition_meets_the_committed_synthesis() -> None:
    record = json.loads((QOR / "tile_transpose.json").read_text())["total"]
    found = transpose(TRANSPOSE)
    assert (found.lut, found.ff) == pytest.approx((record["lut"], record["ff"]), rel=0.1)


@pytest.mark.parametrize(
    "change",
    [{"qmm_tokens": 8}, {"qmm_outputs": 32}, {"qmm_simd_bits": 128}, {"max_bits": 8}, {"max_hidden": 256}],
)
def test_more_needs_more(change: dict[str, int]) -> None:
    base, larger = total(area(CONFIG)), total(area(CONFIG.model_copy(update=change)))
    assert larger.lut + 100 * larger.bram36 > base.lut + 100 * base.bram36
