// SPDX-License-Identifier: Apache-2.0
// Second pass of LN, one lane: z = ((d*r - S)*y + 2^(18+g)) >> (19+g), that is (r - mean)/std with 12
// fractional bits (docs/numerics.md, "LayerNorm"). One per clock, 9 stages:
//   1..3 d*r   4 u = d*r - S   5..7 u*y   8 shift by 18+g   9 rounding, ((u*y >> (18+g)) + 1) >> 1
// `enable` holds all. S, y and 18+g belong to the values in the stage that uses them, so one register
// serves all lanes. Widths for d <= 4096: u 30 bits, u*y 48, z 20.
module normalize (
    input  logic               clk,
    input  logic               enable,
    input  logic signed [15:0] r,
    input  logic        [12:0] length,  // d
    input  logic signed [27:0] sum,     // S, 3 stages after r
    input  logic        [16:0] y,       // 4 stages after r
    input  logic        [4:0]  shift,   // 18 + g, 7 stages after r
    output logic signed [19:0] z
);
  logic signed [29:0] scaled, u;
  logic signed [47:0] product, doubled;

  multiply #(
      .A_BITS(16),
      .B_BITS(14)
  ) u_scaled (
      .clk,
      .enable,
      .a(r),
      .b({1'b0, length}),
      .product(scaled)
  );
  multiply #(
      .A_BITS(18),
      .B_BITS(30)
  ) u_product (
      .clk,
      .enable,
      .a({1'b0, y}),
      .b(u),
      .product(product)
  );

  always_ff @(posedge clk) begin
    if (enable) begin
      u       <= scaled - 30'(sum);
      doubled <= product >>> shift;
      z       <= 20'(doubled + 48'sd1 >>> 1);
    end
  end
endmodule
