# SPDX-License-Identifier: Apache-2.0
"""The stitched RTL of whole layers in Verilator: equal to the reference, at the estimated interval."""

from __future__ import annotations

from . import needs_finn  # noqa: F401  # isort: skip

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from batflow.errors import EngineError
from batflow.hls.finn import rtllib, units_rtl  # noqa: F401  # units_rtl registers the operators
from batflow.hls.finn.flow import folded
from batflow.hls.finn.frames import expected, frames
from batflow.hls.finn.hardware import connect, generate
from batflow.hls.finn.simulate import IDLE_LIMIT
from batflow.hls.finn.sizing import Target, deep, idle_limit, round_up, simulation, size
from batflow.hls.packing import WeightKind
from batflow.hls.program import EncoderProgram

from ..programs import random_program
from ..rtl_engines import require_verilator
from .finn_layers import PART, options

TARGET = Target(PART, 5.0)


def layer(kind: WeightKind, bits: int) -> EncoderProgram:
    return random_program(5, 1, 16, 2, 32, 4, bits, kind)


def test_a_sized_layer_equals_the_reference_at_the_estimated_interval(tmp_path: Path) -> None:
    require_verilator()
    program = layer("binary", 4)
    model, folding = folded(program, options(4, 128))
    inputs = frames(program, 4, 16, seed=1)
    wanted = expected(program, (0,), inputs)
    sized = size(model, TARGET, tmp_path, inputs)
    assert np.array_equal(sized.run.frames, wanted)
    assert sized.run.interval == folding.interval == sized.deep_interval
    assert max(sized.depths.values()) < max(deep(model, PART).values())
    for stalls in ({"stall_in": 40}, {"stall_out": 40}, {"stall_in": 30, "stall_out": 30}):
        run = sized.simulation.run(inputs, seed=3, **stalls)
        assert np.array_equal(run.frames, wanted)
    again = sized.simulation.run(inputs)
    assert again.latency == sized.run.latency < 16 * folding.interval

    # Negative control: one bit of one weight in the memory that the simulation reads.
    memory = memories(sized.model)
    before = memory[0].read_text()
    words = before.split("\n")
    words[0] = f"{int(words[0], 16) ^ 2:0{len(words[0])}x}"
    memory[0].write_text("\n".join(words))
    assert not np.array_equal(sized.simulation.run(inputs).frames, wanted)
    memory[0].write_text(before)
    assert np.array_equal(sized.simulation.run(inputs).frames, wanted)


def memories(model: ModelWrapper) -> list[Path]:
    """Weight memories of the static MVAUs."""
    return [path for path in generated(model) if path.name == "memblock.dat"]


def generated(model: ModelWrapper) -> list[Path]:
    """Files that FINN generated for the MVAUs."""
    folders = [
        Path(getCustomOp(node).get_nodeattr("code_gen_dir_ipgen"))
        for node in model.graph.node
        if node.op_type.startswith("MVAU")
    ]
    return [path for folder in folders for path in sorted(folder.iterdir())]


def test_two_accumulators_and_one_bit_equal_the_reference(tmp_path: Path) -> None:
    require_verilator()
    program = layer("wtws", 1)
    model, folding = folded(program, options(4, 96))
    inputs = frames(program, 4, 12, seed=2)
    _, sim = simulation(model, TARGET, tmp_path, deep(model, PART))
    run = sim.run(inputs)
    assert np.array_equal(run.frames, expected(program, (0,), inputs))
    assert run.interval <= folding.interval


def test_depths_are_rounded_up() -> None:
    assert [round_up(fill) for fill in (0, 1, 2, 3, 4, 5, 64, 65)] == [2, 2, 2, 4, 4, 8, 64, 128]


def test_another_finn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "other"
    for name in rtllib.FILES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("module changed; endmodule\n")
    monkeypatch.setattr(rtllib, "source_folder", lambda: source)
    with pytest.raises(EngineError, match="not the one of version"):
        rtllib.port(tmp_path / "copy")


def test_the_port_changes_one_line_of_two_files(tmp_path: Path) -> None:
    changed = []
    for name, copy in zip(rtllib.FILES, rtllib.port(tmp_path / "copy"), strict=True):
        before = Counter((rtllib.source_folder() / name).read_text().splitlines())
        after = Counter(copy.read_text().splitlines())  # functions of the adder tree only move
        changed += [name] * (before - after).total()
        assert (before - after).total() == (after - before).total()
    assert changed == ["mvu/mvu.sv", "fifo/hdl/fifo.sv"]


def test_the_clock_period_reaches_the_generated_rtl() -> None:
    model, _ = folded(layer("binary", 4), options(4, 128))
    texts = []
    for clock_ns in (1.0, 20.0):
        wired = generate(connect(model, PART, {}, 2), PART, clock_ns)
        texts.append([path.read_text() for path in generated(wired) if path.suffix == ".v"])
    assert texts[0] and texts[0] != texts[1]


def test_a_slow_graph_is_given_time() -> None:
    quick, folding = folded(layer("binary", 4), options(4, 128))
    assert folding.interval < 200 and idle_limit(quick) == IDLE_LIMIT
    slow, folding = folded(random_program(5, 1, 256, 2, 1024, 8), options(8, 1_000_000))
    assert idle_limit(slow) > 2 * 6 * 8 * 256 * 256 > IDLE_LIMIT
