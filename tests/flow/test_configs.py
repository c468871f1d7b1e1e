# SPDX-License-Identifier: Apache-2.0
"""`batflow configs`: models by name, search, table, JSON and roofline."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from batflow.errors import InputError
from batflow.flow.configs import as_table, board_limits, find_configs, model_shape
from batflow.hls import cycle_model_search
from batflow.hls.config import AcceleratorConfig, load_config
from batflow.hls.cycle_model_search import bound, evaluate, search
from batflow.hls.rtl_limits import rtl_faults
from batflow.overlays.board import load_board

FOLDER = Path(__file__).parents[2] / "hls" / "configs"
LIMITS = board_limits(load_board("zcu102"), 200.0, 0.7)


@pytest.fixture
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid that takes no time."""
    for name, values in {"TOKENS": (4, 8), "OUTPUTS": (16,), "SIMDS": (32, 64), "LANES": (8, 16)}.items():
        monkeypatch.setattr(cycle_model_search, name, values)


def test_shapes_by_name_and_by_numbers() -> None:
    assert model_shape("bert-base", 1).macs(128) == 12 * 128 * (12 * 768**2 + 2 * 128 * 768)
    assert model_shape("2x64x4x128", 4).bits["q"] == 4
    for wrong in ("bert-huge", "2x64x5x128", "0x64x4x128"):
        with pytest.raises(InputError, match="unknown"):
            model_shape(wrong, 1)


def test_a_board_without_a_part_is_refused() -> None:
    with pytest.raises(InputError, match="no part"):
        board_limits(load_board("emulated"), 200.0, 0.7)


def test_search_gives_legal_configs_best_first(small_grid: None) -> None:
    shape = model_shape("2x128x2x256", 2)
    found = search(shape, 32, LIMITS, top=3)
    rates = [candidate.sequences_per_s for candidate in found.best]
    assert rates == sorted(rates, reverse=True)
    assert not any(rtl_faults(candidate.config) for candidate in found.best)
    assert all(candidate.area.lut <= 0.7 * LIMITS.lut for candidate in found.best)
    assert any("qmm_simd_bits is 32" in reason for reason in found.excluded)
    assert found.best[0].config.qu_lanes == 16


def test_few_lanes_are_named_as_the_bound() -> None:
    shape = model_shape("2x128x2x256", 1)
    config = AcceleratorConfig(
        max_hidden=128, max_heads=2, max_ffn=256, max_tokens=128, max_bits=1, weight_planes=1,
        qmm_tokens=8, ffn_qmm_tokens=64, qmm_outputs=16, vu_lanes=2, ln_lanes=2, softmax_lanes=2,
        sequences_in_flight=2, memory_latency_cycles=64,
    )  # fmt: skip
    assert bound(config, shape, 128, LIMITS).name == "MHA results"


def test_the_interval_is_never_below_the_bound() -> None:
    shape = model_shape("2x128x2x256", 4)
    config = AcceleratorConfig(
        max_hidden=128, max_heads=2, max_ffn=256, max_tokens=64, qmm_tokens=8, qmm_outputs=16, vu_lanes=8,
        ln_lanes=8, softmax_lanes=8, sequences_in_flight=2, memory_latency_cycles=64,
    )  # fmt: skip
    found = evaluate(config, shape, 64, LIMITS)
    assert found.interval >= found.bound.cycles


def test_tables_go_to_luts_where_block_rams_are_scarce(small_grid: None) -> None:
    shape = model_shape("2x128x2x256", 2)
    before = search(shape, 32, LIMITS, top=1).best[0]
    assert before.config.lut_table_words == 0
    least = replace(LIMITS, bram36=int(before.area.bram36) - 24)
    found = search(shape, 32, least, top=3).best
    assert found and all(candidate.config.lut_table_words == 128 for candidate in found)
    assert all(candidate.area.bram36 <= least.bram36 for candidate in found)


def test_v_is_taken_as_fast_as_it_comes(small_grid: None) -> None:
    """Half the tokens at once need twice the channels; one channel a clock bounds MHA's results."""
    shape = model_shape("2x128x2x256", 1)
    config = (
        search(shape, 32, LIMITS, top=1).best[0].config.model_copy(update={"qmm_tokens": 6, "v_channels": 4})
    )
    slow = config.model_copy(update={"v_channels": 1})
    assert bound(slow, shape, 32, LIMITS).causes["MHA results"] > bound(config, shape, 32, LIMITS).cycles
    assert evaluate(slow, shape, 32, LIMITS).interval > evaluate(config, shape, 32, LIMITS).interval


def test_files_and_table(small_grid: None, tmp_path: Path) -> None:
    output, plot = tmp_path / "configs.json", tmp_path / "roof.svg"
    console = Console(file=io.StringIO(), width=140)
    table = find_configs(
        "zcu102", "2x128x2x256", 2, 32, console, top=2, output=output, roofline=plot
    )  # fmt: skip
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "bound by" in text and "estimate" in text
    record = json.loads(output.read_text())
    assert record["source"] == "estimate" and len(record["configs"]) == 2
    assert plot.read_text().lstrip().startswith("<?xml")


def test_nothing_fits_is_told(small_grid: None) -> None:
    tiny = board_limits(load_board("kv260"), 200.0, 0.05)
    found = search(model_shape("2x128x2x256", 2), 32, tiny, top=2)
    assert found.best == [] and found.legal == 0
    console = Console(file=io.StringIO(), width=140)
    console.print(as_table(found, model_shape("2x128x2x256", 2), 32, tiny))
    assert "exceeds kv260" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_committed_configs_are_legal(file: Path) -> None:
    assert rtl_faults(load_config(file)) == []
    assert "estimate" in file.read_text()
