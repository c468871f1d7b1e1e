// SPDX-License-Identifier: Apache-2.0
// One score to the place of its exponential (docs/numerics.md, "Scores, softmax, context"):
//   x = ((top - score) * Ms + (1 << (ns-1))) >> ns, `none` past 1023
// Four stages, one score per clock: difference, product + half, operand and result of the shift (step_shift.sv).
// Scores of up to 26 bits take one DSP48E2 for the first two; wider ones a subtractor and two.
module exponent_lane
  import vector_pkg::*;
#(
    parameter int unsigned SCORE_BITS
) (
    input  logic                         clk,
    input  logic                         keep,   // 0: beyond the row
    input  logic signed [SCORE_BITS-1:0] score,
    input  logic signed [SCORE_BITS-1:0] top,    // >= score where keep
    input  logic        [14:0]           scale,  // Ms
    input  logic        [39:0]           half,   // 2^(ns-1)
    input  step_t                        step,   // of ns, two clocks after the score
    output logic        [9:0]            x,      // four clocks after the score
    output logic                         none    // e is 0
);
  localparam int unsigned PRODUCT_BITS = ((SCORE_BITS > 24) ? SCORE_BITS : 24) + 17;

  logic signed [PRODUCT_BITS-1:0] total;
  logic signed [48-STEP:0] level;
  logic kept, sign, too_far, zeros, ones, unused;

  if (SCORE_BITS <= 26) begin : g_narrow
    logic signed [47:0] product;
    logic [1:0] unused_fit;
    dsp_mac #(
        .PRE(1'b1),
        .PLUS(1'b0),
        .A_REG(1'b0),
        .B_REG(1'b1),
        .C_REG(1'b1),
        .M_REG(1'b0),
        .ADD(1'b1),
        .FIT(47)
    ) u_product (
        .clk,
        .enable(1'b1),
        .a(27'(score)),
        .d(27'(top)),
        .b(18'(scale)),
        .c(48'(half)),
        .p(product),
        .zeros(unused_fit[0]),
        .ones(unused_fit[1])
    );
    logic unused_top;
    assign unused_top = &{1'b0, product};
    assign total      = product[PRODUCT_BITS-1:0];
  end else begin : g_wide
    logic [SCORE_BITS-1:0] drop;  // top - score < 2^SCORE_BITS
    logic signed [1:0][47:0] product;
    logic [3:0] unused_fit;
    always_ff @(posedge clk) drop <= top - score;
    for (genvar i = 0; i < 2; i++) begin : g_piece
      logic [15:0] piece;
      assign piece = (i == 0) ? drop[15:0] : 16'(drop[SCORE_BITS-1:16]);
      dsp_mac #(
          .PRE(1'b0),
          .PLUS(1'b0),
          .A_REG(1'b0),
          .B_REG(1'b1),
          .C_REG(1'b1),
          .M_REG(1'b0),
          .ADD(1'b1),
          .FIT(47)
      ) u_product (
          .clk,
          .enable(1'b1),
          .a(27'(piece)),
          .d('0),
          .b(18'(scale)),
          .c((i == 0) ? 48'(half) : '0),
          .p(product[i]),
          .zeros(unused_fit[2*i]),
          .ones(unused_fit[2*i+1])
      );
    end
    assign total = PRODUCT_BITS'($signed(product[0])) + (PRODUCT_BITS'($signed(product[1])) <<< 16);
  end

  step_shift #(
      .VALUE_BITS(PRODUCT_BITS),
      .BASE(0),
      .STEP(STEP),
      .KEEP(10),
      .FIT(10),
      .M_REG(1'b0),
      .ADD(1'b1)
  ) u_shift (
      .clk,
      .enable(1'b1),
      .value(total),
      .coarse(step.coarse),
      .factor(step.factor),
      .c('0),
      .level,
      .sign,
      .too_far,
      .zeros,
      .ones
  );
  delay #(
      .WIDTH (1),
      .STAGES(4)
  ) u_keep (
      .clk,
      .enable(1'b1),
      .in (keep),
      .out(kept)
  );
  assign x      = level[9:0];
  assign none   = !kept || too_far || !zeros;
  assign unused = &{1'b0, level, sign, ones};
endmodule
