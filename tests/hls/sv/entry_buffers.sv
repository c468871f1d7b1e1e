// SPDX-License-Identifier: Apache-2.0
// The buffers of FFN between streams: entry, residual buffer, x and mid with the activation feeder, and a
// writer of mid, whose jobs wait for the reader of the one before.
module entry_buffers
  import bat_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned LANES,
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned PLANES,
    parameter int unsigned A_TOKENS,
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_FFN,
    localparam int unsigned JOB_BITS = ($bits(job_t) + 7) / 8 * 8,
    localparam int unsigned WRITE_BITS = ($bits(write_job_t) + 7) / 8 * 8,
    localparam int unsigned ITEM_BITS = ($bits(entry_t) + 7) / 8 * 8
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic                     item_tvalid,
    output logic                     item_tready,
    input  logic [ITEM_BITS-1:0]     item_tdata,
    input  logic                     item_tlast,
    input  logic                     row_tvalid,
    output logic                     row_tready,
    input  logic [16*LANES-1:0]      row_tdata,
    input  logic                     row_tlast,
    input  logic                     a_job_tvalid,
    output logic                     a_job_tready,
    input  logic [JOB_BITS-1:0]      a_job_tdata,
    input  logic                     a_job_tlast,
    input  logic                     h_job_tvalid,
    output logic                     h_job_tready,
    input  logic [JOB_BITS-1:0]      h_job_tdata,
    input  logic                     h_job_tlast,
    input  logic                     w_job_tvalid,
    output logic                     w_job_tready,
    input  logic [WRITE_BITS-1:0]    w_job_tdata,
    input  logic                     w_job_tlast,
    input  logic                     mid_tvalid,
    output logic                     mid_tready,
    input  logic [8*LANES-1:0]       mid_tdata,
    input  logic                     mid_tlast,
    output logic                     m_a_tvalid,
    input  logic                     m_a_tready,
    output logic [A_TOKENS*SIMD-1:0] m_a_tdata,
    output logic                     m_a_tlast,
    output logic                     m_h_tvalid,
    input  logic                     m_h_tready,
    output logic [16*LANES-1:0]      m_h_tdata,
    output logic                     m_h_tlast,
    output logic [2:0]               error_code
);
  localparam int unsigned CHUNK = chunk_bits(SIMD, PLANES, LANES);

  logic x_free, h_free, x_write, x_side, h_write, h_side, read_done, read_bank, enable, read_side;
  logic [15:0] x_row, x_segment, h_row, h_word, read_group, read_word;
  logic [PLANES-1:0][LANES-1:0] x_data;
  logic [16*LANES-1:0] h_data;
  progress_t x_progress, h_progress;
  act_source_t read_act;
  logic [1:0] read;
  logic [3:0] read_plane;
  logic [1:0][A_TOKENS-1:0][columns(PLANES)*CHUNK-1:0] raw;

  entry #(
      .LANES (LANES),
      .PLANES(PLANES)
  ) u_entry (
      .clk,
      .rst_n,
      .item_valid     (item_tvalid),
      .item_ready     (item_tready),
      .item_in        (item_tdata[$bits(entry_t)-1:0]),
      .s_axis_tvalid  (row_tvalid),
      .s_axis_tready  (row_tready),
      .s_axis_tdata   (row_tdata),
      .s_axis_tlast   (row_tlast),
      .x_free,
      .h_free,
      .x_write,
      .x_write_side   (x_side),
      .x_write_row    (x_row),
      .x_write_segment(x_segment),
      .x_write_data   (x_data),
      .x_progress,
      .h_write,
      .h_write_side   (h_side),
      .h_write_row    (h_row),
      .h_write_word   (h_word),
      .h_write_data   (h_data),
      .h_progress,
      .error_code
  );

  plane_buffer #(
      .PLANES(PLANES),
      .SIDES(2),
      .ROWS((MAX_TOKENS + TOKENS - 1) / TOKENS * TOKENS),
      .BANKS(A_TOKENS),
      .ROW_WORDS((MAX_HIDDEN + SIMD - 1) / SIMD),
      .WORD_BITS(SIMD),
      .SEGMENT(LANES),
      .CHUNK(CHUNK)
  ) u_x (
      .clk,
      .write        (x_write),
      .write_side   (x_side),
      .write_row    (x_row),
      .write_segment(x_segment),
      .write_data   (x_data),
      .enable,
      .read         (read[0]),
      .read_side,
      .read_group,
      .read_word,
      .read_plane,
      .raw          (raw[0])
  );

  logic w_queued, w_taken, mid_free, mid_write, mid_side;
  logic [15:0] mid_row, mid_segment;
  logic [PLANES-1:0][LANES-1:0] mid_data;
  logic [1:0] unused_count;
  write_job_t w_job;
  progress_t mid_progress;
  sync_fifo #(
      .WIDTH($bits(write_job_t)),
      .DEPTH(2),
      .REGISTERED(1'b1)
  ) u_queue (
      .clk,
      .rst_n,
      .in_valid (w_job_tvalid),
      .in_ready (w_job_tready),
      .in_data  (w_job_tdata[$bits(write_job_t)-1:0]),
      .out_valid(w_queued),
      .out_ready(w_taken),
      .out_data (w_job),
      .count    (unused_count)
  );
  side_credit #(
      .SIDES(1)
  ) u_side (
      .clk,
      .rst_n,
      .take(w_taken),
      .give(read_done && read_act == ACT_MID),
      .free(mid_free)
  );
  plane_writer #(
      .LANES (LANES),
      .PLANES(PLANES)
  ) u_writer (
      .clk,
      .rst_n,
      .job_valid    (w_queued && mid_free),
      .job_taken    (w_taken),
      .job          (w_job),
      .s_axis_tvalid(mid_tvalid),
      .s_axis_tready(mid_tready),
      .s_axis_tdata (mid_tdata),
      .write        (mid_write),
      .write_side   (mid_side),
      .write_row    (mid_row),
      .write_segment(mid_segment),
      .write_data   (mid_data),
      .progress     (mid_progress)
  );
  plane_buffer #(
      .PLANES(PLANES),
      .SIDES(1),
      .ROWS((MAX_TOKENS + TOKENS - 1) / TOKENS * TOKENS),
      .BANKS(A_TOKENS),
      .ROW_WORDS((MAX_FFN + SIMD - 1) / SIMD),
      .WORD_BITS(SIMD),
      .SEGMENT(LANES),
      .CHUNK(CHUNK)
  ) u_mid (
      .clk,
      .write        (mid_write),
      .write_side   (mid_side),
      .write_row    (mid_row),
      .write_segment(mid_segment),
      .write_data   (mid_data),
      .enable,
      .read         (read[1]),
      .read_side,
      .read_group,
      .read_word,
      .read_plane,
      .raw          (raw[1])
  );

  act_feeder #(
      .SOURCES(2),
      .TOKENS(TOKENS),
      .A_TOKENS(A_TOKENS),
      .SIMD(SIMD),
      .PLANES(PLANES),
      .CHUNK(CHUNK),
      .JOBS(2)
  ) u_acts (
      .clk,
      .rst_n,
      .job_valid    (a_job_tvalid),
      .job_ready    (a_job_tready),
      .job_in       (a_job_tdata[$bits(job_t)-1:0]),
      .progress     ({mid_progress, x_progress}),
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
      .m_axis_tdata (m_a_tdata),
      .m_axis_tlast (m_a_tlast)
  );

  residual_buffer #(
      .LANES(LANES),
      .WRITE_LANES(LANES),
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .ROWS(MAX_TOKENS),
      .ROW_WORDS(MAX_HIDDEN / LANES),
      .JOBS(2)
  ) u_residual (
      .clk,
      .rst_n,
      .write        (h_write),
      .write_side   (h_side),
      .write_row    (h_row),
      .write_word   (h_word),
      .write_data   (h_data),
      .progress     (h_progress),
      .job_valid    (h_job_tvalid),
      .job_ready    (h_job_tready),
      .job_in       (h_job_tdata[$bits(job_t)-1:0]),
      .h_free,
      .m_axis_tvalid(m_h_tvalid),
      .m_axis_tready(m_h_tready),
      .m_axis_tdata (m_h_tdata),
      .m_axis_tlast (m_h_tlast)
  );

  logic unused;
  assign unused = ^{item_tdata, item_tlast, a_job_tdata, a_job_tlast, h_job_tdata, h_job_tlast,
                    w_job_tdata, w_job_tlast, mid_tlast, read_bank};
endmodule
