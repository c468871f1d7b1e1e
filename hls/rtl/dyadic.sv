// SPDX-License-Identifier: Apache-2.0
// Dyadic scaling of one lane: level = (sum_p a[p] * m[p] + c) >> shift (docs/numerics.md,
// "Activations"), floor, exact for a of A_BITS bits and m, c in their ranges. One per clock, 5 stages:
//   1..3  products (multiply.sv)      4  sum of the parts and c      5  shift
// `shift` belongs to the value in stage 4, so one register serves all lanes. `enable` holds all.
module dyadic
  import vector_pkg::*;
#(
    parameter int unsigned A_BITS,  // 2..32
    parameter int unsigned PARTS    // 1, or 2 for WTWS
) (
    input  logic                                     clk,
    input  logic                                     enable,
    input  logic signed [PARTS-1:0][A_BITS-1:0]      a,
    input  logic signed [PARTS-1:0][M_BITS-1:0]      m,
    input  logic signed            [C_BITS-1:0]      c,
    input  logic                   [5:0]             shift,
    output logic signed            [LEVEL_BITS-1:0]  level
);
  logic signed [PARTS-1:0][A_BITS+M_BITS-1:0] product;
  logic signed [C_BITS-1:0] c_later;
  logic signed [LEVEL_BITS-1:0] sum, total;

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
    sum = LEVEL_BITS'(c_later);
    for (int unsigned p = 0; p < PARTS; p++) sum += LEVEL_BITS'($signed(product[p]));
  end

  always_ff @(posedge clk) begin
    if (enable) begin
      total <= sum;
      level <= total >>> shift;
    end
  end
endmodule
