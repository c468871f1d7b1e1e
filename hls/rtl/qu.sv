// SPDX-License-Identifier: Apache-2.0
// QU, the quantization unit: accumulators or residual values to q of 1..8 bits (docs/numerics.md,
// "Activations"). Source: BiT's elastic quantizer with fixed coefficient and bias; the integers are ours.
//
// MATHS, for every value a of channel c:
//   y = (a*M[c] + C[c]) >> n        PARTS 2 (WTWS): y = (a1*M1[c] + a2*M2[c] + C[c]) >> n
//   q = clip(y, low, high)          ReLU is the unsigned format's low = 0
//   q = y >= 0 ? +1 : -1            for 1 bit signed
// a has ACC_BITS bits, M int16, C below 2^45, n 0..40; bits and sign are chosen at run time, job by job.
//
// STREAMS. A job is one matrix.
// Constants (s_axis_c): vector_pkg.sv. Values (s_axis_a): LANES values of PARTS int32 a beat, value v
//   part p in word v*PARTS + p, lowest first; one beyond ACC_BITS bits is an error. Order: for row tile,
//   for column tile, for row of the tile, for word of LANES channels; so the QMM engine's tiles come as they
//   leave it (tile_rows = TOKENS, words = OUTPUTS/LANES), and row order is tile_rows = tiles = 1, words =
//   ceil(channels/LANES).
//   Row tiles follow until `rows` are covered. TLAST on the job's last beat.
// Results (m_axis): LANES bytes a beat in the same order, q in two's complement or unsigned; padding
//   (rows and channels beyond the true ones) is 0. TLAST on the job's last beat.
// A bad config, constant, length or TLAST sets error_code (vector_pkg::vector_error_t) until reset;
// the unit then takes no more beats.
//
// PIPELINE. 7 stages: 1 tables; 2..6 dyadic.sv (operands, product, sum, shift);
// 7 clip. The values wait in a register whose ready depends on registers of the unit alone. II = 1 beat per
// clock. Two jobs' constants are held, so loading hides behind computing.
//
// CYCLES, without stalls, from the first clock with TVALID on both inputs to the last result beat
// taken, both counted. Job j has N beats, N = ceil(rows/tile_rows)*tiles*tile_rows*words, and K
// constants beats, K = 2 where common, else 1 + channels:
//   loaded_j = max(loaded_{j-1}, end_{j-2} + 7) + K     constants loaded; loaded_{-1} = 1
//   end_j    = max(end_{j-1}, loaded_j) + N             last value taken; before job 0: -infinity
//   total    = end_last + 7 + 1                         one job: K + N + 9
// hls/vector_protocol.py computes this (job_cycles); tests hold the simulation to it.
module qu
  import vector_pkg::*;
#(
    parameter int unsigned LANES,        // values per clock, >= 1
    parameter int unsigned PARTS,        // accumulators per value: 1, or 2 for WTWS
    parameter int unsigned ACC_BITS,     // of an accumulator, 2..32; up to 27 take one DSP48E2 each
    parameter int unsigned MAX_CHANNELS, // most channels with constants of their own
    parameter bit          COMMON,       // 1: every job has `common` set, and no table is built
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
    output logic                      m_axis_tvalid,
    input  logic                      m_axis_tready,
    output logic [8*LANES-1:0]        m_axis_tdata,
    output logic                      m_axis_tlast,
    output logic [2:0]                error_code
);
  if (LANES < 1 || PARTS < 1 || PARTS > 2) begin : g_check_shape
    $error("qu: LANES %0d must be >= 1 and PARTS %0d 1 or 2", LANES, PARTS);
  end
  if (MAX_CHANNELS <= LANES || MAX_CHANNELS > 65535) begin : g_check_channels
    $error("qu: MAX_CHANNELS %0d must be above LANES %0d and at most 65535", MAX_CHANNELS, LANES);
  end

  if (ACC_BITS < 2 || ACC_BITS > 32) begin : g_check_bits
    $error("qu: ACC_BITS %0d must be 2..32", ACC_BITS);
  end

  logic a_valid, a_ready, a_last, a_misfit, enable, room;
  logic signed [LANES-1:0][PARTS-1:0][ACC_BITS-1:0] a_in, a_data;
  logic [LANES*PARTS-1:0] misfit;
  vector_error_t error;
  logic valid, last, bank;
  logic [LANES-1:0] lane_valid;
  logic [LANES-1:0][15:0] level;
  logic [LANES-1:0] negative, outside;
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
      .out_ready(a_ready),
      .out_data ({a_misfit, a_last, a_data})
  );

  logic q_valid, q_last, q_bank, format_signed;
  logic [3:0] format_bits;
  logic [1:0] allow;
  logic unused;
  assign unused = &{1'b0, level};
  logic [LANES-1:0][7:0] q;

  scale_unit #(
      .LANES(LANES),
      .PARTS(PARTS),
      .ACC_BITS(ACC_BITS),
      .MAX_CHANNELS(MAX_CHANNELS),
      .QUANTIZE(1'b1),
      .COMMON(COMMON),
      .LUT_WORDS(LUT_WORDS)
  ) u_scale (
      .clk,
      .rst_n,
      .s_axis_c_tvalid,
      .s_axis_c_tready,
      .s_axis_c_tdata,
      .s_axis_c_tlast,
      .data_valid(a_valid),
      .data_ready(a_ready),
      .data(a_data),
      .data_misfit(a_misfit),
      .data_last(a_last),
      .data_last_differs(1'b0),
      .enable,
      .job_left(q_valid && room && q_last),
      .left_bank(q_bank),
      .residual('0),
      .format_signed,
      .format_bits,
      .allow,
      .valid,
      .last,
      .bank,
      .lane_valid,
      .level,
      .negative,
      .outside,
      .error_code(error)
  );

  // What the format asks, ready together with the levels; a level of one bit signed is outside always.
  logic [7:0] low, high;  // q below and above the format
  always_ff @(posedge clk) begin
    if (enable) begin
      allow <= {format_signed, 1'b1} & {2{!(format_signed && format_bits == 4'd1)}};
      low   <= format_signed ? 8'hFF << (format_bits - 4'd1) : 8'd0;
      high  <= format_signed ? ((format_bits == 4'd1) ? 8'd1 : ~(8'hFF << (format_bits - 4'd1)))
                             : ~8'(9'h1FF << format_bits);
    end
  end

  assign enable = !q_valid || room;
  always_ff @(posedge clk) begin
    if (!rst_n) q_valid <= 1'b0;
    else if (enable) q_valid <= valid;
  end
  always_ff @(posedge clk) begin
    if (enable) begin
      q_last <= last;
      q_bank <= bank;
      for (int unsigned l = 0; l < LANES; l++) begin
        if (!lane_valid[l]) q[l] <= '0;
        else q[l] <= outside[l] ? (negative[l] ? low : high) : level[l][7:0];
      end
    end
  end

  axis_skid #(
      .WIDTH(8 * LANES + 1)
  ) u_result_slice (
      .clk,
      .rst_n,
      .in_valid (q_valid),
      .in_ready (room),
      .in_data  ({q_last, q}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );
endmodule
