// SPDX-License-Identifier: Apache-2.0
// Dyadic scaling of one lane: level = (sum_p a[p] * m[p] + c) >> shift (docs/numerics.md,
// "Activations"), floor, for a of A_BITS bits and m, c in their ranges. Of the level come the low KEEP
// bits, the sign, and whether bits between differ from it (shift_window.sv). One per clock, 5 stages:
//   A_BITS <= 27, one DSP48E2 a product:
//     1 operands   2 products   3 first product + c   4 + second product, or first step of the shift   5 shift
//     Part 1 runs one stage late, so that a vendor tool chains both additions inside the DSPs.
//   A_BITS > 27:  1..3 products in pieces (multiply.sv)   4 their sum and c   5 shift
// One register of `coarse` and `shift` serves all lanes. `enable` holds all.
module dyadic
  import vector_pkg::*;
#(
    parameter int unsigned A_BITS,  // 2..32
    parameter int unsigned PARTS,   // 1, or 2 for WTWS
    parameter int unsigned KEEP     // bits of the level below its sign
) (
    input  logic                                     clk,
    input  logic                                     enable,
    input  logic signed [PARTS-1:0][A_BITS-1:0]      a,
    input  logic signed [PARTS-1:0][M_BITS-1:0]      m,
    input  logic signed            [C_BITS-1:0]      c,
    input  logic                   [1:0]             coarse,  // shift[5:4] of the value in stage 3
    input  logic                   [5:0]             shift,   // of the value in stage 4
    output logic                   [KEEP-1:0]        kept,
    output logic                                     sign,
    output logic                                     over
);
  localparam bit CHAINED = A_BITS <= 27;
  localparam bit SPLIT = CHAINED && PARTS == 1;
  localparam int unsigned PRODUCT_BITS = A_BITS + M_BITS;
  // A sum of products and C: one bit more for each addition.
  localparam int unsigned SUM_BITS = ((PRODUCT_BITS > C_BITS) ? PRODUCT_BITS : C_BITS) + PARTS;

  logic signed [SUM_BITS-1:0] total;

  if (CHAINED) begin : g_chained
    logic signed [C_BITS-1:0] c_later;
    logic signed [PARTS-1:0][SUM_BITS-1:0] sum;

    delay #(
        .WIDTH (C_BITS),
        .STAGES(2)
    ) u_constant (
        .clk,
        .enable,
        .in (c),
        .out(c_later)
    );
    for (genvar p = 0; p < PARTS; p++) begin : g_part
      logic signed [A_BITS-1:0] a_later;
      logic signed [M_BITS-1:0] m_later;
      logic signed [PRODUCT_BITS-1:0] product;
      delay #(
          .WIDTH (A_BITS + M_BITS),
          .STAGES(1 + p)
      ) u_operands (
          .clk,
          .enable,
          .in ({a[p], m[p]}),
          .out({a_later, m_later})
      );
      always_ff @(posedge clk) begin
        if (enable) begin
          product <= PRODUCT_BITS'(a_later) * PRODUCT_BITS'(m_later);
          sum[p]  <= SUM_BITS'(product) + ((p == 0) ? SUM_BITS'(c_later) : $signed(sum[0]));
        end
      end
    end
    assign total = sum[PARTS-1];
  end else begin : g_pieces
    logic signed [PARTS-1:0][PRODUCT_BITS-1:0] product;
    logic signed [C_BITS-1:0] c_later;
    logic signed [SUM_BITS-1:0] sum;

    for (genvar p = 0; p < PARTS; p++) begin : g_part
      multiply #(
          .A_BITS(M_BITS),
          .B_BITS(A_BITS)
      ) u_multiply (
          .clk,
          .enable,
          .a(m[p]),
          .b(a[p]),
          .product(product[p])
      );
    end
    delay #(
        .WIDTH (C_BITS),
        .STAGES(3)
    ) u_constant (
        .clk,
        .enable,
        .in (c),
        .out(c_later)
    );
    always_comb begin
      sum = SUM_BITS'(c_later);
      for (int unsigned p = 0; p < PARTS; p++) sum += SUM_BITS'($signed(product[p]));
    end
    always_ff @(posedge clk) if (enable) total <= sum;
  end

  logic [1:0] unused_coarse;
  assign unused_coarse = SPLIT ? shift[5:4] : coarse;
  shift_window #(
      .WIDTH(SUM_BITS),
      .KEEP (KEEP),
      .SPLIT(SPLIT)
  ) u_shift (
      .clk,
      .enable,
      .value (total),
      .coarse(SPLIT ? coarse : shift[5:4]),
      .fine  (shift[3:0]),
      .kept,
      .sign,
      .over
  );
endmodule
