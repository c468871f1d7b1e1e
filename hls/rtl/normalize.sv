// SPDX-License-Identifier: Apache-2.0
// Second pass of LN, one lane: z = ((d*r - S)*y + 2^(18+g)) >> (19+g), that is (r - mean)/std with 12
// fractional bits (docs/numerics.md, "LayerNorm"). One per clock, 9 stages:
//   1..3 d*r   4 u = d*r - S   5..7 u*y   8 shift by 18+g, but for its lowest bit
//   9 the lowest bit and rounding, ((u*y >> (18+g)) + 1) >> 1
// `enable` holds all. S, y and 18+g belong to the values in the stage that uses them, so one register
// serves all lanes. u is a sum of d - 1 differences of int16, so that |u| < d * 2^16: for d <= 1024 u*y takes
// one 27 x 18 multiplier. |z| < 2^19, so the shift moves only the bits that z keeps.
module normalize #(
    parameter int unsigned MAX_HIDDEN,  // largest d, at most 4096
    localparam int unsigned U_BITS = 17 + $clog2(MAX_HIDDEN)
) (
    input  logic               clk,
    input  logic               enable,
    input  logic signed [15:0] r,
    input  logic        [U_BITS-17:0] length, // d
    input  logic signed [U_BITS-2:0] sum, // S, 3 stages after r
    input  logic        [16:0] y,         // 4 stages after r
    input  logic        [4:1]  shift,     // of 18 + g, 7 stages after r
    input  logic               shift_odd, // lowest bit of 18 + g, 8 stages after r
    output logic signed [19:0] z
);
  localparam int unsigned PRODUCT_BITS = U_BITS + 18;
  localparam int unsigned MIDDLE = 22 + 6;  // bits that the steps of 2 may need
  localparam int unsigned WIDE = MIDDLE + 24;

  logic signed [U_BITS:0] scaled;
  logic signed [U_BITS-1:0] u;
  logic signed [PRODUCT_BITS-1:0] product;
  logic signed [WIDE-1:0] wide;
  logic [MIDDLE-1:0] middle;
  logic [21:0] low, low_q;
  logic [20:0] doubled, rounded;
  logic unused;

  multiply #(
      .A_BITS(16),
      .B_BITS(U_BITS - 15)
  ) u_scaled (
      .clk,
      .enable,
      .a(r),
      .b({1'b0, length}),
      .product(scaled)
  );
  multiply #(
      .A_BITS(18),
      .B_BITS(U_BITS)
  ) u_product (
      .clk,
      .enable,
      .a({1'b0, y}),
      .b(u),
      .product(product)
  );

  assign wide = WIDE'(product);
  assign middle  = shift[4] ? (shift[3] ? wide[24+:MIDDLE] : wide[16+:MIDDLE])
                           : (shift[3] ? wide[8+:MIDDLE] : wide[0+:MIDDLE]);
  assign low     = shift[2] ? (shift[1] ? middle[6+:22] : middle[4+:22])
                           : (shift[1] ? middle[2+:22] : middle[0+:22]);
  assign doubled = shift_odd ? low_q[21:1] : low_q[20:0];
  assign rounded = 21'd1 + doubled;
  assign unused  = ^{scaled[U_BITS], rounded[0]};

  always_ff @(posedge clk) begin
    if (enable) begin
      u     <= U_BITS'(scaled) - U_BITS'(sum);
      low_q <= low;
      z     <= rounded[20:1];
    end
  end
endmodule
