# SPDX-License-Identifier: Apache-2.0
"""The streams' own RTL: fork and permute in simulation, every module of ``hls/finn/rtl`` under the linter."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.axis_sim import AxisSim, Beats
from batflow.hls.cosim_softmax import SoftmaxConfig, softmax_module
from batflow.hls.cosim_vector import norm_module, qu_module, vu_module
from batflow.hls.packing import Int64
from batflow.hls.vector_protocol import NormConfig, VectorConfig
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module, find_verilator

from ..rtl_engines import require_verilator

FOLDER = RTL_FOLDER.parent / "finn" / "rtl"
VIEW = (3, 2, 8)  # tokens, heads, channels of a head


def bench(folder: Path, body: str, sources: Sequence[str], outputs: Sequence[AxisPort], bits: int) -> AxisSim:
    """A module ``bench`` around ``body`` with one input stream."""
    require_verilator()
    ports = "".join(
        f", output logic {p.prefix}_tvalid, input logic {p.prefix}_tready,"
        f" output logic [{p.bits - 1}:0] {p.prefix}_tdata"
        for p in outputs
    )
    lasts = "".join(f" output logic {p.prefix}_tlast," for p in outputs)
    text = (
        f"module bench (input logic clk, input logic rst_n,{lasts} input logic s_axis_tvalid,"
        f" output logic s_axis_tready, input logic [{bits - 1}:0] s_axis_tdata{ports});\n{body}"
        + "".join(f"assign {p.prefix}_tlast = 1'b0;\n" for p in outputs)
        + "endmodule\n"
    )
    (folder / "bench.sv").write_text(text)
    files = (*(FOLDER / name for name in sources), folder / "bench.sv")
    return AxisSim(Module("bench", files, {}, (AxisPort("s_axis", bits, last=False),), tuple(outputs)))


def permuter(folder: Path, perm: tuple[int, int, int], lanes: int) -> AxisSim:
    strides = [VIEW[1] * VIEW[2], VIEW[2], 1]
    counters = [
        f".{name}({VIEW[axis]})" for name, axis in zip(("ROWS", "COLUMNS", "LAST"), perm, strict=True)
    ]
    counters += [
        f".{name}({strides[axis]})"
        for name, axis in zip(("STRIDE_ROW", "STRIDE_COLUMN", "STRIDE_LAST"), perm, strict=True)
    ]
    body = (
        f"finn_permute #(.BITS(8), .LANES({lanes}), {', '.join(counters)}) u_permute (.clk, .rst_n, "
        ".in_valid(s_axis_tvalid), .in_ready(s_axis_tready), .in_data(s_axis_tdata), "
        ".out_valid(m_axis_tvalid), .out_ready(m_axis_tready), .out_data(m_axis_tdata));\n"
    )
    return bench(folder, body, ["finn_permute.sv"], [AxisPort("m_axis", 8 * lanes)], 8 * lanes)


def beats(values: Int64, lanes: int) -> Beats:
    data = values.astype(np.uint8).reshape(-1, lanes)
    return Beats(data, np.zeros(len(data), np.uint8))


@pytest.mark.parametrize(("perm", "lanes"), [((1, 0, 2), 4), ((1, 2, 0), 1), ((2, 0, 1), 2)])
def test_permute_is_a_transpose(tmp_path: Path, perm: tuple[int, int, int], lanes: int) -> None:
    sim = permuter(tmp_path, perm, lanes)
    frames = np.random.default_rng(lanes).integers(0, 256, (5, *VIEW))
    wanted = np.array([frame.transpose(perm) for frame in frames])
    size = frames.size // lanes
    for stalls in ({}, {"stall_in": 40}, {"stall_out": 40}, {"stall_in": 30, "stall_out": 30}):
        run = sim.run([beats(frames, lanes)], [size], **stalls)
        assert np.array_equal(run.outputs[0].data.reshape(wanted.shape), wanted)
        if not stalls:
            assert run.cycles == size + size // 5 + 2  # II 1: the last frame leaves a frame later
    assert not np.array_equal(wanted.reshape(frames.shape), frames)


def test_permute_refuses_lanes_that_do_not_divide(tmp_path: Path) -> None:
    with pytest.raises((InputError, EngineError), match="finn_permute: LANES 2 must divide LAST 3"):
        permuter(tmp_path, (1, 2, 0), 2)


def test_fork_copies_each_beat_once(tmp_path: Path) -> None:
    body = (
        "logic [1:0] valid; logic [7:0] data;\n"
        "finn_fork #(.WIDTH(8), .COPIES(2)) u_fork (.clk, .rst_n, .in_valid(s_axis_tvalid), "
        ".in_ready(s_axis_tready), .in_data(s_axis_tdata), .out_valid(valid), "
        ".out_ready({m_b_tready, m_a_tready}), .out_data(data));\n"
        "assign {m_b_tvalid, m_a_tvalid} = valid;\nassign m_a_tdata = data;\nassign m_b_tdata = data;\n"
    )
    # Only FIFOs may follow a fork, since its valid looks through: a slice at the input stands for them here.
    slice_body = (
        "logic a_valid, a_ready; logic [7:0] a_data;\n"
        "axis_skid #(.WIDTH(8)) u_skid (.clk, .rst_n, .in_valid(s_axis_tvalid), .in_ready(s_axis_tready), "
        ".in_data(s_axis_tdata), .out_valid(a_valid), .out_ready(a_ready), .out_data(a_data));\n"
    )
    body = slice_body + body.replace("s_axis_tvalid", "a_valid").replace("s_axis_tready", "a_ready").replace(
        "s_axis_tdata", "a_data"
    )
    skid = "../../rtl/axis_skid.sv"
    sim = bench(tmp_path, body, ["finn_fork.sv", skid], [AxisPort("m_a", 8), AxisPort("m_b", 8)], 8)
    values = np.random.default_rng(3).integers(0, 256, 200)
    for seed in (1, 2, 3):
        run = sim.run([beats(values, 1)], [200, 200], stall_in=30, stall_out=50, seed=seed)
        assert all(np.array_equal(out.data.ravel(), values) for out in run.outputs)


def literal(count: int) -> str:
    return f"{128 * count}'h1"


FRAME = {"LANES": 2, "CHANNELS": 8, "ROWS": 3, "CONSTANTS": literal(9)}
SOFTMAX = {"LANES": 2, "KEYS": 8, "SCORE_BITS": 9, "BITS": 4, "OUT_BITS": 4, "ROWS": 6, "DIVIDE_STEPS": 4}
UNITS = {
    "finn_softmax": (SOFTMAX | {"CONSTANTS": literal(1)}, softmax_module(SoftmaxConfig())),
    "finn_layernorm": (FRAME | {"BANKS": 3}, norm_module(NormConfig())),
    "finn_residual": (FRAME | {"PARTS": 2, "ACC_BITS": 9}, vu_module(VectorConfig())),
    "finn_requant": (FRAME | {"ACC_BITS": 9, "OUT_BITS": 4}, qu_module(VectorConfig())),
}
HELPERS = ("finn_beats", "finn_constants")


@pytest.mark.parametrize("name", UNITS)
def test_units_are_clean_under_the_linter(name: str) -> None:
    require_verilator()
    parameters, unit = UNITS[name]
    files = [*unit.sources, *(FOLDER / f"{part}.sv" for part in (*HELPERS, name))]
    values = [f"-G{key}={value}" for key, value in parameters.items()]
    quiet = ["-Wall", "-Wno-UNUSEDSIGNAL", "-Wno-DECLFILENAME"]  # TLAST and codes end in these wrappers
    command = [str(find_verilator().program), "--lint-only", *quiet, "--top-module", name, *values]
    answer = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_every_module_is_covered() -> None:
    known = {*UNITS, *HELPERS, "finn_fork", "finn_permute"}
    assert {path.stem for path in FOLDER.glob("*.sv")} == known
