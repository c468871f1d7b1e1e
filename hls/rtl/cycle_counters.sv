// SPDX-License-Identifier: Apache-2.0
// The cycle counters of a run: each adds its increment in every clock with `enable`; `clear` zeroes
// all and wins. Latency 2 clocks from an increment to `counts`. Source: ours.
module cycle_counters
  import control_pkg::*;
(
    input  logic        clk,
    input  logic        rst_n,
    input  logic        clear,
    input  logic        enable,
    input  increments_t increments,
    output counts_t     counts
);
  increments_t pending;

  always_ff @(posedge clk) begin
    pending <= (rst_n && enable && !clear) ? increments : '0;
    for (int unsigned i = 0; i < COUNTERS; i++) begin
      if (!rst_n || clear) counts[i] <= '0;
      else counts[i] <= counts[i] + COUNT_BITS'(pending[i]);
    end
  end
endmodule
