// SPDX-License-Identifier: Apache-2.0
// Second pass of LN, one lane: z = ((d*r - S)*y + 2^(18+g)) >> (19+g), that is (r - mean)/std with 12
// fractional bits (docs/numerics.md, "LayerNorm"). One per clock, 9 stages:
//   1..3 u = d*r - S (dsp_mac.sv)   4..6 u*y + 2^(18+g) (product_sum.sv)   7..9 shift (step_shift.sv)
// `enable` holds all. S, y and g belong to the values in the stage that uses them, so one register serves all
// lanes. u is a sum of d - 1 differences of int16, so that |u| < d * 2^16: for d <= 1024 u*y takes one DSP.
// 19+g = 4 + 8*coarse + fine. |z| < 2^19, so the shift moves only the bits that z keeps.
module normalize #(
    parameter int unsigned MAX_HIDDEN,  // largest d, at most 4096
    localparam int unsigned U_BITS = 17 + $clog2(MAX_HIDDEN)
) (
    input  logic               clk,
    input  logic               enable,
    input  logic signed [15:0] r,
    input  logic        [U_BITS-17:0] length,  // d
    input  logic signed [47:0] minus_sum,      // -S, 1 stage after r
    input  logic        [16:0] y,              // 3 stages after r, as the next
    input  logic        [47:0] half,           // 2^(18+g)
    input  logic        [1:0]  coarse,         // 6 stages after r, as the next
    input  logic        [7:0]  factor,         // 2^(7-fine)
    output logic signed [19:0] z
);
  localparam int unsigned PRODUCT_BITS = U_BITS + 18;

  logic signed [47:0] u;
  logic signed [PRODUCT_BITS-1:0] product;
  logic signed [40:0] level;
  logic [5:0] unused_fit;
  logic unused;

  dsp_mac #(
      .PRE(1'b0),
      .PLUS(1'b0),
      .A_REG(1'b1),
      .B_REG(1'b1),
      .C_REG(1'b1),
      .M_REG(1'b1),
      .ADD(1'b1),
      .FIT(47)
  ) u_difference (
      .clk,
      .enable,
      .a(27'(r)),
      .d('0),
      .b(18'(length)),
      .c(minus_sum),
      .p(u),
      .zeros(unused_fit[0]),
      .ones(unused_fit[1])
  );
  product_sum #(
      .A_BITS(U_BITS),
      .B_BITS(18),
      .PARTS(1),
      .SUM_BITS(PRODUCT_BITS)
  ) u_product (
      .clk,
      .enable,
      .a(u[U_BITS-1:0]),
      .m({1'b0, y}),
      .c(half),
      .total(product)
  );
  step_shift #(
      .VALUE_BITS(PRODUCT_BITS),
      .BASE(4),
      .STEP(8),
      .KEEP(19),
      .FIT(19),
      .M_REG(1'b1),
      .ADD(1'b1)
  ) u_shift (
      .clk,
      .enable,
      .value(product),
      .coarse,
      .factor,
      .c('0),
      .level,
      .sign(unused_fit[2]),
      .too_far(unused_fit[3]),
      .zeros(unused_fit[4]),
      .ones(unused_fit[5])
  );
  assign z      = level[19:0];
  assign unused = &{1'b0, u, level, unused_fit};
endmodule
