# SPDX-License-Identifier: Apache-2.0
"""Test benches around the memory side of an RTL module, as SystemVerilog tops with stream ports.

Records travel in beats of whole bytes, lowest bits first. Both benches have a stream ``s_stop`` (its
beat stops the reader) and a stream ``m_idle`` that offers the reader's error and error address once
the reader has stopped and no burst is in flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import MissingToolError
from batflow.hls.axi_sim import MemorySim
from batflow.hls.axis_sim import Beats
from batflow.hls.bat_records import Entry, Job, Read, pack, record_bits
from batflow.hls.verilator import RTL_FOLDER, AxisPort, Module

PACKAGES = ("qmm_pkg", "vector_pkg", "softmax_pkg", "bat_pkg", "registers_pkg", "image_pkg", "layer_pkg")
READER = ("axis_skid", "sync_fifo", "axi_reader")
FEEDS = (
    "axis_register",
    "read_splitter",
    "beat_words",
    "constant_feed",
    "scale_feed",
    "norm_feed",
    "job_broadcast",
)
FRONT = ("descriptor_reader", "section_reads", "layer_front")
PROGRAM_BITS = 216

_AXI = """
    output logic m_axi_arvalid, input logic m_axi_arready, output logic [63:0] m_axi_araddr,
    output logic [7:0] m_axi_arlen, output logic [2:0] m_axi_arsize, output logic [1:0] m_axi_arburst,
    output logic [3:0] m_axi_arcache, output logic [2:0] m_axi_arprot,
    input logic m_axi_rvalid, output logic m_axi_rready, input logic [BUS_BITS-1:0] m_axi_rdata,
    input logic [1:0] m_axi_rresp, input logic m_axi_rlast"""
_AXI_PINS = """ .m_axi_arvalid, .m_axi_arready, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize,
    .m_axi_arburst, .m_axi_arcache, .m_axi_arprot, .m_axi_rvalid, .m_axi_rready, .m_axi_rdata, .m_axi_rresp,
    .m_axi_rlast"""
_STOP = """
  logic stop, idle, error;
  logic [63:0] error_address;
  assign s_stop_tready = !stop;
  assign m_idle_tvalid = (stop || error) && idle;
  assign m_idle_tdata = {7'd0, error, error_address};
  assign m_idle_tlast = 1'b1;
  always_ff @(posedge clk) if (!rst_n) stop <= 1'b0; else if (s_stop_tvalid) stop <= 1'b1;"""


def whole_bytes(bits: int) -> int:
    """Bits of the beat that holds so many."""
    return -(-bits // 8) * 8


def _ports(inputs: Sequence[AxisPort], outputs: Sequence[AxisPort]) -> str:
    found = []
    for ports, way, back in ((inputs, "input", "output"), (outputs, "output", "input")):
        found += [
            f"    {way} logic {p.prefix}_tvalid, {back} logic {p.prefix}_tready,"
            f" {way} logic [{p.bits - 1}:0] {p.prefix}_tdata, {way} logic {p.prefix}_tlast"
            for p in ports
        ]
    return ",\n".join(found)


def _top(name: str, bus: int, ports: tuple[Sequence[AxisPort], Sequence[AxisPort]], body: str) -> str:
    return f"""
/* verilator lint_off UNUSEDSIGNAL */
module {name} import bat_pkg::*; #(localparam int unsigned BUS_BITS = {bus}) (
    input logic clk, input logic rst_n, output logic status,
{_ports(*ports)},{_AXI});
{_STOP}
{body}
endmodule
"""


def _simulate(
    folder: Path,
    text: str,
    parts: Iterable[Path],
    ports: tuple[tuple[AxisPort, ...], tuple[AxisPort, ...]],
    name: str,
    bus: int,
) -> MemorySim:
    source = folder / f"{name}.sv"
    source.write_text(text)
    try:
        return MemorySim(Module(name, (*parts, source), {}, *ports, "status", bus))
    except MissingToolError as missing:
        pytest.skip(str(missing))


def rtl(names: Iterable[str], replaced: Path | None = None) -> list[Path]:
    """Files of the RTL by module name; ``replaced`` takes the place of the file of its name."""
    found = [RTL_FOLDER / f"{name}.sv" for name in names]
    return [replaced if replaced and path.name == replaced.name else path for path in found]


def reader_bench(
    folder: Path, bus: int, max_burst: int, outstanding: int, replaced: Path | None = None
) -> MemorySim:
    """axi_reader: commands (`Read`) in; beats out, the target above the data, TLAST on a command's last."""
    inputs = (AxisPort("s_read", whole_bytes(record_bits(Read))), AxisPort("s_stop", 8))
    outputs = (AxisPort("m_beat", bus + 8), AxisPort("m_idle", 72))
    body = f"""
  // The slice keeps a beat that it offers when the reader drops the rest.
  logic valid, ready, last;
  logic [BUS_BITS-1:0] data;
  data_t target;
  assign status = 1'b0;
  axis_skid #(.WIDTH(BUS_BITS + 9)) u_slice (.clk, .rst_n, .in_valid(valid), .in_ready(ready),
    .in_data({{last, 8'(target), data}}), .out_valid(m_beat_tvalid), .out_ready(m_beat_tready),
    .out_data({{m_beat_tlast, m_beat_tdata}}));
  axi_reader #(.BUS_BITS(BUS_BITS), .MAX_BURST({max_burst}), .OUTSTANDING({outstanding})) u_reader (
    .clk, .rst_n, .stop, .read_valid(s_read_tvalid), .read_ready(s_read_tready),
    .read(s_read_tdata[{record_bits(Read) - 1}:0]), .out_valid(valid), .out_ready(ready), .out_data(data),
    .out_target(target), .out_last(last), .idle, .error, .error_address, {_AXI_PINS});"""
    ports = (inputs, outputs)
    text = _top("reader_bench", bus, ports, body)
    return _simulate(folder, text, rtl((*PACKAGES, *READER), replaced), ports, "reader_bench", bus)


