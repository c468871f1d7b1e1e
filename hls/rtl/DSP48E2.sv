// SPDX-License-Identifier: Apache-2.0
// Model of AMD's multiplier block of this name (UG579), of the uses in dsp_mac.sv alone:
// P = product, or product + C where OPMODE says so. For simulation and proofs, and as a black box for open synthesis; a vendor flow takes its own.
`ifdef SYNTHESIS
(* blackbox *)
`endif
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNDRIVEN */
module DSP48E2 #(
    parameter int ACASCREG = 1,
    parameter int ADREG = 1,
    parameter int ALUMODEREG = 1,
    parameter     AMULTSEL = "A",
    parameter int AREG = 1,
    parameter int BCASCREG = 1,
    parameter int BREG = 1,
    parameter int CARRYINREG = 1,
    parameter int CARRYINSELREG = 1,
    parameter int CREG = 1,
    parameter int DREG = 1,
    parameter int INMODEREG = 1,
    parameter logic [47:0] MASK = 48'h3FFFFFFFFFFF,
    parameter int MREG = 1,
    parameter int OPMODEREG = 1,
    parameter logic [47:0] PATTERN = 48'h000000000000,
    parameter int PREG = 1,
    parameter     SEL_MASK = "MASK",
    parameter     USE_PATTERN_DETECT = "NO_PATDET"
) (
    output logic [29:0] ACOUT,
    output logic [17:0] BCOUT,
    output logic        CARRYCASCOUT,
    output logic [3:0]  CARRYOUT,
    output logic        MULTSIGNOUT,
    output logic        OVERFLOW,
    output logic [47:0] P,
    output logic        PATTERNBDETECT,
    output logic        PATTERNDETECT,
    output logic [47:0] PCOUT,
    output logic        UNDERFLOW,
    output logic [7:0]  XOROUT,
    input  logic [29:0] A,
    input  logic [29:0] ACIN,
    input  logic [3:0]  ALUMODE,
    input  logic [17:0] B,
    input  logic [17:0] BCIN,
    input  logic [47:0] C,
    input  logic        CARRYCASCIN,
    input  logic        CARRYIN,
    input  logic [2:0]  CARRYINSEL,
    input  logic        CEA1,
    input  logic        CEA2,
    input  logic        CEAD,
    input  logic        CEALUMODE,
    input  logic        CEB1,
    input  logic        CEB2,
    input  logic        CEC,
    input  logic        CECARRYIN,
    input  logic        CECTRL,
    input  logic        CED,
    input  logic        CEINMODE,
    input  logic        CEM,
    input  logic        CEP,
    input  logic        CLK,
    input  logic [26:0] D,
    input  logic [4:0]  INMODE,
    input  logic        MULTSIGNIN,
    input  logic [8:0]  OPMODE,
    input  logic [47:0] PCIN,
    input  logic        RSTA,
    input  logic        RSTALLCARRYIN,
    input  logic        RSTALUMODE,
    input  logic        RSTB,
    input  logic        RSTC,
    input  logic        RSTCTRL,
    input  logic        RSTD,
    input  logic        RSTINMODE,
    input  logic        RSTM,
    input  logic        RSTP
);
  logic signed [26:0] a_held, a_used, ad, ad_held, factor;
  logic signed [17:0] b_held, b_used;
  logic signed [44:0] product, product_held;
  logic [47:0] c_held, c_used, total, care;

  assign a_used  = (AREG == 0) ? A[26:0] : a_held;
  assign b_used  = (BREG == 0) ? B : b_held;
  assign c_used  = (CREG == 0) ? C : c_held;
  assign ad      = INMODE[3] ? D - a_used : D + a_used;
  assign factor  = (AMULTSEL == "A") ? a_used : (ADREG == 0) ? ad : ad_held;
  assign product = 45'(factor) * 45'(b_used);
  assign total   = 48'((MREG == 0) ? product : product_held) + ((OPMODE[6:4] == 3'b011) ? c_used : 48'd0);
  assign care    = ~((SEL_MASK == "C") ? c_used : MASK);

  always_ff @(posedge CLK) begin
    if (CEA2) a_held <= A[26:0];
    if (CEB2) b_held <= B;
    if (CEC) c_held <= C;
    if (CEAD) ad_held <= ad;
    if (CEM) product_held <= product;
    if (CEP) begin
      P              <= total;
      PATTERNDETECT  <= (total & care) == '0;
      PATTERNBDETECT <= (~total & care) == '0;
    end
  end
endmodule
