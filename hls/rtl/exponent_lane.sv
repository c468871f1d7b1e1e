// SPDX-License-Identifier: Apache-2.0
// One score to its exponential (docs/numerics.md, "Scores, softmax, context"):
//   x = ((top - score) * Ms + (1 << (ns-1))) >> ns;  e = EXP2[x & 63] >> (x >> 6), 0 past 15
// computed as x = (((top - score) * Ms >> (ns-1)) + 1) >> 1, of which 10 bits and "more" matter.
// A pipeline of five registers, one score per clock: difference, product, x before rounding, table, shift.
// Ms and ns - 1 are needed one and two clocks after the score.
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
    input  logic        [5:0]               shift,  // ns - 1, two clocks after the score
    output logic        [EXPONENT_BITS-1:0] e       // five clocks after the score
);
  localparam int unsigned PRODUCT_BITS = SCORE_BITS + 15;

  logic [SCORE_BITS-1:0] drop;  // top - score < 2^SCORE_BITS
  logic [PRODUCT_BITS-1:0] product;
  logic [10:0] doubled;  // 2*x before rounding
  logic [11:0] rounded;
  logic keep_drop, keep_product, keep_x, keep_entry, more;
  logic [1:0] unused;
  logic [3:0] halvings;
  logic [15:0] entry, entry_q;

  shift_window #(
      .WIDTH(PRODUCT_BITS + 1),
      .KEEP (11),
      .SPLIT(1'b0)
  ) u_shift (
      .clk,
      .enable(1'b1),
      .value ({1'b0, product}),
      .coarse(shift[5:4]),
      .fine  (shift[3:0]),
      .kept  (doubled),
      .sign  (unused[0]),
      .over  (more)
  );
  assign rounded   = 12'd1 + 12'(doubled);
  assign unused[1] = rounded[0];

  exp2_table u_table (
      .index(rounded[6:1]),
      .value(entry)
  );

  always_ff @(posedge clk) begin
    keep_drop    <= keep;
    drop         <= top - score;
    keep_product <= keep_drop;
    product      <= PRODUCT_BITS'(drop) * PRODUCT_BITS'(scale);
    keep_x       <= keep_product;
    keep_entry   <= keep_x && !more && !rounded[11];
    halvings     <= rounded[10:7];
    entry_q      <= entry;
    e            <= keep_entry ? entry_q >> halvings : '0;
  end
endmodule
