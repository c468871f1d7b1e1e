// SPDX-License-Identifier: Apache-2.0
// One DSP48E2: p = a * b + c, or (d - a) * b + c with PRE, (d + a) * b + c with PRE and PLUS, modulo 2^48. No LUT
// and no flip-flop outside. Stages: operands (a, b of A_REG, B_REG; with PRE d -+ a), product where M_REG, p. c has a register of
// its own where C_REG, which is read in the clock before p.
// `zeros`, `ones`: the bits of p from FIT up are all 0, all 1. With ADD 0 nothing is added; c is then a mask:
// the bits of p where it is 0 are all 0, all 1. `enable` holds all.
module dsp_mac #(
    parameter bit          PRE,    // 1: d - a or d + a, from d and a without registers; A_REG is 0 then
    parameter bit          PLUS,
    parameter bit          A_REG,
    parameter bit          B_REG,
    parameter bit          C_REG,
    parameter bit          M_REG,
    parameter bit          ADD,
    parameter int unsigned FIT     // 1..47
) (
    input  logic               clk,
    input  logic               enable,
    input  logic signed [26:0] a,
    input  logic signed [26:0] d,
    input  logic signed [17:0] b,
    input  logic signed [47:0] c,
    output logic signed [47:0] p,
    output logic               zeros,
    output logic               ones
);
  DSP48E2 #(
      .ACASCREG(32'(A_REG)),
      .ADREG(32'(PRE)),
      .ALUMODEREG(0),
      .AMULTSEL(PRE ? "AD" : "A"),
      .AREG(32'(A_REG)),
      .BCASCREG(32'(B_REG)),
      .BREG(32'(B_REG)),
      .CARRYINREG(0),
      .CARRYINSELREG(0),
      .CREG(32'(C_REG)),
      .DREG(0),
      .INMODEREG(0),
      .MASK((48'd1 << FIT) - 48'd1),
      .MREG(32'(M_REG)),
      .OPMODEREG(0),
      .PATTERN(48'd0),
      .PREG(1),
      .SEL_MASK(ADD ? "MASK" : "C"),
      .USE_PATTERN_DETECT("PATDET")
  ) u_dsp (
      .P(p),
      .PATTERNDETECT(zeros),
      .PATTERNBDETECT(ones),
      /* verilator lint_off PINCONNECTEMPTY */
      .ACOUT(),
      .BCOUT(),
      .CARRYCASCOUT(),
      .CARRYOUT(),
      .MULTSIGNOUT(),
      .OVERFLOW(),
      .PCOUT(),
      .UNDERFLOW(),
      .XOROUT(),
      /* verilator lint_on PINCONNECTEMPTY */
      .A({{3{a[26]}}, a}),
      .ACIN(30'd0),
      .ALUMODE(4'b0000),
      .B(b),
      .BCIN(18'd0),
      .C(c),
      .CARRYCASCIN(1'b0),
      .CARRYIN(1'b0),
      .CARRYINSEL(3'b000),
      .CEA1(1'b0),
      .CEA2(A_REG && enable),
      .CEAD(PRE && enable),
      .CEALUMODE(1'b0),
      .CEB1(1'b0),
      .CEB2(B_REG && enable),
      .CEC(C_REG && enable),
      .CECARRYIN(1'b0),
      .CECTRL(1'b0),
      .CED(1'b0),
      .CEINMODE(1'b0),
      .CEM(M_REG && enable),
      .CEP(enable),
      .CLK(clk),
      .D(d),
      .INMODE(PRE ? (PLUS ? 5'b00100 : 5'b01100) : 5'b00000),
      .MULTSIGNIN(1'b0),
      .OPMODE(ADD ? 9'b00_011_0101 : 9'b00_000_0101),
      .PCIN(48'd0),
      .RSTA(1'b0),
      .RSTALLCARRYIN(1'b0),
      .RSTALUMODE(1'b0),
      .RSTB(1'b0),
      .RSTC(1'b0),
      .RSTCTRL(1'b0),
      .RSTD(1'b0),
      .RSTINMODE(1'b0),
      .RSTM(1'b0),
      .RSTP(1'b0)
  );
endmodule
