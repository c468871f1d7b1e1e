// SPDX-License-Identifier: Apache-2.0
// TOKENS x OUTPUTS dot-product units with their accumulators, and the row sums.
//
// Every operand is seen as the integer of its {0,1} planes: A for activations, B for weights.
// {-1,+1} is 2*plane - 1, so with a = 1 for a bipolar activation and w = 1 for bipolar weights
//   acc = (1+a)(1+w) sum A*B - w(1+a) sum A - a(1+w) sum B + a*w*K       (result_drain.sv)
// which are the identities of docs/numerics.md with pc(~(p ^ w)) written out. `sum A` is shared by
// all outputs of a token and `sum B` by all tokens of an output. Bits of 0 beyond K count nothing.
// Latency: two clocks from words to totals.
module qmm_array
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned A_PLANES,
    parameter int unsigned W_PLANES,
    parameter int unsigned ACC_BITS,
    parameter bit          STRUCTURAL
) (
    input  logic                                                      clk,
    input  logic                                                      rst_n,
    input  logic                                                      enable,
    input  step_t                                                     step,  // with the words
    input  logic         [TOKENS-1:0][A_PLANES-1:0][SIMD-1:0]         act,
    input  logic         [OUTPUTS-1:0][W_PLANES-1:0][SIMD-1:0]        weight,
    output logic                                                      done,  // totals are complete
    output logic                                                      done_job_last,
    output logic                                                      done_act_bipolar,
    output logic                                                      done_weight_bipolar,
    output logic         [31:0]                                       done_k_bits,
    output logic signed  [TOKENS-1:0][OUTPUTS-1:0][ACC_BITS-1:0]      total,
    output logic signed  [TOKENS-1:0][ACC_BITS-1:0]                   act_total,
    output logic signed  [OUTPUTS-1:0][ACC_BITS-1:0]                  weight_total
);
  localparam int unsigned SUM_BITS = $clog2(SIMD * (2 ** A_PLANES - 1) * (2 ** W_PLANES - 1) + 1) + 1;
  localparam int unsigned ACT_SUM_BITS = $clog2(SIMD * (2 ** A_PLANES - 1) + 1) + 1;
  localparam int unsigned WEIGHT_SUM_BITS = $clog2(SIMD * (2 ** W_PLANES - 1) + 1) + 1;

  logic valid_q, first_q, last_q, job_last_q, act_row_q, weight_row_q;
  logic act_bipolar_q, weight_bipolar_q;
  logic [3:0] act_shift_q, weight_shift_q, shift_q;
  logic [31:0] k_bits_q;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid_q <= 1'b0;
      done    <= 1'b0;
    end else if (enable) begin
      valid_q <= step.valid;
      done    <= valid_q && last_q;
    end
    if (enable) begin
      {first_q, last_q, job_last_q} <= {step.first, step.last, step.job_last};
      {act_row_q, weight_row_q} <= {step.act_row, step.weight_row};
      {act_bipolar_q, weight_bipolar_q} <= {step.act_bipolar, step.weight_bipolar};
      {act_shift_q, weight_shift_q} <= {step.act_shift, step.weight_shift};
      shift_q             <= step.act_shift + step.weight_shift;
      k_bits_q            <= step.k_bits;
      done_job_last       <= job_last_q;
      done_act_bipolar    <= act_bipolar_q;
      done_weight_bipolar <= weight_bipolar_q;
      done_k_bits         <= k_bits_q;
    end
  end

  for (genvar t = 0; t < TOKENS; t++) begin : g_token
    for (genvar o = 0; o < OUTPUTS; o++) begin : g_output
      logic signed [SUM_BITS-1:0] sum, sum_q;
      dpu #(
          .SIMD(SIMD),
          .A_PLANES(A_PLANES),
          .W_PLANES(W_PLANES),
          .STRUCTURAL(STRUCTURAL)
      ) u_dpu (
          .act(act[t]),
          .weight(weight[o]),
          .act_negative(step.act_negative),
          .weight_negative(step.weight_negative),
          .weight_flat(step.weight_flat),
          .sum
      );
      always_ff @(posedge clk) if (enable) sum_q <= sum;
      plane_accumulator #(
          .SUM_BITS(SUM_BITS),
          .ACC_BITS(ACC_BITS)
      ) u_accumulator (
          .clk,
          .enable,
          .take (valid_q),
          .first(first_q),
          .shift(shift_q),
          .sum  (sum_q),
          .total(total[t][o])
      );
    end
  end

  for (genvar t = 0; t < TOKENS; t++) begin : g_act_row
    logic signed [ACT_SUM_BITS-1:0] sum, sum_q;
    dpu #(
        .SIMD(SIMD),
        .A_PLANES(A_PLANES),
        .W_PLANES(1),
        .STRUCTURAL(STRUCTURAL)
    ) u_dpu (
        .act(act[t]),
        .weight('1),
        .act_negative(step.act_negative),
        .weight_negative(NO_PLANE),
        .weight_flat(1'b0),
        .sum
    );
    always_ff @(posedge clk) if (enable) sum_q <= sum;
    plane_accumulator #(
        .SUM_BITS(ACT_SUM_BITS),
        .ACC_BITS(ACC_BITS)
    ) u_accumulator (
        .clk,
        .enable,
        .take (valid_q && act_row_q),
        .first(first_q),
        .shift(act_shift_q),
        .sum  (sum_q),
        .total(act_total[t])
    );
  end

  for (genvar o = 0; o < OUTPUTS; o++) begin : g_weight_row
    logic signed [WEIGHT_SUM_BITS-1:0] sum, sum_q;
    dpu #(
        .SIMD(SIMD),
        .A_PLANES(1),
        .W_PLANES(W_PLANES),
        .STRUCTURAL(STRUCTURAL)
    ) u_dpu (
        .act('1),
        .weight(weight[o]),
        .act_negative(NO_PLANE),
        .weight_negative(step.weight_negative),
        .weight_flat(step.weight_flat),
        .sum
    );
    always_ff @(posedge clk) if (enable) sum_q <= sum;
    plane_accumulator #(
        .SUM_BITS(WEIGHT_SUM_BITS),
        .ACC_BITS(ACC_BITS)
    ) u_accumulator (
        .clk,
        .enable,
        .take (valid_q && weight_row_q),
        .first(first_q),
        .shift(weight_shift_q),
        .sum  (sum_q),
        .total(weight_total[o])
    );
  end
endmodule