@dataclass(frozen=True)
class ChainConfig:
    """One build of the chain bench: a module's sequencer with its memory side."""

    attention: bool
    bus: int
    tokens: int
    outputs: int
    simd: int
    lanes: int
    max_bits: int = 8
    parts: int = 2


CHAIN_OUTPUTS = ("read", "entry", "job", "softmax", "weight", "qu", "vu", "ln", "fault", "idle")


def chain_bench(folder: Path, config: ChainConfig, replaced: Path | None = None) -> MemorySim:
    """Sequencer, reader, splitter and constant feeds of one module.

    In: ``s_program`` (program_t, one beat after reset), ``s_work``, ``s_stop``. Out: `CHAIN_OUTPUTS`;
    ``fault`` offers the sequencer's code while there is one. Status 1: the sequencer let more than 4
    clocks pass before a job that it could have offered.
    """
    widths = (record_bits(Read), record_bits(Entry), record_bits(Job), 128, config.bus, 128, 128, 128, 8, 72)
    outputs = tuple(
        AxisPort(f"m_{name}", whole_bytes(bits)) for name, bits in zip(CHAIN_OUTPUTS, widths, strict=True)
    )
    inputs = (AxisPort("s_program", PROGRAM_BITS), AxisPort("s_work", 32), AxisPort("s_stop", 8))
    ports = (inputs, outputs)
    kind = "mha" if config.attention else "ffn"
    text = _top("chain_bench", config.bus, ports, _chain_body(config, kind))
    parts = rtl((*PACKAGES, *READER, *FEEDS, *FRONT, f"{kind}_jobs", f"{kind}_sequencer"), replaced)
    return _simulate(folder, text, parts, ports, "chain_bench", config.bus)


