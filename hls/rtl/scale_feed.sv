// SPDX-License-Identifier: Apache-2.0
// Constants of QU or VU: picks its unit's jobs out of the module's (bat_pkg::job_t) and makes their
// stream (constant_feed.sv). QU has every job but scores (softmax) and the last one, which is VU's.
// A job of another unit costs one clock.
module scale_feed
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS,  // width of a memory beat, a power of two, 64..512
    parameter int unsigned HOLD,      // memory beats held, >= 2
    parameter int unsigned TOKENS,    // rows of a result tile
    parameter int unsigned OUTPUTS,   // accumulators of a row of a result tile, a power of two
    parameter int unsigned LANES,     // values of a beat of the unit, a power of two
    parameter bit RESIDUAL            // 0: QU, 1: VU
) (
    input  logic                clk,
    input  logic                rst_n,           // synchronous, active low
    input  logic                job_valid,
    output logic                job_ready,
    /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
    input  job_t                job,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [BUS_BITS-1:0] in_data,
    input  logic                in_last,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [127:0]        m_axis_tdata,
    output logic                m_axis_tlast
);
  logic mine, feed_ready;
  vector_pkg::job_t unit;
  constant_job_t feed;

  assign mine      = RESIDUAL ? job.target == TO_RESIDUAL
                              : job.target != TO_RESIDUAL && job.target != TO_SOFTMAX;
  assign job_ready = !mine || feed_ready;

  assign unit.rows      = job.rows;
  assign unit.tile_rows = 16'(TOKENS);
  assign unit.tiles     = job.output_tiles;
  assign unit.words     = job.two_part ? 16'(OUTPUTS / LANES / 2) : 16'(OUTPUTS / LANES);
  assign unit.channels  = job.channels;
  assign unit.shift     = 8'(job.scale.shift);
  assign unit.bits      = job.scale.bits;
  assign unit.zero      = '0;
  assign unit.is_signed = job.scale.is_signed;
  assign unit.common    = job.scale.common;

  assign feed.unit_config = unit;
  assign feed.channels    = job.channels;
  assign feed.two_part    = job.two_part;
  assign feed.common      = job.scale.common;
  assign feed.c           = job.scale.c;
  assign feed.m           = job.scale.m;

  constant_feed #(
      .BUS_BITS(BUS_BITS),
      .HOLD(HOLD)
  ) u_feed (
      .clk,
      .rst_n,
      .job_valid(job_valid && mine),
      .job_ready(feed_ready),
      .job(feed),
      .in_valid,
      .in_ready,
      .in_data,
      .in_last,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tlast
  );
endmodule
