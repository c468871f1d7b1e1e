// SPDX-License-Identifier: Apache-2.0
// Shift and accumulate: total = (first ? 0 : total) + sum * 2^shift, one step per clock.
// `enable` holds the whole pipeline, `take` says that this step counts here.
module plane_accumulator #(
    parameter int unsigned SUM_BITS,  // width of one step's sum
    parameter int unsigned ACC_BITS   // width of the total; the engine proves that it suffices
) (
    input  logic                       clk,
    input  logic                       enable,
    input  logic                       take,
    input  logic                       first,
    input  logic        [3:0]          shift,
    input  logic signed [SUM_BITS-1:0] sum,
    output logic signed [ACC_BITS-1:0] total
);
  logic signed [ACC_BITS-1:0] term;
  assign term = ACC_BITS'(sum) <<< shift;

  always_ff @(posedge clk) begin
    if (enable && take) total <= first ? term : total + term;
  end
endmodule
