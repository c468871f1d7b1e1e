// SPDX-License-Identifier: Apache-2.0
// Gives every job of the sequencer to the stages that act on jobs of its target, each through a FIFO of
// DEPTH jobs, so that a stage may be up to DEPTH of its jobs behind the one that is furthest ahead. A job
// is taken when all FIFOs that it goes to have room. Fields that a stage does not use cost nothing. Latency
// 1 clock, one job a clock. Source: ours.
module job_broadcast
  import bat_pkg::*;
#(
    parameter int unsigned COPIES,               // stages, >= 1
    parameter int unsigned DEPTH,                // jobs that wait for one stage, >= 2
    parameter logic [COPIES-1:0][7:0] TARGETS    // bit t of a stage's: it gets the jobs of target_t t
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
  logic [COPIES-1:0] wanted, room;
  assign job_ready = &(room | ~wanted);

  for (genvar c = 0; c < COPIES; c++) begin : g_stage
    logic [$clog2(DEPTH + 1)-1:0] unused_count;
    assign wanted[c] = TARGETS[c][job.target];
    sync_fifo #(
        .WIDTH($bits(job_t)),
        .DEPTH(DEPTH),
        .REGISTERED(1'b0)
    ) u_jobs (
        .clk,
        .rst_n,
        .in_valid (job_valid && job_ready && wanted[c]),
        .in_ready (room[c]),
        .in_data  (job),
        .out_valid(out_valid[c]),
        .out_ready(out_ready[c]),
        .out_data (out_job[c]),
        .count    (unused_count)
    );
  end
endmodule
