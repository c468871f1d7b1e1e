// SPDX-License-Identifier: Apache-2.0
// Accumulator of a dot-product unit over plane pairs of falling place value:
//   total = (first ? 0 : doubling ? 2*total : total) + (negative ? -sum : sum), one step a clock.
// Subtracting costs no gate of its own: total - sum = ~(~total + sum), so the register holds ~total
// after a negative step. `flip` says that this step's sign differs from the last one's (or, at
// `first`, that it is negative), `filler` that the last one was negative: 2*total shifts in that bit.
// A bit then depends on two register bits, sum, first, doubling and flip: one LUT6 and the carry.
module plane_accumulator #(
    parameter int unsigned SUM_BITS,  // width of one step's sum, unsigned
    parameter int unsigned ACC_BITS   // width of the total; the engine proves that it suffices
) (
    input  logic                clk,
    input  logic                take,
    input  logic                first,
    input  logic                doubling,
    input  logic                flip,
    input  logic                filler,
    input  logic [SUM_BITS-1:0] sum,
    output logic [ACC_BITS-1:0] total  // or ~total
);
  logic [ACC_BITS-1:0] base;

  always_comb begin
    base = doubling ? {total[ACC_BITS-2:0], filler} : total;
    if (first) base = '0;
    if (flip) base = ~base;
  end

  always_ff @(posedge clk) if (take) total <= ACC_BITS'(sum) + base;
endmodule
