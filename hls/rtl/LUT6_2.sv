// SPDX-License-Identifier: Apache-2.0
// Model of AMD's primitive of this name (UG974): two functions of I0..I4 in one LUT6, O5 the low half
// of INIT, O6 the half that I5 selects. For simulation, and as a black box for open synthesis; a vendor
// flow takes its own.
(* blackbox *)
module LUT6_2 #(
    parameter logic [63:0] INIT
) (
    output logic O6,
    output logic O5,
    input  logic I0,
    input  logic I1,
    input  logic I2,
    input  logic I3,
    input  logic I4,
    input  logic I5
);
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
  assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
endmodule
