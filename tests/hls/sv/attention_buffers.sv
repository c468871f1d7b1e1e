// SPDX-License-Identifier: Apache-2.0
// The activation buffers of MHA between streams of q and the engine's operand streams, without the units.
// Each writer has a stream of jobs (write_job_t) and one of q: x, q, P, ctx (index act_source_t), K, V.
module attention_buffers
  import bat_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned LANES,
    parameter int unsigned TILE_WORDS,
    parameter int unsigned SIMD,
    parameter int unsigned PLANES,
    parameter int unsigned A_TOKENS,
    parameter int unsigned KV_BITS,
    parameter int unsigned SEGMENT_V,
    parameter int unsigned CHANNELS_V,
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned HEAD_WORDS,  // SIMD words of a row of q or K
    localparam int unsigned JOB_BITS = ($bits(job_t) + 7) / 8 * 8,
    localparam int unsigned WRITE_BITS = ($bits(write_job_t) + 7) / 8 * 8
) (
    input  logic                       clk,
    input  logic                       rst_n,
    input  logic                       a_job_tvalid,
    output logic                       a_job_tready,
    input  logic [JOB_BITS-1:0]        a_job_tdata,
    input  logic                       a_job_tlast,
    input  logic                       kv_job_tvalid,
    output logic                       kv_job_tready,
    input  logic [JOB_BITS-1:0]        kv_job_tdata,
    input  logic                       kv_job_tlast,
    input  logic                       w0_tvalid, w1_tvalid, w2_tvalid, w3_tvalid, w4_tvalid, w5_tvalid,
    output logic                       w0_tready, w1_tready, w2_tready, w3_tready, w4_tready, w5_tready,
    input  logic [WRITE_BITS-1:0]      w0_tdata, w1_tdata, w2_tdata, w3_tdata, w4_tdata, w5_tdata,
    input  logic                       w0_tlast, w1_tlast, w2_tlast, w3_tlast, w4_tlast, w5_tlast,
    input  logic                       q0_tvalid, q1_tvalid, q2_tvalid, q3_tvalid, q4_tvalid, q5_tvalid,
    output logic                       q0_tready, q1_tready, q2_tready, q3_tready, q4_tready, q5_tready,
    input  logic [8*LANES-1:0]         q0_tdata, q1_tdata, q2_tdata, q3_tdata, q4_tdata, q5_tdata,
    input  logic                       q0_tlast, q1_tlast, q2_tlast, q3_tlast, q4_tlast, q5_tlast,
    output logic                       m_a_tvalid,
    input  logic                       m_a_tready,
    output logic [A_TOKENS*SIMD-1:0]   m_a_tdata,
    output logic                       m_a_tlast,
    output logic                       m_kv_tvalid,
    input  logic                       m_kv_tready,
    output logic [KV_BITS-1:0]         m_kv_tdata,
    output logic                       m_kv_tlast
);
  localparam int unsigned V = 5;
  localparam int unsigned CHUNK_A = chunk_bits(SIMD, PLANES, LANES);
  localparam int unsigned CHUNK_K = chunk_bits(64, PLANES, LANES);
  localparam int unsigned CHUNK_V = chunk_bits(64, PLANES, SEGMENT_V);
  localparam int unsigned CHUNK_KV = (CHUNK_K > CHUNK_V) ? CHUNK_K : CHUNK_V;
  localparam int unsigned KV_BANKS = KV_BITS / 64;
  localparam int unsigned TILE_ROWS = (MAX_TOKENS + TOKENS - 1) / TOKENS * TOKENS;
  localparam int unsigned TOKEN_WORDS = (MAX_TOKENS + SIMD - 1) / SIMD;
  localparam int unsigned HIDDEN_WORDS = (MAX_HIDDEN + SIMD - 1) / SIMD;

  // Job queues and writers.
  logic [5:0] w_valid, w_ready, q_valid, q_ready, job_valid, job_taken, start;
  logic [5:0][WRITE_BITS-1:0] w_data;
  logic [5:0][8*LANES-1:0] q_data;
  write_job_t [5:0] job;
  progress_t [5:0] progress;
  assign w_valid = {w5_tvalid, w4_tvalid, w3_tvalid, w2_tvalid, w1_tvalid, w0_tvalid};
  assign w_data  = {w5_tdata, w4_tdata, w3_tdata, w2_tdata, w1_tdata, w0_tdata};
  assign q_valid = {q5_tvalid, q4_tvalid, q3_tvalid, q2_tvalid, q1_tvalid, q0_tvalid};
  assign q_data  = {q5_tdata, q4_tdata, q3_tdata, q2_tdata, q1_tdata, q0_tdata};
  assign {w5_tready, w4_tready, w3_tready, w2_tready, w1_tready, w0_tready} = w_ready;
  assign {q5_tready, q4_tready, q3_tready, q2_tready, q1_tready, q0_tready} = q_ready;

  // P has two sides, and its writer waits for a free one.
  logic read_done, p_free, read_bank, x_free;
  act_source_t read_act;
  side_credit #(
      .SIDES(2)
  ) u_sides (
      .clk,
      .rst_n,
      .take(job_taken[ACT_P]),
      .give(read_done && read_act == ACT_P),
      .free(p_free)
  );
  always_comb begin
    start = job_valid;
    start[ACT_P] = job_valid[ACT_P] && p_free;
  end

  logic [4:0] write, write_side;
  logic [4:0][15:0] write_row, write_segment;
  logic [4:0][PLANES-1:0][LANES-1:0] write_data;
  for (genvar w = 0; w < 6; w++) begin : g_writer
    logic [1:0] unused_count;
    sync_fifo #(
        .WIDTH($bits(write_job_t)),
        .DEPTH(2),
        .REGISTERED(1'b1)
    ) u_queue (
        .clk,
        .rst_n,
        .in_valid (w_valid[w]),
        .in_ready (w_ready[w]),
        .in_data  (w_data[w][$bits(write_job_t)-1:0]),
        .out_valid(job_valid[w]),
        .out_ready(job_taken[w]),
        .out_data (job[w]),
        .count    (unused_count)
    );
    if (w != V) begin : g_rows
      plane_writer #(
          .LANES (LANES),
          .PLANES(PLANES)
      ) u_writer (
          .clk,
          .rst_n,
          .job_valid    (start[w]),
          .job_taken    (job_taken[w]),
          .job          (job[w]),
          .s_axis_tvalid(q_valid[w]),
          .s_axis_tready(q_ready[w]),
          .s_axis_tdata (q_data[w]),
          .write        (write[w]),
          .write_side   (write_side[w]),
          .write_row    (write_row[w]),
          .write_segment(write_segment[w]),
          .write_data   (write_data[w]),
          .progress     (progress[w])
      );
    end
  end

  logic v_write;
  logic [15:0] v_row, v_segment;
  logic [CHANNELS_V-1:0][PLANES-1:0][SEGMENT_V-1:0] v_data;
  tile_transpose #(
      .TOKENS(TOKENS),
      .LANES(LANES),
      .MAX_WORDS(TILE_WORDS),
      .PLANES(PLANES),
      .SEGMENT(SEGMENT_V),
      .CHANNELS(CHANNELS_V)
  ) u_transpose (
      .clk,
      .rst_n,
      .job_valid    (start[V]),
      .job_taken    (job_taken[V]),
      .job          (job[V]),
      .s_axis_tvalid(q_valid[V]),
      .s_axis_tready(q_ready[V]),
      .s_axis_tdata (q_data[V]),
      .write        (v_write),
      .write_row    (v_row),
      .write_segment(v_segment),
      .write_data   (v_data),
      .progress     (progress[V])
  );

  // Activations.
  logic enable, read_side;
  logic [3:0] read, read_plane;
  logic [15:0] read_group, read_word;
  logic [3:0][A_TOKENS-1:0][columns(PLANES)*CHUNK_A-1:0] raw;
  for (genvar s = 0; s < 4; s++) begin : g_source
    plane_buffer #(
        .PLANES(PLANES),
        .SIDES((s == ACT_X || s == ACT_P) ? 2 : 1),
        .ROWS(TILE_ROWS),
        .BANKS(A_TOKENS),
        .ROW_WORDS((s == ACT_P) ? TOKEN_WORDS : (s == ACT_Q) ? HEAD_WORDS : HIDDEN_WORDS),
        .WORD_BITS(SIMD),
        .SEGMENT(LANES),
        .CHUNK(CHUNK_A)
    ) u_buffer (
        .clk,
        .write        (write[s]),
        .write_side   (write_side[s]),
        .write_row    (write_row[s]),
        .write_segment(write_segment[s]),
        .write_data   (write_data[s]),
        .enable,
        .read         (read[s]),
        .read_side,
        .read_group,
        .read_word,
        .read_plane,
        .raw          (raw[s])
    );
  end
  act_feeder #(
      .SOURCES(4),
      .TOKENS(TOKENS),
      .A_TOKENS(A_TOKENS),
      .SIMD(SIMD),
      .PLANES(PLANES),
      .CHUNK(CHUNK_A),
      .JOBS(4)
  ) u_acts (
      .clk,
      .rst_n,
      .job_valid(a_job_tvalid),
      .job_ready(a_job_tready),
      .job_in   (a_job_tdata[$bits(job_t)-1:0]),
      .progress (progress[3:0]),
      .read_done,
      .read_act,
      .read_bank,
      .x_free,
      .enable,
      .read,
      .read_side,
      .read_group,
      .read_word,
      .read_plane,
      .raw,
      .m_axis_tvalid(m_a_tvalid),
      .m_axis_tready(m_a_tready),
      .m_axis_tdata(m_a_tdata),
      .m_axis_tlast(m_a_tlast)
  );

  // K and V^T.
  logic kv_enable;
  logic [1:0] kv_read;
  logic [3:0] kv_plane;
  logic [15:0] kv_group, kv_word;
  logic [1:0][KV_BANKS-1:0][columns(PLANES)*CHUNK_KV-1:0] kv_raw;
  plane_buffer #(
      .PLANES(PLANES),
      .SIDES(1),
      .ROWS((MAX_TOKENS + 15) / 16 * 16),
      .BANKS(KV_BANKS),
      .ROW_WORDS(HEAD_WORDS * SIMD / 64),
      .WORD_BITS(64),
      .SEGMENT(LANES),
      .CHUNK(CHUNK_KV)
  ) u_k (
      .clk,
      .write        (write[4]),
      .write_side   (write_side[4]),
      .write_row    (write_row[4]),
      .write_segment(write_segment[4]),
      .write_data   (write_data[4]),
      .enable       (kv_enable),
      .read         (kv_read[0]),
      .read_side    (1'b0),
      .read_group   (kv_group),
      .read_word    (kv_word),
      .read_plane   (kv_plane),
      .raw          (kv_raw[0])
  );
  plane_buffer #(
      .PLANES(PLANES),
      .SIDES(1),
      .ROWS(MAX_HIDDEN + 15),
      .BANKS(KV_BANKS),
      .ROW_WORDS(TOKEN_WORDS * SIMD / 64),
      .WORD_BITS(64),
      .SEGMENT(SEGMENT_V),
      .CHUNK(CHUNK_KV),
      .WRITE_ROWS(CHANNELS_V)
  ) u_v (
      .clk,
      .write        (v_write),
      .write_side   (1'b0),
      .write_row    (v_row),
      .write_segment(v_segment),
      .write_data   (v_data),
      .enable       (kv_enable),
      .read         (kv_read[1]),
      .read_side    (1'b0),
      .read_group   (kv_group),
      .read_word    (kv_word),
      .read_plane   (kv_plane),
      .raw          (kv_raw[1])
  );
  kv_feeder #(
      .KV_BITS(KV_BITS),
      .SIMD(SIMD),
      .PLANES(PLANES),
      .CHUNK(CHUNK_KV),
      .JOBS(4)
  ) u_kv (
      .clk,
      .rst_n,
      .job_valid(kv_job_tvalid),
      .job_ready(kv_job_tready),
      .job_in   (kv_job_tdata[$bits(job_t)-1:0]),
      .progress (progress[5:4]),
      .enable   (kv_enable),
      .read     (kv_read),
      .read_group(kv_group),
      .read_word(kv_word),
      .read_plane(kv_plane),
      .raw      (kv_raw),
      .m_axis_tvalid(m_kv_tvalid),
      .m_axis_tready(m_kv_tready),
      .m_axis_tdata(m_kv_tdata),
      .m_axis_tlast(m_kv_tlast)
  );

  logic unused;
  assign unused = ^{a_job_tdata, a_job_tlast, kv_job_tdata, kv_job_tlast, w_data, read_bank, x_free,
                    w0_tlast, w1_tlast, w2_tlast, w3_tlast, w4_tlast, w5_tlast,
                    q0_tlast, q1_tlast, q2_tlast, q3_tlast, q4_tlast, q5_tlast};
endmodule
