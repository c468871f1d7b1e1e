// SPDX-License-Identifier: Apache-2.0
// TOKENS x OUTPUTS dot-product units with their accumulators.
//
// Every operand is seen as the integer of its {0,1} planes: A for activations, B for weights.
// {-1,+1} is 2*plane - 1, so with a = 1 for a bipolar activation and w = 1 for bipolar weights
//   acc = (1+a)(1+w) sum A*B - w(1+a) sum A - a(1+w) sum B + a*w*K       (result_drain.sv)
// which are the identities of docs/numerics.md with pc(~(p ^ w)) written out. Here are the sums of
// A*B alone. `sum A` is shared by all outputs of a token and `sum B` by all tokens of an output: they
// are made of the operands while these are loaded (row_sums.sv). `sum A` counts only where w = 1,
// `sum B` only where a = 1. Bits of 0 beyond K count nothing.
// Latency from the words to `done`, when the totals stand for one clock: three clocks.
module qmm_array
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned ACC_BITS,
    parameter bit          STRUCTURAL
) (
    input  logic                                           clk,
    input  logic                                           rst_n,
    input  step_t                                          step,  // with the words
    input  logic  [TOKENS-1:0][SIMD-1:0]                   act,
    input  logic  [OUTPUTS-1:0][SIMD-1:0]                  weight,
    output logic                                           done,  // totals are complete
    output tile_t                                          done_tile,
    output logic  [TOKENS-1:0][OUTPUTS-1:0][ACC_BITS-1:0]  total
);
  localparam int unsigned SUM_BITS = $clog2(SIMD + 1);

  step_t step_q, step_qq;  // beside the two registers of a popcount

  always_ff @(posedge clk) begin
    step_q    <= step;
    step_qq   <= step_q;
    done      <= step_qq.valid && step_qq.last;
    done_tile <= step_qq.tile;
    if (!rst_n) begin
      step_q.valid  <= 1'b0;
      step_qq.valid <= 1'b0;
      done          <= 1'b0;
    end
  end

  for (genvar t = 0; t < TOKENS; t++) begin : g_token
    for (genvar o = 0; o < OUTPUTS; o++) begin : g_output
      logic [SUM_BITS-1:0] sum;
      and_popcount #(
          .WIDTH(SIMD),
          .STRUCTURAL(STRUCTURAL)
      ) u_popcount (
          .clk,
          .a(act[t]),
          .b(weight[o]),
          .count(sum)
      );
      plane_accumulator #(
          .SUM_BITS(SUM_BITS),
          .ACC_BITS(ACC_BITS)
      ) u_accumulator (
          .clk,
          .take(step_qq.valid),
          .first(step_qq.first),
          .doubling(step_qq.doubling),
          .flip(step_qq.flip),
          .filler(step_qq.filler),
          .sum,
          .total(total[t][o])
      );
    end
  end
endmodule
