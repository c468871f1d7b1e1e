# SPDX-License-Identifier: Apache-2.0
"""Folding by target, and estimates: every node meets the target, none is free."""

from __future__ import annotations

from . import needs_finn  # noqa: F401  # isort: skip

from pathlib import Path

import pytest
from qonnx.custom_op.registry import getCustomOp

from batflow.errors import InputError, MissingToolError
from batflow.hls.finn import units_rtl  # noqa: F401  # registers the operators
from batflow.hls.finn.encoder import encoder_graph
from batflow.hls.finn.flow import cycles_of, folded
from batflow.hls.finn.folding import node_cycles
from batflow.hls.finn.vendor import REPORTS, estimate, implement

from ..programs import random_program
from .finn_layers import PART, options

PROGRAM = random_program(3, layers=1, hidden=64, heads=2, ffn=128, max_len=16)


@pytest.mark.parametrize("target", [4096, 1024, 256])
def test_every_node_meets_the_target(target: int) -> None:
    model, folding = folded(PROGRAM, options(16, target))
    assert folding.met and folding.interval == max(folding.cycles.values()) <= target
    assert set(folding.cycles) == {node.name for node in model.graph.node}
    for node in model.graph.node:
        operator = getCustomOp(node)
        assert 0 < node_cycles(operator) <= target
        dynamic = node.op_type.startswith("MVAU") and operator.get_nodeattr("mem_mode") == "dynamic"
        if dynamic:  # the weights of a head are loaded while those of the last one are used
            words = operator.get_nodeattr("MH") // operator.get_nodeattr("PE")
            assert 2 * operator.get_nodeattr("MW") * words <= target


def test_a_slower_target_needs_less() -> None:
    def dsp(target: int) -> int:
        model, _ = folded(PROGRAM, options(16, target))
        return sum(getCustomOp(node).dsp_estimation(PART) for node in model.graph.node)

    assert dsp(8192) < dsp(1024) < dsp(256)


def test_an_unreachable_target_gives_the_best() -> None:
    _, folding = folded(PROGRAM, options(16, 1))
    assert not folding.met and folding.interval > 1
    assert max(folding.cycles.values()) == folding.interval


def test_our_units_are_not_free() -> None:
    model, _ = folded(PROGRAM, options(16, 512))
    for node in model.graph.node:
        if node.op_type.startswith("Bat"):
            operator = getCustomOp(node)
            assert operator.lut_estimation(PART) > 0 and operator.get_exp_cycles() > 0
            if node.op_type.split("_")[0] in ("BatSoftmax", "BatLayerNorm", "BatResidual"):
                assert operator.dsp_estimation(PART) > 0


def test_the_builder_writes_its_estimates(tmp_path: Path) -> None:
    graph = encoder_graph(PROGRAM, 16)
    reports = estimate(graph, tmp_path, PART, 1024, 5.0)
    _, folding = folded(PROGRAM, options(16, 1024))
    assert set(reports) == set(REPORTS)
    assert reports["estimate_network_performance"]["max_cycles"] == folding.interval
    assert sorted(reports["estimate_layer_cycles"].values()) == sorted(folding.cycles.values())
    assert reports["estimate_layer_resources"]["total"]["LUT"] > 0


def test_the_whole_build_asks_for_vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XILINX_VIVADO", raising=False)
    with pytest.raises(MissingToolError, match="XILINX_VIVADO is not set"):
        implement(encoder_graph(PROGRAM, 16), tmp_path, PART, 1024, 5.0)


@pytest.mark.parametrize(("fps", "clock"), [(0, 5), (-1, 5), (100, 0), (1e9, 5)])
def test_impossible_rates_are_refused(fps: float, clock: float) -> None:
    with pytest.raises(InputError):
        cycles_of(fps, clock)
    assert cycles_of(1e5, 5.0) == 2000
