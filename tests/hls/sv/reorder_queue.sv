// SPDX-License-Identifier: Apache-2.0
// tile_reorder.sv behind a queue of jobs, as a module has it.
module reorder_queue
  import plane_pkg::*;
#(
    parameter int unsigned WIDTH,
    parameter int unsigned LANES,
    parameter int unsigned TOKENS,
    parameter int unsigned MAX_WORDS,
    parameter bit          ROW_LAST,
    localparam int unsigned JOB_BITS = ($bits(write_job_t) + 7) / 8 * 8
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                job_tvalid,
    output logic                job_tready,
    input  logic [JOB_BITS-1:0] job_tdata,
    input  logic                job_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    input  logic [WIDTH-1:0]    s_axis_tdata,
    input  logic                s_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [WIDTH-1:0]    m_axis_tdata,
    output logic                m_axis_tlast
);
  logic queued, taken;
  write_job_t job;
  logic [1:0] unused_count;

  sync_fifo #(
      .WIDTH($bits(write_job_t)),
      .DEPTH(2),
      .REGISTERED(1'b1)
  ) u_queue (
      .clk,
      .rst_n,
      .in_valid (job_tvalid),
      .in_ready (job_tready),
      .in_data  (job_tdata[$bits(write_job_t)-1:0]),
      .out_valid(queued),
      .out_ready(taken),
      .out_data (job),
      .count    (unused_count)
  );
  tile_reorder #(
      .WIDTH(WIDTH),
      .LANES(LANES),
      .TOKENS(TOKENS),
      .MAX_WORDS(MAX_WORDS),
      .ROW_LAST(ROW_LAST)
  ) u_reorder (
      .clk,
      .rst_n,
      .job_valid(queued),
      .job_taken(taken),
      .job,
      .s_axis_tvalid,
      .s_axis_tready,
      .s_axis_tdata,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tlast
  );

  logic unused;
  assign unused = ^{job_tdata, job_tlast, s_axis_tlast};
endmodule
