// SPDX-License-Identifier: Apache-2.0
// Requantization is a count of thresholds (hls/thresholds.py), within the widths, for every accumulator
// a, every M >= 0, C and n, and every format of 1..FORMAT_BITS bits. t is the threshold of a freely
// chosen level j: the least accumulator that reaches it, clipped to [lowest a, highest a + 1]. Its
// definition is assumed, not a formula. Then q(a) reaches level j exactly when a >= t; as j is any
// level, q(a) is the lowest value plus the number of thresholds met. fv_qu.sv ties q(a) to the RTL.
module fv_thresholds #(
    parameter int unsigned ACC_BITS,     // of a
    parameter int unsigned SCALE_BITS,   // of M, unsigned
    parameter int unsigned BIAS_BITS,    // of C
    parameter int unsigned SHIFTS,       // n is 0..SHIFTS-1
    parameter int unsigned FORMAT_BITS   // q has 1..FORMAT_BITS bits, signed or not
) (
    input logic                        clk,
    input logic signed [ACC_BITS-1:0]  a,
    input logic [SCALE_BITS-1:0]       m,
    input logic signed [BIAS_BITS-1:0] c,
    input logic [2:0]                  n,
    input logic [3:0]                  bits,
    input logic                        is_signed,
    input logic signed [FORMAT_BITS:0] level,
    input logic signed [ACC_BITS:0]    t
);
  localparam int unsigned PRODUCT_BITS = ACC_BITS + SCALE_BITS + 2;
  localparam int unsigned LEVEL_BITS = FORMAT_BITS + SHIFTS + 1;
  localparam int unsigned LARGER = (PRODUCT_BITS > BIAS_BITS) ? PRODUCT_BITS : BIAS_BITS;
  localparam int unsigned WIDE = ((LARGER > LEVEL_BITS) ? LARGER : LEVEL_BITS) + 1;
  typedef logic signed [WIDE-1:0] wide_t;

  logic bipolar, reached;
  wide_t low, high, lowest, beyond, needed, at_t, under_t, shifted, q;
  assign bipolar = is_signed && bits == 4'd1;
  assign low     = is_signed ? -(wide_t'(1) <<< (bits - 4'd1)) : '0;
  assign high    = is_signed ? (wide_t'(1) <<< (bits - 4'd1)) - 1 : (wide_t'(1) <<< bits) - 1;
  assign shifted = (wide_t'(a) * wide_t'({1'b0, m}) + wide_t'(c)) >>> n;
  assign q       = bipolar ? (shifted < 0 ? -1 : 1) : shifted < low ? low : shifted > high ? high : shifted;
  assign reached = bipolar ? q == 1 : q >= wide_t'(level);

  assign lowest  = -(wide_t'(1) <<< (ACC_BITS - 1));
  assign beyond  = wide_t'(1) <<< (ACC_BITS - 1);
  assign needed  = wide_t'(level) <<< n;
  assign at_t    = wide_t'(t) * wide_t'({1'b0, m}) + wide_t'(c);
  assign under_t = at_t - wide_t'({1'b0, m});

  always_comb begin
    assume (32'(n) < SHIFTS && bits >= 4'd1 && 32'(bits) <= FORMAT_BITS);
    assume (bipolar ? level == '0 : wide_t'(level) > low && wide_t'(level) <= high);
    assume (wide_t'(t) >= lowest && wide_t'(t) <= beyond);
    assume (wide_t'(t) == beyond || at_t >= needed);
    assume (wide_t'(t) == lowest || under_t < needed);
    assert (reached == (wide_t'(a) >= wide_t'(t)));
    cover (bits == 4'(FORMAT_BITS) && is_signed && wide_t'(a) == wide_t'(t) && q == wide_t'(level)
           && m > 1 && n > 1);
    cover (bipolar && wide_t'(a) == wide_t'(t) && m > 1);
  end
endmodule
