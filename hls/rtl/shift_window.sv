// SPDX-License-Identifier: Apache-2.0
// The low KEEP bits of value >> shift (arithmetic, shift 0..63), its sign, and `over`: a bit above them
// differs from the sign, so that {sign, kept} is value >> shift exactly where `over` is 0.
// Only bits that may still reach the window are moved; of those that cannot, one bit says whether one
// differs from the sign. So a lane costs about 3*KEEP + 18 + WIDTH/4 LUTs instead of a shift of WIDTH bits.
// Steps: 16 * shift[5:4], then 4 * shift[3:2], then shift[1:0]. SPLIT: a register behind the first step.
// Latency 1 clock, 2 with SPLIT. `enable` holds all.
module shift_window #(
    parameter int unsigned WIDTH,
    parameter int unsigned KEEP,
    parameter bit          SPLIT
) (
    input  logic                     clk,
    input  logic                     enable,
    input  logic signed [WIDTH-1:0]  value,
    input  logic        [1:0]        coarse,  // shift[5:4] of this value
    input  logic        [3:0]        fine,    // shift[3:0] of the value of `coarse`; with SPLIT, one clock later
    output logic        [KEEP-1:0]   kept,
    output logic                     sign,
    output logic                     over
);
  localparam int unsigned MIDDLE = KEEP + 15;  // bits that the later steps may need
  localparam int unsigned LAST = KEEP + 3;
  localparam int unsigned WIDE = MIDDLE + 48;

  // Whether a bit of each of three groups, lowest first, was passed by a step of `steps` groups.
  function automatic logic passed(logic [2:0] differs, logic [1:0] steps);
    return (differs[0] && steps == 2'd0) || (differs[1] && steps <= 2'd1) || (differs[2] && steps != 2'd3);
  endfunction

  if (WIDTH > WIDE) begin : g_check
    $error("shift_window: WIDTH %0d must be at most %0d", WIDTH, WIDE);
  end

  logic [WIDE-1:0] wide;  // bits beyond the value are its sign
  logic [WIDE-1:MIDDLE] odd;
  logic [2:0] coarse_differs, middle_differs, last_differs;
  logic [MIDDLE-1:0] middle, middle_q;
  logic [MIDDLE-1:LAST] middle_odd;
  logic [LAST-1:0] low;
  logic [KEEP-1:0] window;
  logic middle_over, sign_q, over_q;

  assign wide           = WIDE'(value);
  assign odd            = wide[WIDE-1:MIDDLE] ^ {(WIDE - MIDDLE) {value[WIDTH-1]}};
  assign coarse_differs = {|odd[WIDE-1:MIDDLE+32], |odd[MIDDLE+16+:16], |odd[MIDDLE+:16]};
  assign middle_over    = passed(coarse_differs, coarse);
  assign middle         = coarse[1] ? (coarse[0] ? wide[48+:MIDDLE] : wide[32+:MIDDLE])
                                    : (coarse[0] ? wide[16+:MIDDLE] : wide[0+:MIDDLE]);

  if (SPLIT) begin : g_split
    always_ff @(posedge clk) if (enable) {middle_q, sign_q, over_q} <= {middle, value[WIDTH-1], middle_over};
  end else begin : g_joined
    assign {middle_q, sign_q, over_q} = {middle, value[WIDTH-1], middle_over};
  end

  assign middle_odd     = middle_q[MIDDLE-1:LAST] ^ {(MIDDLE - LAST) {sign_q}};
  assign middle_differs = {|middle_odd[LAST+8+:4], |middle_odd[LAST+4+:4], |middle_odd[LAST+:4]};
  assign last_differs   = low[KEEP+:3] ^ {3{sign_q}};
  assign low            = fine[3] ? (fine[2] ? middle_q[12+:LAST] : middle_q[8+:LAST])
                                  : (fine[2] ? middle_q[4+:LAST] : middle_q[0+:LAST]);
  assign window         = fine[1] ? (fine[0] ? low[3+:KEEP] : low[2+:KEEP])
                                  : (fine[0] ? low[1+:KEEP] : low[0+:KEEP]);

  always_ff @(posedge clk) begin
    if (enable) begin
      kept <= window;
      sign <= sign_q;
      over <= over_q || passed(middle_differs, fine[3:2]) || passed(last_differs, fine[1:0]);
    end
  end
endmodule
