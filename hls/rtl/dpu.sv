// SPDX-License-Identifier: Apache-2.0
// Dot-product unit: one word of SIMD bits of every plane pair of a plane group. Combinational.
//   sum = sum_{i,j} sign_i * sign_j * 2^(i + j) * popcount(act[i] & weight[j])
// with 2^i in place of 2^(i+j) when weight_flat (ternary P and N planes).
// The same unit with the constant 1 as one operand gives the row sums that {-1,+1} needs.
module dpu #(
    parameter int unsigned SIMD,       // bits per word
    parameter int unsigned A_PLANES,   // activation planes in parallel
    parameter int unsigned W_PLANES,   // weight planes in parallel
    parameter bit          STRUCTURAL, // see popcount.sv
    localparam int unsigned SUM_BITS   = $clog2(SIMD * (2 ** A_PLANES - 1) * (2 ** W_PLANES - 1) + 1) + 1
) (
    input  logic        [A_PLANES-1:0][SIMD-1:0] act,
    input  logic        [W_PLANES-1:0][SIMD-1:0] weight,
    input  logic        [3:0]                    act_negative,     // plane index or NO_PLANE
    input  logic        [3:0]                    weight_negative,  // plane index or NO_PLANE
    input  logic                                 weight_flat,
    output logic signed [SUM_BITS-1:0]           sum
);
  localparam int unsigned COUNT_BITS = $clog2(SIMD + 1);

  logic [A_PLANES-1:0][W_PLANES-1:0][COUNT_BITS-1:0] count;

  for (genvar i = 0; i < A_PLANES; i++) begin : g_act
    for (genvar j = 0; j < W_PLANES; j++) begin : g_weight
      and_popcount #(
          .WIDTH(SIMD),
          .STRUCTURAL(STRUCTURAL)
      ) u_popcount (
          .a(act[i]),
          .b(weight[j]),
          .count(count[i][j])
      );
    end
  end

  always_comb begin
    sum = '0;
    for (int unsigned i = 0; i < A_PLANES; i++) begin
      for (int unsigned j = 0; j < W_PLANES; j++) begin
        logic signed [SUM_BITS-1:0] term;
        term = $signed(SUM_BITS'(count[i][j])) <<< (weight_flat ? i : i + j);
        if ((act_negative == 4'(i)) != (weight_negative == 4'(j))) sum -= term;
        else sum += term;
      end
    end
  end
endmodule
