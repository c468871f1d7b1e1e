// SPDX-License-Identifier: Apache-2.0
// Two sources of work items into one queue: `a` wins over `b`. An item once offered stays.
// II = 1; latency 1 clock. Source: ours.
module work_merge
  import bat_pkg::*;
(
    input  logic  clk,
    input  logic  rst_n,
    input  logic  a_valid,
    output logic  a_ready,
    input  work_t a,
    input  logic  b_valid,
    output logic  b_ready,
    input  work_t b,
    output logic  out_valid,
    input  logic  out_ready,
    output work_t out
);
  logic free;

  assign free    = !out_valid || out_ready;
  assign a_ready = free;
  assign b_ready = free && !a_valid;
  always_ff @(posedge clk) begin
    if (!rst_n) out_valid <= 1'b0;
    else if (free) out_valid <= a_valid || b_valid;
  end
  always_ff @(posedge clk) begin
    if (free) out <= a_valid ? a : b;
  end
endmodule
