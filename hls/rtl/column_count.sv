// SPDX-License-Identifier: Apache-2.0
// column_tree.sv with registers behind its first layer and its sum: latency two clocks, II = 1.
module column_count
  import column_pkg::*;
#(
    parameter heights_t    HEIGHTS,
    parameter int unsigned COUNT_BITS,
    localparam int unsigned ROWS = highest(HEIGHTS)
) (
    input  logic                         clk,
    input  logic [COLUMNS-1:0][ROWS-1:0] bits,
    output logic [COUNT_BITS-1:0]        count
);
  localparam heights_t NEXT = next_heights(HEIGHTS);
  logic [COLUMNS-1:0][highest(NEXT)-1:0] next, next_q;
  logic [COUNT_BITS-1:0] sum;

  column_layer #(
      .HEIGHTS(HEIGHTS)
  ) u_layer (
      .bits,
      .next
  );
  column_tree #(
      .HEIGHTS(NEXT),
      .COUNT_BITS(COUNT_BITS)
  ) u_tree (
      .bits (next_q),
      .count(sum)
  );
  always_ff @(posedge clk) begin
    next_q <= next;
    count  <= sum;
  end
endmodule
