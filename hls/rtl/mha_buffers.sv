// SPDX-License-Identifier: Apache-2.0
// Activations of MHA between its products, in bit planes, and the feeders that send them to the engine.
//
//   x (two sides), q, P (side = head % 2), ctx -> act_feeder -> m_axis_a
//   K, V^T                                     -> kv_feeder  -> m_axis_kv
// Rows of the buffers: tokens, of V^T channels. A row of q and K holds the heads side by side, each from a
// SIMD word of its own. Every buffer has room for the rows of whole token tiles, K and V^T for whole
// blocks of 16. Writes, job queues, waits, order of the streams and latency: plane_buffer.sv, act_feeder.sv,
// kv_feeder.sv; MHA's hazards: bat_mha.sv. Source: ours.
module mha_buffers
  import bat_pkg::*;
  import module_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned SIMD,
    parameter int unsigned LANES,       // channels of a segment of x
    parameter int unsigned QU_LANES,    // of q, K and ctx: the most
    parameter int unsigned SOFTMAX_LANES, // of P
    parameter int unsigned A_TOKENS,
    parameter int unsigned PLANES,      // 1..8
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned HEAD_WORDS,  // most SIMD words of a row of q
    parameter int unsigned V_SEGMENT,   // tokens that V^T is written at once: gcd(TOKENS, 64)
    parameter int unsigned V_CHANNELS,  // channels that it is written at once: divides KV_BITS / 64
    parameter int unsigned KV_BITS      // of a beat of m_axis_kv
) (
    input  logic                              clk,
    input  logic                              rst_n,        // synchronous, active low
    input  logic                              act_valid,    // all jobs
    output logic                              act_ready,
    input  job_t                              act_job,
    input  logic                              kv_valid,     // jobs with targets TO_SOFTMAX and TO_CTX
    output logic                              kv_ready,
    input  job_t                              kv_job,
    input  logic [3:0]                        write,        // act_source_t: x, q, P, ctx
    input  logic [3:0]                        write_side,
    input  logic [3:0][15:0]                  write_row,
    input  logic [3:0][15:0]                  write_segment,
    input  logic [3:0][PLANES-1:0][QU_LANES-1:0] write_data,  // of x and P the lowest channels
    input  progress_t [3:0]                   progress,
    input  logic                              k_write,
    input  logic [15:0]                       k_row,
    input  logic [15:0]                       k_segment,
    input  logic [PLANES-1:0][QU_LANES-1:0]   k_data,
    input  progress_t                         k_progress,
    input  logic                              v_write,
    input  logic [15:0]                       v_row,
    input  logic [15:0]                       v_segment,
    input  logic [V_CHANNELS-1:0][PLANES-1:0][V_SEGMENT-1:0] v_data,
    input  progress_t                         v_progress,
    output logic                              x_free,       // V's product has read its side of x
    output logic                              m_axis_a_tvalid,
    input  logic                              m_axis_a_tready,
    output logic [A_TOKENS*SIMD-1:0]          m_axis_a_tdata,
    output logic                              m_axis_a_tlast,
    output logic                              m_axis_kv_tvalid,
    input  logic                              m_axis_kv_tready,
    output logic [KV_BITS-1:0]                m_axis_kv_tdata,
    output logic                              m_axis_kv_tlast
);
  localparam int unsigned JOBS = 2;  // that wait in a feeder, behind those of the module's queue
  localparam int unsigned ROWS = up(MAX_TOKENS, TOKENS) * TOKENS;
  localparam int unsigned HIDDEN_WORDS = up(MAX_HIDDEN, SIMD);
  localparam int unsigned TOKEN_WORDS = up(MAX_TOKENS, SIMD);
  localparam int unsigned CHUNK = chunk_bits(SIMD, PLANES, QU_LANES);
  localparam int unsigned BANKS = KV_BITS / 64;
  localparam int unsigned KV_CHUNK = chunk_bits(64, PLANES, larger(QU_LANES, V_SEGMENT));

  function automatic int unsigned row_words(int unsigned source);
    case (source)
      1:       return HEAD_WORDS;
      2:       return TOKEN_WORDS;
      default: return HIDDEN_WORDS;
    endcase
  endfunction

  function automatic int unsigned segment(int unsigned source);
    case (source)
      0:       return LANES;
      2:       return SOFTMAX_LANES;
      default: return QU_LANES;
    endcase
  endfunction

  logic enable, read_side, unused_done, unused_bank;
  logic [3:0] read;
  logic [15:0] read_group, read_word;
  logic [3:0] read_plane;
  act_source_t unused_act;
  logic [3:0][A_TOKENS-1:0][columns(PLANES)*CHUNK-1:0] raw;
  for (genvar s = 0; s < 4; s++) begin : g_source
    logic [PLANES-1:0][segment(s)-1:0] data;
    logic unused_data;
    assign unused_data = ^write_data[s];
    for (genvar p = 0; p < PLANES; p++) begin : g_plane
      assign data[p] = write_data[s][p][segment(s)-1:0];
    end
    plane_buffer #(
        .PLANES(PLANES), .SIDES((s == 0 || s == 2) ? 2 : 1), .ROWS(ROWS), .BANKS(A_TOKENS),
        .ROW_WORDS(row_words(s)), .WORD_BITS(SIMD), .SEGMENT(segment(s)), .CHUNK(CHUNK)
    ) u_buffer (
        .clk, .write(write[s]), .write_side(write_side[s]), .write_row(write_row[s]),
        .write_segment(write_segment[s]), .write_data(data), .enable, .read(read[s]),
        .read_side, .read_group, .read_word, .read_plane, .raw(raw[s])
    );
  end
  act_feeder #(
      .SOURCES(4), .TOKENS(TOKENS), .A_TOKENS(A_TOKENS), .SIMD(SIMD), .PLANES(PLANES), .CHUNK(CHUNK), .JOBS(JOBS)
  ) u_act (
      .clk, .rst_n, .job_valid(act_valid), .job_ready(act_ready), .job_in(act_job), .progress,
      .read_done(unused_done), .read_act(unused_act), .read_bank(unused_bank), .x_free,
      .enable, .read, .read_side, .read_group, .read_word, .read_plane, .raw,
      .m_axis_tvalid(m_axis_a_tvalid), .m_axis_tready(m_axis_a_tready), .m_axis_tdata(m_axis_a_tdata),
      .m_axis_tlast(m_axis_a_tlast)
  );

  // Operands of the second kind. A row of V^T has words for whole token tiles and for whole SIMD words.
  logic kv_enable;
  logic [1:0] kv_read;
  logic [15:0] kv_group, kv_word;
  logic [3:0] kv_plane;
  logic [1:0][BANKS-1:0][columns(PLANES)*KV_CHUNK-1:0] kv_raw;
  plane_buffer #(
      .PLANES(PLANES), .SIDES(1), .ROWS(up(MAX_TOKENS, 16) * 16), .BANKS(BANKS),
      .ROW_WORDS(HEAD_WORDS * SIMD / 64), .WORD_BITS(64), .SEGMENT(QU_LANES), .CHUNK(KV_CHUNK)
  ) u_k (
      .clk, .write(k_write), .write_side(1'b0), .write_row(k_row), .write_segment(k_segment),
      .write_data(k_data), .enable(kv_enable), .read(kv_read[0]), .read_side(1'b0), .read_group(kv_group),
      .read_word(kv_word), .read_plane(kv_plane), .raw(kv_raw[0])
  );
  plane_buffer #(
      .PLANES(PLANES), .SIDES(1), .ROWS(up(MAX_HIDDEN, 16) * 16 + 16), .BANKS(BANKS),
      .ROW_WORDS(larger(up(ROWS, 64), TOKEN_WORDS * SIMD / 64)), .WORD_BITS(64), .SEGMENT(V_SEGMENT),
      .CHUNK(KV_CHUNK), .WRITE_ROWS(V_CHANNELS)
  ) u_v (
      .clk, .write(v_write), .write_side(1'b0), .write_row(v_row), .write_segment(v_segment),
      .write_data(v_data), .enable(kv_enable), .read(kv_read[1]), .read_side(1'b0), .read_group(kv_group),
      .read_word(kv_word), .read_plane(kv_plane), .raw(kv_raw[1])
  );
  kv_feeder #(
      .KV_BITS(KV_BITS), .SIMD(SIMD), .PLANES(PLANES), .CHUNK(KV_CHUNK), .JOBS(JOBS)
  ) u_kv (
      .clk, .rst_n, .job_valid(kv_valid), .job_ready(kv_ready), .job_in(kv_job),
      .progress({v_progress, k_progress}), .enable(kv_enable), .read(kv_read), .read_group(kv_group),
      .read_word(kv_word), .read_plane(kv_plane), .raw(kv_raw),
      .m_axis_tvalid(m_axis_kv_tvalid), .m_axis_tready(m_axis_kv_tready), .m_axis_tdata(m_axis_kv_tdata),
      .m_axis_tlast(m_axis_kv_tlast)
  );
endmodule
