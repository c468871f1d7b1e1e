// SPDX-License-Identifier: Apache-2.0
// VU, the vector unit: dyadic scale, bias and saturating residual addition (docs/numerics.md,
// "Residual"). Source: ours.
//
// MATHS, for every value of channel c:
//   r = sat16(h + ((a*M[c] + C[c]) >> n))     PARTS 2 (WTWS): a1*M1[c] + a2*M2[c] + C[c]
// a has ACC_BITS bits, h int16, M int16, C below 2^45, n 0..40. h and r have the same fraction bits.
//
// STREAMS. A job is one matrix.
// Constants (s_axis_c): vector_pkg.sv. Accumulators (s_axis_a): LANES values of PARTS int32 a beat,
//   value v part p in word v*PARTS + p, lowest first; one beyond ACC_BITS bits is an error.
//   Residual stream (s_axis_h): LANES int16 a beat.
//   Order of both: for row tile, for column tile, for row of the tile, for word of LANES channels (as
//   qu.sv has it: the QMM engine's tiles, or row order). TLAST on the job's last beat.
// Results (m_axis): LANES int16 a beat in the same order; padding is 0. TLAST on the job's last beat.
// Saturations (m_axis_s): one beat a job, the number of values that sat16 changed, padding not
//   counted. It is offered together with the job's last result, which waits for its room.
// A bad config, constant, length or TLAST sets error_code (vector_pkg::vector_error_t) until reset;
// the unit then takes no more beats.
//
// PIPELINE. 8 stages: 1 tables; 2..7 dyadic.sv (operands, product, sum, shift and addition of h);
// 8 saturation. Both inputs wait in registers whose ready depends on registers of the unit
// alone. II = 1 beat per clock. Two jobs' constants are held.
//
// CYCLES, without stalls, from the first clock with TVALID on all inputs to the last result beat
// taken, both counted. Job j has N beats, N = ceil(rows/tile_rows)*tiles*tile_rows*words, and K
// constants beats, K = 2 where common, else 1 + channels:
//   loaded_j = max(loaded_{j-1}, end_{j-2} + 8) + K     constants loaded; loaded_{-1} = 1
//   end_j    = max(end_{j-1}, loaded_j) + N             last value taken; before job 0: -infinity
//   total    = end_last + 8 + 1                         one job: K + N + 10
// hls/vector_protocol.py computes this (job_cycles); tests hold the simulation to it.
module vu
  import vector_pkg::*;
