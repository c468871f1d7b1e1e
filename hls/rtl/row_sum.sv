// SPDX-License-Identifier: Apache-2.0
// Sum of one operand's row alone: a dot-product unit of qmm_array.sv whose other operand is 1.
module row_sum
  import qmm_pkg::*;
#(
    parameter int unsigned SIMD,
    parameter int unsigned ACC_BITS,
    parameter bit          STRUCTURAL
) (
    input  logic                 clk,
    input  logic  [SIMD-1:0]     bits,
    input  step_t                step,  // two clocks behind `bits`
    output logic  [ACC_BITS-1:0] total
);
  localparam int unsigned SUM_BITS = $clog2(SIMD + 1);
  logic [SUM_BITS-1:0] sum;
  logic unused;
  assign unused = &{1'b0, step};

  popcount #(
      .WIDTH(SIMD),
      .STRUCTURAL(STRUCTURAL)
  ) u_popcount (
      .clk,
      .bits,
      .count(sum)
  );
  plane_accumulator #(
      .SUM_BITS(SUM_BITS),
      .ACC_BITS(ACC_BITS)
  ) u_accumulator (
      .clk,
      .take(step.valid),
      .first(step.first),
      .doubling(step.doubling),
      .flip(step.flip),
      .filler(step.filler),
      .sum,
      .total
  );
endmodule
