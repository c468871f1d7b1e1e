// SPDX-License-Identifier: Apache-2.0
// Dyadic scaling of one lane: level = ((sum_p a[p] * m[p] + c) >> n) + addend (docs/numerics.md, "Activations",
// "Residual"), floor, for a of A_BITS bits and m, c in their ranges; n = 11*coarse + fine, factor = 2^(10-fine)
// (vector_pkg::step_of). `outside`: the level is beyond the format, on the side of `negative`; else `level` holds
// its low 16 bits, right in the format's bits.
//   ADD 1: the format is int16; `beside` is the addend times 2^10.
//   ADD 0: nothing is added; a level is inside where the bits of {level, 10 bits} at which `beside` is 0 are all 0
//   (and allow[0]) or all 1 (and allow[1]).
// One per clock, 5 stages: 1..3 sum (product_sum.sv)   4, 5 shift (step_shift.sv); with ADD 6. One register of
// `coarse`, `factor` and `allow` serves all lanes. `enable` holds all.
module dyadic
  import vector_pkg::*;
#(
    parameter int unsigned A_BITS,  // 2..32
    parameter int unsigned PARTS,   // 1, or 2 for WTWS
    parameter int unsigned KEEP,    // 2..16: a scaled value of more bits below its sign is outside
    parameter bit          ADD
) (
    input  logic                                     clk,
    input  logic                                     enable,
    input  logic signed [PARTS-1:0][A_BITS-1:0]      a,
    input  logic signed [PARTS-1:0][M_BITS-1:0]      m,
    input  logic signed            [C_BITS-1:0]      c,
    input  logic                   [1:0]             coarse,  // of the value in stage 3, as `factor`
    input  logic                   [STEP-1:0]        factor,
    input  logic signed            [47:0]            beside,  // two stages before the level
    input  logic                   [1:0]             allow,   // of the level
    output logic                   [15:0]            level,
    output logic                                     negative,
    output logic                                     outside
);
  localparam int unsigned PRODUCT_BITS = A_BITS + M_BITS;
  // A sum of products and C: one bit more for each addition.
  localparam int unsigned SUM_BITS = ((PRODUCT_BITS > C_BITS) ? PRODUCT_BITS : C_BITS) + PARTS;

  logic signed [SUM_BITS-1:0] total;
  logic signed [48-STEP:0] shifted;
  logic sign, too_far, zeros, ones, unused;

  product_sum #(
      .A_BITS(A_BITS),
      .B_BITS(M_BITS),
      .PARTS(PARTS),
      .SUM_BITS(SUM_BITS)
  ) u_sum (
      .clk,
      .enable,
      .a,
      .m,
      .c(48'(c)),
      .total
  );
  step_shift #(
      .VALUE_BITS(SUM_BITS),
      .BASE(0),
      .STEP(STEP),
      .KEEP(KEEP),
      .FIT(15),
      .M_REG(ADD),
      .ADD(ADD)
  ) u_shift (
      .clk,
      .enable,
      .value(total),
      .coarse,
      .factor,
      .c(beside),
      .level(shifted),
      .sign,
      .too_far,
      .zeros,
      .ones
  );

  assign level    = shifted[15:0];
  assign negative = (ADD && too_far) ? sign : shifted[48-STEP];
  assign outside  = too_far || (ADD ? !zeros && !ones : !(zeros && allow[0]) && !(ones && allow[1]));
  assign unused   = &{1'b0, shifted, sign, allow};
endmodule