#(
    parameter int unsigned LANES,        // values per clock, >= 1
    parameter int unsigned PARTS,        // accumulators per value: 1, or 2 for WTWS
    parameter int unsigned ACC_BITS,     // of an accumulator, 2..32; up to 27 take one DSP48E2 each
    parameter int unsigned MAX_CHANNELS, // most channels with constants of their own
    parameter int unsigned LUT_WORDS = 0 // of constant_table.sv
) (
    input  logic                      clk,
    input  logic                      rst_n,            // synchronous, active low
    input  logic                      s_axis_c_tvalid,
    output logic                      s_axis_c_tready,
    input  logic [127:0]              s_axis_c_tdata,
    input  logic                      s_axis_c_tlast,
    input  logic                      s_axis_a_tvalid,
    output logic                      s_axis_a_tready,
    input  logic [32*PARTS*LANES-1:0] s_axis_a_tdata,
    input  logic                      s_axis_a_tlast,
    input  logic                      s_axis_h_tvalid,
    output logic                      s_axis_h_tready,
    input  logic [16*LANES-1:0]       s_axis_h_tdata,
    input  logic                      s_axis_h_tlast,
    output logic                      m_axis_tvalid,
    input  logic                      m_axis_tready,
    output logic [16*LANES-1:0]       m_axis_tdata,
    output logic                      m_axis_tlast,
    output logic                      m_axis_s_tvalid,
    input  logic                      m_axis_s_tready,
    output logic [31:0]               m_axis_s_tdata,
    output logic                      m_axis_s_tlast,
    output logic [2:0]                error_code
);
  if (LANES < 1 || PARTS < 1 || PARTS > 2) begin : g_check_shape
    $error("vu: LANES %0d must be >= 1 and PARTS %0d 1 or 2", LANES, PARTS);
  end
  if (MAX_CHANNELS <= LANES || MAX_CHANNELS > 65535) begin : g_check_channels
    $error("vu: MAX_CHANNELS %0d must be above LANES %0d and at most 65535", MAX_CHANNELS, LANES);
  end

  if (ACC_BITS < 2 || ACC_BITS > 32) begin : g_check_bits
    $error("vu: ACC_BITS %0d must be 2..32", ACC_BITS);
  end

  logic a_valid, a_last, a_misfit, h_valid, h_last, data_ready, enable;
  logic signed [LANES-1:0][PARTS-1:0][ACC_BITS-1:0] a_in, a_data;
  logic [LANES*PARTS-1:0] misfit;
  logic signed [LANES-1:0][15:0] h_data;
  logic level_valid, level_last, level_bank;
  logic [LANES-1:0] level_lane_valid;
  logic [LANES-1:0][15:0] level;
  logic [LANES-1:0] negative, outside;
  vector_error_t error;
  assign error_code = error;

  for (genvar v = 0; v < LANES * PARTS; v++) begin : g_value
    logic [31:0] value;
    assign value                  = s_axis_a_tdata[32*v+:32];
    assign a_in[v/PARTS][v%PARTS] = value[ACC_BITS-1:0];
    assign misfit[v]              = value[31:ACC_BITS-1] != {(33 - ACC_BITS) {value[31]}};
  end
  axis_register #(
      .WIDTH(ACC_BITS * PARTS * LANES + 2)
  ) u_value_register (
      .clk,
      .rst_n,
      .in_valid (s_axis_a_tvalid),
      .in_ready (s_axis_a_tready),
      .in_data  ({|misfit, s_axis_a_tlast, a_in}),
      .out_valid(a_valid),
      .out_ready(data_ready && h_valid),
      .out_data ({a_misfit, a_last, a_data})
  );

  axis_register #(
      .WIDTH(16 * LANES + 1)
  ) u_residual_register (
      .clk,
      .rst_n,
      .in_valid (s_axis_h_tvalid),
      .in_ready (s_axis_h_tready),
      .in_data  ({s_axis_h_tlast, s_axis_h_tdata}),
      .out_valid(h_valid),
      .out_ready(data_ready && a_valid),
      .out_data ({h_last, h_data})
  );

  logic valid, last, bank;
  logic [4:0] unused_format;  // VU has no format
  logic signed [LANES-1:0][15:0] residual;
  logic job_left;
  logic [LANES-1:0][15:0] result;
  logic [LANES-1:0] changed;

  scale_unit #(
      .LANES(LANES),
      .PARTS(PARTS),
      .ACC_BITS(ACC_BITS),
      .MAX_CHANNELS(MAX_CHANNELS),
      .QUANTIZE(1'b0),
      .COMMON(1'b0),
      .LUT_WORDS(LUT_WORDS)
  ) u_scale (
      .clk,
      .rst_n,
      .s_axis_c_tvalid,
      .s_axis_c_tready,
      .s_axis_c_tdata,
      .s_axis_c_tlast,
      .data_valid(a_valid && h_valid),
      .data_ready,
      .data(a_data),
      .data_misfit(a_misfit),
      .data_last(a_last),
      .data_last_differs(a_last != h_last),
      .enable,
      .job_left,
      .left_bank(bank),
      .residual,
      .format_signed(unused_format[4]),
      .format_bits(unused_format[3:0]),
      .allow('0),
      .valid(level_valid),
      .last(level_last),
      .bank(level_bank),
      .lane_valid(level_lane_valid),
      .level,
      .negative,
      .outside,
      .error_code(error)
  );

  registers #(
      .WIDTH (16 * LANES),
      .STAGES(5)
  ) u_residual (
      .clk,
      .enable,
      .in (h_data),
      .out(residual)
  );

  always_ff @(posedge clk) begin
    if (!rst_n) valid <= 1'b0;
    else if (enable) valid <= level_valid;
  end
  always_ff @(posedge clk) begin
    if (enable) begin
      last <= level_last;
      bank <= level_bank;
    end
  end

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    sat16 u_saturate (
        .clk,
        .enable,
        .count(level_lane_valid[l]),
        .value(level[l]),
        .outside(outside[l]),
        .negative(negative[l]),
        .result(result[l]),
        .changed(changed[l])
    );
  end

  counted_output #(
      .LANES(LANES)
  ) u_output (
      .clk,
      .rst_n,
      .valid,
      .last,
      .data(result),
      .changed,
      .enable,
      .job_left,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tlast,
      .m_axis_s_tvalid,
      .m_axis_s_tready,
      .m_axis_s_tdata,
      .m_axis_s_tlast
  );
endmodule
