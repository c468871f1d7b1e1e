// SPDX-License-Identifier: Apache-2.0
// count = number of ones among three products a[i] & b[i]: two functions of six inputs, that is two
// LUT6. Combinational. The hierarchy is kept as in compressor6.sv.
(* keep_hierarchy = "yes" *)
module pair_compressor (
    input  logic [2:0] a,
    input  logic [2:0] b,
    output logic [1:0] count
);
  logic [2:0] product;
  assign product  = a & b;
  assign count[0] = ^product;
  assign count[1] = (product[0] & product[1]) | (product[0] & product[2]) | (product[1] & product[2]);
endmodule
