// SPDX-License-Identifier: Apache-2.0
// Signed product a * b, exact, one per clock, 3 stages:
//   1  operands, cut into pieces of 17 bits (a) and 26 bits (b), the top piece signed
//   2  products of all pieces, each within one 27 x 18 DSP multiplier
//   3  their sum at their place values
// `enable` holds all stages.
module multiply #(
    parameter int unsigned A_BITS,  // >= 2
    parameter int unsigned B_BITS   // >= 2
) (
    input  logic                            clk,
    input  logic                            enable,
    input  logic signed [A_BITS-1:0]        a,
    input  logic signed [B_BITS-1:0]        b,
    output logic signed [A_BITS+B_BITS-1:0] product
);
  localparam int unsigned A_PIECE = 17;
  localparam int unsigned B_PIECE = 26;
  localparam int unsigned A_PIECES = (A_BITS - 2) / A_PIECE + 1;
  localparam int unsigned B_PIECES = (B_BITS - 2) / B_PIECE + 1;
  localparam int unsigned A_WIDE = A_PIECES * A_PIECE + 1;
  localparam int unsigned B_WIDE = B_PIECES * B_PIECE + 1;
  localparam int unsigned BITS = A_BITS + B_BITS;

  logic signed [A_WIDE-1:0] a_wide;
  logic signed [B_WIDE-1:0] b_wide;
  logic signed [A_PIECES-1:0][A_PIECE:0] a_piece;
  logic signed [B_PIECES-1:0][B_PIECE:0] b_piece;
  logic signed [A_PIECES-1:0][B_PIECES-1:0][A_PIECE+B_PIECE+1:0] part;
  logic signed [BITS-1:0] sum;

  assign a_wide = A_WIDE'(a);
  assign b_wide = B_WIDE'(b);

  for (genvar i = 0; i < A_PIECES; i++) begin : g_a
    // The bit above a lower piece is 0; above the top piece it is the sign.
    logic above;
    assign above = (i == A_PIECES - 1) && a_wide[A_WIDE-1];
    always_ff @(posedge clk) if (enable) a_piece[i] <= {above, a_wide[A_PIECE*i+:A_PIECE]};
  end

  for (genvar j = 0; j < B_PIECES; j++) begin : g_b
    logic above;
    assign above = (j == B_PIECES - 1) && b_wide[B_WIDE-1];
    always_ff @(posedge clk) if (enable) b_piece[j] <= {above, b_wide[B_PIECE*j+:B_PIECE]};
  end

  for (genvar i = 0; i < A_PIECES; i++) begin : g_row
    for (genvar j = 0; j < B_PIECES; j++) begin : g_product
      logic signed [A_PIECE:0] left;
      logic signed [B_PIECE:0] right;
      assign left  = a_piece[i];
      assign right = b_piece[j];
      always_ff @(posedge clk) if (enable) part[i][j] <= (A_PIECE + B_PIECE + 2)'(left) * (A_PIECE + B_PIECE + 2)'(right);
    end
  end

  // Modulo 2^BITS: exact because the product fits.
  always_comb begin
    sum = '0;
    for (int unsigned i = 0; i < A_PIECES; i++) begin
      for (int unsigned j = 0; j < B_PIECES; j++) begin
        sum += BITS'($signed(part[i][j])) <<< (A_PIECE * i + B_PIECE * j);
      end
    end
  end
  always_ff @(posedge clk) if (enable) product <= sum;
endmodule
