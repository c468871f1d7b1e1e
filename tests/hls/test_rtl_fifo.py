# SPDX-License-Identifier: Apache-2.0
"""sync_fifo.sv: order, capacity, latency and throughput, in both forms of its output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.axis_sim import AxisSim, Beats, StreamRun
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

from .rtl_engines import require_verilator

FIFOS = [(depth, registered) for depth in (2, 5, 16) for registered in (0, 1)]
BEATS = 2000


def _wrapper() -> str:
    """A module with one FIFO per stream; its status is 1 where a FIFO contradicts itself."""
    ports, body = [], []
    for n, (depth, registered) in enumerate(FIFOS):
        ports.append(
            f"input logic s{n}_tvalid, output logic s{n}_tready, input logic [31:0] s{n}_tdata,"
            f" input logic s{n}_tlast, output logic m{n}_tvalid, input logic m{n}_tready,"
            f" output logic [31:0] m{n}_tdata, output logic m{n}_tlast"
        )
        bits = depth.bit_length()
        body.append(
            f"  logic [{bits - 1}:0] count{n};\n"
            f"  sync_fifo #(.WIDTH(33), .DEPTH({depth}), .REGISTERED(1'b{registered})) u{n} (.clk, .rst_n,"
            f" .in_valid(s{n}_tvalid), .in_ready(s{n}_tready), .in_data({{s{n}_tlast, s{n}_tdata}}),"
            f" .out_valid(m{n}_tvalid), .out_ready(m{n}_tready), .out_data({{m{n}_tlast, m{n}_tdata}}),"
            f" .count(count{n}));\n"
            f"  assign wrong[{n}] = count{n} > {bits}'d{depth} || m{n}_tvalid != (count{n} != '0)"
            f" || (s{n}_tready && count{n} == {bits}'d{depth});\n"
        )
    return (
        f"module fifos (input logic clk, input logic rst_n, {', '.join(ports)}, output logic status);\n"
        f"  logic [{len(FIFOS) - 1}:0] wrong;\n  assign status = |wrong;\n{''.join(body)}endmodule\n"
    )


def _simulator(folder: Path, fifo: Path) -> AxisSim:
    require_verilator()
    source = folder / "fifos.sv"
    source.write_text(_wrapper())
    ports = [tuple(AxisPort(f"{side}{n}", 32) for n in range(len(FIFOS))) for side in "sm"]
    return AxisSim(Module("fifos", (fifo, source), {}, ports[0], ports[1], "status"))


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> AxisSim:
    return _simulator(tmp_path_factory.mktemp("fifo"), RTL_FOLDER / "sync_fifo.sv")


def _exchange(sim: AxisSim, beats: int, stall_in: int, stall_out: int) -> tuple[StreamRun, list[Beats]]:
    rng = np.random.default_rng(100 * stall_in + stall_out)
    sent = [
        Beats(rng.integers(0, 256, (beats, 4), np.uint8), rng.integers(0, 2, beats, np.uint8)) for _ in FIFOS
    ]
    sim.reset()
    run = sim.run(sent, [beats] * len(sent), stall_in=stall_in, stall_out=stall_out, seed=stall_in + 7)
    return run, sent


def _same(run: StreamRun, sent: list[Beats]) -> bool:
    pairs = zip(run.outputs, sent, strict=True)
    return all(np.array_equal(a.data, b.data) and np.array_equal(a.last, b.last) for a, b in pairs)


@pytest.mark.parametrize(("stall_in", "stall_out"), [(0, 0), (0, 80), (80, 0), (50, 50), (95, 90), (10, 15)])
def test_order_and_content(sim: AxisSim, stall_in: int, stall_out: int) -> None:
    run, sent = _exchange(sim, BEATS, stall_in, stall_out)
    assert _same(run, sent)
    assert not _same(run, sent[::-1])


@pytest.mark.parametrize("beats", [1, 2, 3, 17, 500])
def test_latency_one_clock_and_full_rate(sim: AxisSim, beats: int) -> None:
    assert _exchange(sim, beats, 0, 0)[0].cycles == beats + 1


def test_reset_empties_it(sim: AxisSim) -> None:
    beats = Beats(np.zeros((2, 4), np.uint8), np.zeros(2, np.uint8))
    sim.reset()
    sim.run([beats] * len(FIFOS), [1] * len(FIFOS))  # one entry stays inside each
    run, sent = _exchange(sim, 40, 20, 20)
    assert _same(run, sent)


def test_one_entry_too_many_is_seen(tmp_path: Path) -> None:
    text = (RTL_FOLDER / "sync_fifo.sv").read_text()
    full = "next_count != COUNT_BITS'(DEPTH);"
    assert text.count(full) == 1
    mutant = tmp_path / "sync_fifo.sv"
    mutant.write_text(text.replace(full, "next_count < COUNT_BITS'(DEPTH + 1);"))
    with pytest.raises(EngineError, match=r"reports an error|changed or dropped"):
        _exchange(_simulator(tmp_path, mutant), BEATS, 0, 80)
