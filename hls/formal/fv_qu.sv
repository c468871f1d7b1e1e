// SPDX-License-Identifier: Apache-2.0
// qu.sv equals its formula: one job of one value runs through the whole unit, with the accumulator a, M,
// C, n and the format chosen freely within the widths; the result is clip((a*M + C) >> n), or the sign
// for 1 bit signed. fv_thresholds.sv proves that the formula is the count of thresholds.
module fv_qu
  import vector_pkg::*;
#(
    parameter int unsigned ACC_BITS,    // of a
    parameter int unsigned SCALE_BITS,  // of M, unsigned
    parameter int unsigned BIAS_BITS,   // of C
    parameter int unsigned SHIFTS,      // n is 0..SHIFTS-1
    parameter int unsigned FORMAT_BITS  // q has 1..FORMAT_BITS bits, signed or not
) (
    input logic                       clk,
    input logic                       rst_n,
    input logic signed [ACC_BITS-1:0] pick_a,
    input logic [SCALE_BITS-1:0]      pick_m,
    input logic signed [BIAS_BITS-1:0] pick_c,
    input logic [2:0]                 pick_n,
    input logic [3:0]                 pick_bits,
    input logic                       pick_signed
);
  localparam int unsigned WIDE = 18;
  localparam int unsigned CLOCKS = 13;  // until the result: 1 after reset, then qu.sv's 12
  typedef logic signed [WIDE-1:0] wide_t;

  logic past = 1'b0;
  logic signed [ACC_BITS-1:0] a;
  logic [SCALE_BITS-1:0] m;
  logic signed [BIAS_BITS-1:0] c;
  logic [2:0] n;
  logic [3:0] bits, clock;
  logic is_signed;
  logic c_ready, a_ready, a_sent, valid, last;
  logic [1:0] c_sent;
  logic [7:0] q;
  logic [2:0] error_code;
  job_t job;
  constant_t constant;

  always_ff @(posedge clk) begin
    past <= 1'b1;
    if (!past) {a, m, c, n, bits} <= {pick_a, pick_m, pick_c, pick_n, pick_bits};
    if (!past) is_signed <= pick_signed;
    if (!past) {c_sent, a_sent, clock} <= '0;
    else begin
      if (c_sent < 2'd2 && c_ready) c_sent <= c_sent + 2'd1;
      if (!a_sent && a_ready) a_sent <= 1'b1;
      clock <= clock + 4'd1;
    end
  end

  assign job = '{
      rows: 16'd1, tile_rows: 16'd1, tiles: 16'd1, words: 16'd1, channels: 16'd1, shift: 8'(n), bits: bits,
      zero: 2'd0, is_signed: is_signed, common: 1'b1
  };
  assign constant = '{m2: '0, m1: 32'(m), c: 64'(c)};
  qu #(.LANES(1), .PARTS(1), .ACC_BITS(ACC_BITS), .MAX_CHANNELS(2), .COMMON(1'b0)) dut (
      .clk, .rst_n(past), .s_axis_c_tvalid(past && c_sent < 2'd2), .s_axis_c_tready(c_ready),
      .s_axis_c_tdata(c_sent == '0 ? {32'd0, job} : constant), .s_axis_c_tlast(c_sent == 2'd1),
      .s_axis_a_tvalid(past && !a_sent), .s_axis_a_tready(a_ready), .s_axis_a_tdata(32'(a)),
      .s_axis_a_tlast(1'b1),
      .m_axis_tvalid(valid), .m_axis_tready(1'b1), .m_axis_tdata(q), .m_axis_tlast(last), .error_code
  );

  logic bipolar;
  wide_t low, high, shifted, expected, result;
  assign bipolar  = is_signed && bits == 4'd1;
  assign low      = is_signed ? -(wide_t'(1) <<< (bits - 4'd1)) : '0;
  assign high     = is_signed ? (wide_t'(1) <<< (bits - 4'd1)) - 1 : (wide_t'(1) <<< bits) - 1;
  assign shifted  = (wide_t'(a) * wide_t'({1'b0, m}) + wide_t'(c)) >>> n;
  assign expected = bipolar ? (shifted < 0 ? -1 : 1) : shifted < low ? low : shifted > high ? high : shifted;
  assign result   = is_signed ? wide_t'($signed(q)) : wide_t'(q);

  always_comb begin
    if (!past) begin
      assume (32'(pick_n) < SHIFTS && pick_bits >= 4'd1 && 32'(pick_bits) <= FORMAT_BITS);
    end else begin
      assert (error_code == '0);
      if (valid) assert (last && result == expected);
      if (clock == 4'(CLOCKS - 1)) assert (valid);
    end
    cover (past && valid && bits == 4'(FORMAT_BITS) && is_signed && result < -1 && shifted == result
           && m > 1 && n > 1);
  end
endmodule