def _chain_body(config: ChainConfig, kind: str) -> str:
    softmax = ".softmax_valid(m_softmax_tvalid), .softmax_ready(m_softmax_tready), .softmax(m_softmax_tdata),"
    no_softmax = "  assign m_softmax_tvalid = 1'b0;\n  assign m_softmax_tdata = '0;"
    feeds = "\n".join(
        f"""
  scale_feed #(.BUS_BITS(BUS_BITS), .HOLD(4), .TOKENS({config.tokens}), .OUTPUTS({config.outputs}),
    .LANES({config.lanes}), .RESIDUAL(1'b{number - 1})) u_{name} (.clk, .rst_n,
    .job_valid(copy_valid[{number}]), .job_ready(copy_ready[{number}]), .job(copy[{number}]),
    .in_valid(part_valid[{number + 1}]), .in_ready(part_ready[{number + 1}]), .in_data(part),
    .in_last(part_last), .m_axis_tvalid(m_{name}_tvalid), .m_axis_tready(m_{name}_tready),
    .m_axis_tdata(m_{name}_tdata), .m_axis_tlast(m_{name}_tlast));"""
        for number, name in ((1, "qu"), (2, "vu"))
    )
    singles = ("read", "entry", "job", "softmax", "fault")
    lasts = "\n".join(f"  assign m_{name}_tlast = 1'b1;" for name in singles)
    return f"""
  program_t shape;
  logic loaded, work_ready, read_valid, read_ready, reader_ready, log_ready, beat_valid, beat_ready;
  logic beat_last;
  logic job_valid, job_ready, norm_valid, norm_ready, part_last, sequencer_idle;
  logic [3:0] fault;
  logic [7:0] gap;
  logic [BUS_BITS-1:0] beat, part;
  logic [4:0] part_valid, part_ready;
  logic [2:0] copy_valid, copy_ready, log_count;
  job_t job, job_log;
  job_t [2:0] copy;
  read_t read;
  data_t target;
  entry_t entry;
  vector_pkg::norm_job_t norm;
  assign s_program_tready = !loaded;
  assign s_work_tready = loaded && work_ready;
  always_ff @(posedge clk) begin
    if (!rst_n) loaded <= 1'b0;
    else if (s_program_tvalid) loaded <= 1'b1;
    if (s_program_tvalid && !loaded) shape <= s_program_tdata;
  end
  assign m_job_tvalid = copy_valid[0];
  assign copy_ready[0] = m_job_tready;
  assign m_job_tdata = {whole_bytes(record_bits(Job))}'(copy[0]);
  assign m_entry_tdata = {whole_bytes(record_bits(Entry))}'(entry);
  assign m_fault_tvalid = fault != '0;
  assign m_fault_tdata = 8'(fault);
  assign m_weight_tvalid = part_valid[1];
  assign part_ready[1] = m_weight_tready;
  assign m_weight_tdata = part;
  assign m_weight_tlast = part_last;
{lasts}
{"" if config.attention else no_softmax}
  // Clocks in which a job could have come.
  assign status = gap > 8'd4;
  always_ff @(posedge clk) begin
    if (!rst_n || job_valid) gap <= '0;
    else if (job_ready && (u_sequencer.layer_valid || u_sequencer.u_jobs.jobs_left)
             && !norm_valid && !m_softmax_tvalid) gap <= gap + 8'd1;
  end
  {kind}_sequencer #(.BUS_BITS(BUS_BITS), .TOKENS({config.tokens}), .OUTPUTS({config.outputs}),
    .SIMD({config.simd}), .LANES({config.lanes}), .MAX_BITS({config.max_bits}), .PARTS({config.parts}))
    u_sequencer (.clk, .rst_n, .shape, .work_valid(s_work_tvalid && loaded), .work_ready,
    .work(s_work_tdata[26:0]), .read_valid, .read_ready, .read, .in_valid(part_valid[0]),
    .in_ready(part_ready[0]), .in_data(part), .in_last(part_last), .entry_valid(m_entry_tvalid),
    .entry_ready(m_entry_tready), .entry, .job_valid, .job_ready, .job, {softmax if config.attention else ""}
    .norm_valid, .norm_ready, .norm, .idle(sequencer_idle), .fault);
  job_broadcast #(.COPIES(3), .DEPTH(4), .TARGETS('1)) u_broadcast (.clk, .rst_n, .job_valid, .job_ready,
    .job, .out_valid(copy_valid), .out_ready(copy_ready), .out_job(copy));
  assign read_ready = reader_ready && log_ready;
  sync_fifo #(.WIDTH($bits(read_t)), .DEPTH(4), .REGISTERED(1'b1)) u_log (.clk, .rst_n,
    .in_valid(read_valid && reader_ready), .in_ready(log_ready), .in_data(read), .out_valid(m_read_tvalid),
    .out_ready(m_read_tready), .out_data(m_read_tdata[{record_bits(Read) - 1}:0]), .count(log_count));
  assign m_read_tdata[103:99] = '0;
  axi_reader #(.BUS_BITS(BUS_BITS), .MAX_BURST(16), .OUTSTANDING(4)) u_reader (
    .clk, .rst_n, .stop, .read_valid(read_valid && log_ready), .read_ready(reader_ready), .read,
    .out_valid(beat_valid), .out_ready(beat_ready), .out_data(beat), .out_target(target),
    .out_last(beat_last), .idle, .error, .error_address, {_AXI_PINS});
  read_splitter #(.BUS_BITS(BUS_BITS)) u_splitter (.clk, .rst_n, .in_valid(beat_valid),
    .in_ready(beat_ready), .in_data(beat), .in_target(target), .in_last(beat_last), .out_valid(part_valid),
    .out_ready(part_ready), .out_data(part), .out_last(part_last));
{feeds}
  norm_feed #(.BUS_BITS(BUS_BITS), .HOLD(4)) u_ln (.clk, .rst_n, .job_valid(norm_valid),
    .job_ready(norm_ready), .job(norm), .in_valid(part_valid[4]), .in_ready(part_ready[4]), .in_data(part),
    .in_last(part_last), .m_axis_tvalid(m_ln_tvalid), .m_axis_tready(m_ln_tready), .m_axis_tdata(m_ln_tdata),
    .m_axis_tlast(m_ln_tlast));"""


def beats_of(values: Iterable[int], bits: int) -> Beats:
    """Beats of ``bits`` bits that hold ``values``, without TLAST."""
    size = bits // 8
    data = [np.frombuffer(value.to_bytes(size, "little"), np.uint8) for value in values]
    return Beats(np.array(data, np.uint8).reshape(-1, size), np.zeros(len(data), np.uint8))


def record_beats(records: Iterable[object], bits: int) -> Beats:
    """Beats that hold packed records."""
    return beats_of(map(pack, records), bits)


def values_of(beats: Beats) -> list[int]:
    """The beats as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in beats.data]
