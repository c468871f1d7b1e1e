// SPDX-License-Identifier: Apache-2.0
// Reciprocal square root of LN: 1/sqrt(V) = y * 2^-(31+g) nearly (docs/numerics.md, "LayerNorm").
//   b = bit_length(V);  g = (b - 31) >> 1;  v = V * 2^(-2g), floored, in [2^30, 2^32)
//   y = RSQRT[(v >> 24) - 64];  y = (y * (((3 << 50) - y*y*(v >> 12)) >> 34)) >> 17
// Source: table and one Newton step; the integer form is ours. One value per clock, 13 stages:
//   1 highest pair of bits with a one   2 shift   3 table   4..6 y*y   7..9 y*y*(v >> 12)
//   10 difference   11..13 y*(...)
// g moves in steps of one where V moves by a pair of bits: with p the highest nonzero pair, g = p - 15.
module rsqrt #(
    parameter int unsigned TAG_BITS  // of a tag that travels along
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                in_valid,
    input  logic [TAG_BITS-1:0] in_tag,
    input  logic [55:0]         variance,  // V >= 1
    output logic                valid,
    output logic [TAG_BITS-1:0] tag,
    output logic [16:0]         y,         // 2^15..2^16
    output logic [4:0]          shift      // 18 + g, 3..30
);
  localparam int unsigned STAGES = 13;
  localparam int unsigned PAIRS = 28;

  // 1, 2: normalize.
  logic [4:0] highest, pair;
  logic [55:0] kept;
  logic [19:0] v;  // v >> 12
  always_comb begin
    highest = '0;
    for (int unsigned p = 0; p < PAIRS; p++) if (variance[2*p+:2] != '0) highest = 5'(p);
  end
  always_ff @(posedge clk) begin
    pair <= highest;
    kept <= variance;
    v    <= 20'((kept << {5'(PAIRS - 1) - pair, 1'b0}) >> 36);
  end

  // 3: the table gives y to 8 bits.
  logic [15:0] first;
  rsqrt_table u_table (
      .clk,
      .index(v[19:12] - 8'd64),
      .value(first)
  );

  // 4..13: one Newton step.
  logic [19:0] v_late;
  logic [15:0] first_late;
  logic signed [33:0] square;
  logic signed [54:0] cube;
  logic signed [18:0] step;
  logic signed [35:0] refined;

  multiply #(
      .A_BITS(17),
      .B_BITS(17)
  ) u_square (
      .clk,
      .enable(1'b1),
      .a({1'b0, first}),
      .b({1'b0, first}),
      .product(square)
  );
  delay #(
      .WIDTH (20),
      .STAGES(4)
  ) u_v (
      .clk,
      .enable(1'b1),
      .in (v),
      .out(v_late)
  );
  multiply #(
      .A_BITS(34),
      .B_BITS(21)
  ) u_cube (
      .clk,
      .enable(1'b1),
      .a(square),
      .b({1'b0, v_late}),
      .product(cube)
  );
  // ((3 << 50) - cube) >> 34, where a fraction of cube takes one more.
  always_ff @(posedge clk) step <= 19'((21'sd3 <<< 16) - $signed(cube[54:34]) - 21'(cube[33:0] != '0));
  delay #(
      .WIDTH (16),
      .STAGES(7)
  ) u_first (
      .clk,
      .enable(1'b1),
      .in (first),
      .out(first_late)
  );
  multiply #(
      .A_BITS(17),
      .B_BITS(19)
  ) u_refined (
      .clk,
      .enable(1'b1),
      .a({1'b0, first_late}),
      .b(step),
      .product(refined)
  );
  assign y = 17'(refined >>> 17);

  // What travels along.
  logic [STAGES-1:0] stage_valid;
  logic [4:0] pair_late;
  always_ff @(posedge clk) begin
    if (!rst_n) stage_valid <= '0;
    else stage_valid <= {stage_valid[STAGES-2:0], in_valid};
  end
  delay #(
      .WIDTH (TAG_BITS),
      .STAGES(STAGES)
  ) u_tag (
      .clk,
      .enable(1'b1),
      .in (in_tag),
      .out(tag)
  );
  delay #(
      .WIDTH (5),
      .STAGES(STAGES - 1)
  ) u_pair (
      .clk,
      .enable(1'b1),
      .in (pair),
      .out(pair_late)
  );
  assign valid = stage_valid[STAGES-1];
  assign shift = pair_late + 5'd3;
endmodule
