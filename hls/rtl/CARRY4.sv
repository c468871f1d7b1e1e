// SPDX-License-Identifier: Apache-2.0
// Model of AMD's carry primitive of this name (UG953; UltraScale+ tools map two into a CARRY8): bit i
// passes the carry on where S[i], else DI[i]. For simulation, and as a black box for open synthesis; a
// vendor flow takes its own.
(* blackbox *)
module CARRY4 (
    output logic [3:0] CO,
    output logic [3:0] O,
    input  logic       CI,
    input  logic       CYINIT,
    input  logic [3:0] DI,
    input  logic [3:0] S
);
  assign CO[0] = S[0] ? CI | CYINIT : DI[0];
  assign CO[1] = S[1] ? CO[0] : DI[1];
  assign CO[2] = S[2] ? CO[1] : DI[2];
  assign CO[3] = S[3] ? CO[2] : DI[3];
  assign O     = S ^ {CO[2:0], CI | CYINIT};
endmodule
