// SPDX-License-Identifier: Apache-2.0
// Arithmetic shift to the right by a run-time number of places: a multiplexer moves the value by `coarse`
// times STEP places, and one DSP48E2 multiplies by factor = 2^(STEP-1-fine), so that the result stands at a
// fixed place:  level = (value >> (BASE + STEP*coarse + fine)) + (c >> (STEP-1)).
// The multiplexer moves only the sign and the bits that may reach the low KEEP bits. `too_far`: the shifted value
// has more than KEEP bits and a sign, and its lower bits are wrong; `sign` is that of the value in any case.
// `zeros`, `ones`: the bits of the level from FIT up are all 0, all 1. With ADD 0 nothing is added and c is a
// mask: the bits of {level, STEP-1 bits below it} where it is 0 are all 0, all 1.
// Two stages (operand, level), three with M_REG; c comes two clocks before the level. `enable` holds all.
module step_shift #(
    parameter int unsigned VALUE_BITS,  // >= 2
    parameter int unsigned BASE,        // least shift
    parameter int unsigned STEP,        // 2..11
    parameter int unsigned KEEP,        // bits of the shifted value below its sign, at most 27 - STEP
    parameter int unsigned FIT,         // ADD: bits of the level from here up are compared
    parameter bit          M_REG,
    parameter bit          ADD
) (
    input  logic                       clk,
    input  logic                       enable,
    input  logic signed [VALUE_BITS-1:0] value,
    input  logic        [1:0]          coarse,
    input  logic        [STEP-1:0]     factor,  // with `coarse`
    input  logic signed [47:0]         c,
    output logic signed [48-STEP:0]    level,
    output logic                       sign,
    output logic                       too_far,
    output logic                       zeros,
    output logic                       ones
);
  localparam int unsigned WINDOW = KEEP + STEP - 1;  // below the sign
  localparam int unsigned WIDE = BASE + 3 * STEP + WINDOW;
  localparam int unsigned ALL = (WIDE > VALUE_BITS) ? WIDE : VALUE_BITS;
  localparam int unsigned STAGES = M_REG ? 3 : 2;

  /* verilator lint_off UNUSEDSIGNAL */  // bits below BASE
  logic signed [ALL-1:0] wide;  // bits beyond the value are its sign
  /* verilator lint_on UNUSEDSIGNAL */
  logic [WINDOW-1:0] window;
  logic [3:0] differs;  // bits above the window of each step that the next step's window takes in
  logic beyond;
  logic signed [47:0] p;
  logic [STEP-2:0] unused;

  assign wide   = ALL'(value);
  assign window = coarse[1] ? (coarse[0] ? wide[BASE+3*STEP+:WINDOW] : wide[BASE+2*STEP+:WINDOW])
                            : (coarse[0] ? wide[BASE+STEP+:WINDOW] : wide[BASE+:WINDOW]);

  for (genvar s = 0; s < 4; s++) begin : g_step
    localparam int unsigned LOW = BASE + s * STEP + WINDOW;
    localparam int unsigned HIGH = (s == 3 || LOW + STEP > VALUE_BITS - 1) ? VALUE_BITS - 1 : LOW + STEP;
    if (LOW < HIGH) begin : g_some
      assign differs[s] = wide[LOW+:HIGH-LOW] != {(HIGH - LOW) {value[VALUE_BITS-1]}};
    end else begin : g_none
      assign differs[s] = 1'b0;
    end
  end
  assign beyond = differs[3] || (differs[2] && coarse != 2'd3) || (differs[1] && !coarse[1])
      || (differs[0] && coarse == 2'd0);

  delay #(
      .WIDTH (2),
      .STAGES(STAGES)
  ) u_beside (
      .clk,
      .enable,
      .in ({value[VALUE_BITS-1], beyond}),
      .out({sign, too_far})
  );
  dsp_mac #(
      .PRE(1'b0),
      .PLUS(1'b0),
      .A_REG(1'b1),
      .B_REG(1'b1),
      .C_REG(1'b1),
      .M_REG(M_REG),
      .ADD(ADD),
      .FIT(FIT + STEP - 1)
  ) u_fine (
      .clk,
      .enable,
      .a(27'($signed({value[VALUE_BITS-1], window}))),
      .d('0),
      .b(18'(factor)),
      .c,
      .p,
      .zeros,
      .ones
  );
  assign {level, unused} = p;
endmodule
