# SPDX-License-Identifier: Apache-2.0
"""The area model: its structural count against the RTL's rules, its memories, and that it grows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batflow.files import read_json
from batflow.hls.area_cells import Area, memory, popcount_ffs, popcount_luts
from batflow.hls.area_model import LANE_COSTS, area, total, transpose
from batflow.hls.config import AcceleratorConfig
from batflow.hls.synth_qor import TRANSPOSE
from batflow.hls.synth_report import Resources, unit_from_json

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
    # Three bits of one compressor, a count of three bits.
    assert popcount_ffs(6, False) == 3 + 3


def test_wide_popcounts_cost_less_a_bit() -> None:
    costs = [popcount_luts(bits, True) / bits for bits in (64, 128, 256, 512)]
    assert costs == sorted(costs, reverse=True)
    assert 1.1 < costs[-1] < costs[0] < 1.3


def test_memories_follow_their_geometry() -> None:
    assert memory(72, 512).bram36 == 1
    assert memory(36, 512).bram36 == 0.5
    assert memory(72, 513).bram36 == 2
    assert memory(14, 32).lut == 8
    assert memory(16, 128) == Area(lut=64) and memory(64, 128).bram36 == 1
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


# Nodes of the synthesized tree, and the parts of the model that they are; what is left is control.
WHOLE = {
    ("u_mha/u_engine",): ("mha_array", "mha_results", "mha_operands"),
    ("u_ffn/u_engine",): ("ffn_array", "ffn_results", "ffn_operands"),
    ("u_mha/u_buffers", "u_mha/u_results"): ("mha_buffers", "mha_qu"),
    ("u_ffn/u_feeder", "u_ffn/u_writer", "u_ffn/u_x", "u_ffn/u_mid"): ("ffn_buffers",),
    ("u_mha/u_scores",): ("softmax",),
    ("u_ffn/u_qu",): ("ffn_qu",),
    ("u_mha/u_tail", "u_ffn/u_tail"): ("mha_tail", "ffn_tail"),
    ("u_mha/u_entry", "u_ffn/u_entry"): ("entries",),
}


def synthesized() -> tuple[dict[tuple[str, ...], Resources], dict[str, Area]]:
    """Nodes of the committed synthesis of a whole accelerator, () the whole, and the model's parts."""
    record = read_json(QOR / "whole" / "least.json")
    tree = unit_from_json(record["units"]["accelerator"]["tree"])
    sums: dict[str, Resources] = {}
    for path, unit in tree.walk():
        name = path.partition("/")[2]
        sums[name] = sums.get(name, Resources()) + unit.total
    found = {names: sum((sums[name] for name in names), Resources()) for names in WHOLE}
    return {**found, (): tree.total}, area(AcceleratorConfig(**record["config"]), uram=True)


@pytest.mark.parametrize("names", WHOLE)
def test_parts_meet_the_synthesis_of_a_whole_accelerator(names: tuple[str, ...]) -> None:
    found, model = synthesized()
    parts = total({part: model[part] for part in WHOLE[names]})
    # The RTL writes V^T two bits at once, for which the synthesizer multiplies its memory.
    allowed = 0.27 if "mha_buffers" in WHOLE[names] else 0.12
    assert parts.lut == pytest.approx(found[names].lut, rel=allowed)
    assert parts.ff == pytest.approx(found[names].ff, rel=allowed)
    assert parts.bram36 == pytest.approx(found[names].bram36, abs=2) and parts.uram == found[names].uram
    assert parts.dsp == found[names].dsp


def test_the_model_meets_the_synthesis_of_a_whole_accelerator() -> None:
    found, model = synthesized()
    whole = total(model)
    assert whole.lut == pytest.approx(found[()].lut, rel=0.08)
    assert whole.ff == pytest.approx(found[()].ff, rel=0.08)
    assert whole.bram36 == pytest.approx(found[()].bram36, rel=0.05)
    assert (whole.uram, whole.dsp) == (found[()].uram, found[()].dsp)


@pytest.mark.parametrize(
    "change",
    [{"qmm_tokens": 8}, {"qmm_outputs": 32}, {"qmm_simd_bits": 128}, {"max_bits": 8}, {"max_hidden": 256}],
)
def test_more_needs_more(change: dict[str, int]) -> None:
    base, larger = total(area(CONFIG)), total(area(CONFIG.model_copy(update=change)))
    assert larger.lut + 100 * larger.bram36 > base.lut + 100 * base.bram36
