// SPDX-License-Identifier: Apache-2.0
// 6:3 compressor: count = number of ones among six bits, in two LUT6 and two bits of a carry chain.
// With n the number of ones among bits[5:1], n = n0 + 2m, m = 0..2:
//   place 1: bits[0] + n0          S = parity of all six, DI = bits[0], carry in 0
//   place 2: carry + m             S = (m == 1), DI = (m == 2): two functions of five bits, one LUT6_2
//   place 4: the carry out
// Combinational. The hierarchy is kept so that synthesis does not take it apart. Source: the (0,6) atom
// of generalized parallel counters (Preusser, "Generic and universal parallel matrix summation").
(* keep_hierarchy = "yes" *)
module compressor6 (
    input  logic [5:0] bits,
    output logic [2:0] count
);
  function automatic logic [31:0] between(int low, int high);
    for (int row = 0; row < 32; row++) begin
      between[row] = $countones(5'(row)) >= low && $countones(5'(row)) <= high;
    end
  endfunction

  logic m1, m2;
  logic [3:0] carry, sum;
  logic unused;

  LUT6_2 #(
      .INIT({between(2, 3), between(4, 5)})
  ) u_pair (
      .O6(m1),
      .O5(m2),
      .I0(bits[1]),
      .I1(bits[2]),
      .I2(bits[3]),
      .I3(bits[4]),
      .I4(bits[5]),
      .I5(1'b1)
  );
  CARRY4 u_carry (
      .CO(carry),
      .O(sum),
      .CI(1'b0),
      .CYINIT(1'b0),
      .DI({2'b00, m2, bits[0]}),
      .S({2'b00, m1, ^bits})
  );
  assign count  = {carry[1], sum[1:0]};
  assign unused = &{1'b0, carry, sum};
endmodule
