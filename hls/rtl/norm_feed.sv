// SPDX-License-Identifier: Apache-2.0
// Constants of LN: config beats from the sequencer, then G and B of every channel from memory
// (constant_feed.sv).
module norm_feed
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS,  // width of a memory beat, a power of two, 64..512
    parameter int unsigned HOLD       // memory beats held, >= 2
) (
    input  logic                    clk,
    input  logic                    rst_n,          // synchronous, active low
    input  logic                    job_valid,
    output logic                    job_ready,
    input  vector_pkg::norm_job_t   job,
    input  logic                    in_valid,
    output logic                    in_ready,
    input  logic [BUS_BITS-1:0]     in_data,
    input  logic                    in_last,
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready,
    output logic [127:0]            m_axis_tdata,
    output logic                    m_axis_tlast
);
  constant_job_t feed;
  assign feed.unit_config = job;
  assign feed.channels    = job.channels;
  assign feed.two_part    = 1'b0;
  assign feed.common      = 1'b0;
  assign feed.c           = '0;
  assign feed.m           = '0;

  constant_feed #(
      .BUS_BITS(BUS_BITS),
      .HOLD(HOLD)
  ) u_feed (
      .clk,
      .rst_n,
      .job_valid,
      .job_ready,
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
