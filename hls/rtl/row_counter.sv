// SPDX-License-Identifier: Apache-2.0
// Cuts a row of `keys` values into beats of LANES: number of the beat, its place in the row, and
// which lanes are within the row. Restarts by itself after the last beat.
module row_counter #(
    parameter int unsigned LANES,
    parameter int unsigned INDEX_BITS
) (
    input  logic                  clk,
    input  logic                  rst_n,
    input  logic                  advance,  // a beat passes in this clock
    input  logic [15:0]           keys,     // >= 1, stable during the row
    output logic [INDEX_BITS-1:0] index,
    output logic                  first,
    output logic                  last,
    output logic [LANES-1:0]      keep
);
  logic [15:0] left_q, left;

  assign left = first ? keys : left_q;
  assign last = 32'(left) <= LANES;
  for (genvar l = 0; l < LANES; l++) begin : g_lane
    assign keep[l] = 32'(left) > l;
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      first <= 1'b1;
      index <= '0;
    end else if (advance) begin
      first <= last;
      index <= last ? '0 : index + 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (advance) left_q <= left - 16'(LANES);
  end
endmodule
