// SPDX-License-Identifier: Apache-2.0
// One score to its exponential (docs/numerics.md, "Scores, softmax, context"):
//   x = ((top - score) * Ms + (1 << (ns-1))) >> ns;  e = EXP2[x & 63] >> (x >> 6), 0 past 15
// A pipeline of five registers, one score per clock: difference, product, x, table, shift.
// Ms and ns are needed one and two clocks after the score.
module exponent_lane
  import softmax_pkg::*;
#(
    parameter int unsigned SCORE_BITS
) (
    input  logic                            clk,
    input  logic                            keep,   // 0: beyond the row, e = 0
    input  logic signed [SCORE_BITS-1:0]    score,
    input  logic signed [SCORE_BITS-1:0]    top,    // >= score where keep
    input  logic        [14:0]              scale,  // Ms, one clock after the score
    input  logic        [5:0]               shift,  // ns, two clocks after the score
    output logic        [EXPONENT_BITS-1:0] e       // five clocks after the score
);
  localparam int unsigned PRODUCT_BITS = SCORE_BITS + 15;
  // The product plus half, which is at most 2^39.
  localparam int unsigned SUM_BITS = ((PRODUCT_BITS > 39) ? PRODUCT_BITS : 39) + 1;

  logic [SCORE_BITS-1:0] drop;  // top - score < 2^SCORE_BITS
  logic [PRODUCT_BITS-1:0] product;
  logic [SUM_BITS-1:0] half, x;
  logic [9:0] x_q;  // x where its halvings are 15 or fewer
  logic keep_drop, keep_product, keep_x, keep_entry;
  logic [3:0] halvings;
  logic [15:0] entry, entry_q;

  assign half = SUM_BITS'(1) << (shift - 6'd1);
  assign x    = (SUM_BITS'(product) + half) >> shift;

  exp2_table u_table (
      .index(x_q[5:0]),
      .value(entry)
  );

  always_ff @(posedge clk) begin
    keep_drop    <= keep;
    drop         <= top - score;
    keep_product <= keep_drop;
    product      <= PRODUCT_BITS'(drop) * PRODUCT_BITS'(scale);
    keep_x       <= keep_product && x[SUM_BITS-1:10] == '0;
    x_q          <= x[9:0];
    keep_entry   <= keep_x;
    halvings     <= x_q[9:6];
    entry_q      <= entry;
    e            <= keep_entry ? entry_q >> halvings : '0;
  end
endmodule
