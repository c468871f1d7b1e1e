// SPDX-License-Identifier: Apache-2.0
// 3:2 compressor: count = number of ones among three bits, in one LUT6_2. Combinational.
module full_adder (
    input  logic [2:0] bits,
    output logic [1:0] count
);
  LUT6_2 #(
      .INIT({{4{8'b1110_1000}}, {4{8'b1001_0110}}})
  ) u_lut (
      .O6(count[1]),
      .O5(count[0]),
      .I0(bits[0]),
      .I1(bits[1]),
      .I2(bits[2]),
      .I3(1'b0),
      .I4(1'b0),
      .I5(1'b1)
  );
endmodule
