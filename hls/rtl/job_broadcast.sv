// SPDX-License-Identifier: Apache-2.0
// Gives every job of the sequencer to COPIES stages, each through a FIFO of DEPTH jobs, so that a stage
// may be up to DEPTH jobs behind the one that is furthest ahead. A job is taken when all FIFOs have
// room. Fields that a stage does not use cost nothing. Latency 1 clock, one job a clock. Source: ours.
module job_broadcast
  import bat_pkg::*;
#(
    parameter int unsigned COPIES,  // stages, >= 1
    parameter int unsigned DEPTH    // jobs that wait for one stage, >= 2
) (
    input  logic                    clk,
    input  logic                    rst_n,      // synchronous, active low
    input  logic                    job_valid,
    output logic                    job_ready,
    input  job_t                    job,
    output logic [COPIES-1:0]       out_valid,
    input  logic [COPIES-1:0]       out_ready,
    output job_t [COPIES-1:0]       out_job
);
  logic [COPIES-1:0] room;
  assign job_ready = &room;

  for (genvar c = 0; c < COPIES; c++) begin : g_stage
    logic [$clog2(DEPTH + 1)-1:0] unused_count;
    sync_fifo #(
        .WIDTH($bits(job_t)),
        .DEPTH(DEPTH),
        .REGISTERED(1'b0)
    ) u_jobs (
        .clk,
        .rst_n,
        .in_valid (job_valid && job_ready),
        .in_ready (room[c]),
        .in_data  (job),
        .out_valid(out_valid[c]),
        .out_ready(out_ready[c]),
        .out_data (out_job[c]),
        .count    (unused_count)
    );
  end
endmodule
