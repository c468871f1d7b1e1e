// SPDX-License-Identifier: Apache-2.0
// Tail of a module: the last product's accumulators and the kept rows h to the module's output rows.
//
//   s_axis_a -> beat_split -> VU (+ h of residual_buffer.sv) -> tile_reorder -> beat_split -> LN -> m_axis
// JOBS: those with target TO_RESIDUAL, one a work item, in order; JOBS of them wait. s_vu, s_ln: constants
// (vector_pkg.sv). s_axis_a: accumulators in the engine's order (result_router.sv). h_*: the entry's side of
// the residual buffer. m_axis: LANES int16 a beat, true rows ascending, TLAST on the item's last beat.
// SATURATIONS: `saturated` values of the items that ended in VU or LN in this clock, while `saturated_valid`.
// An item's count comes with the last beat of its rows at the latest.
// `error`: a unit's error code is not 0, until reset. II = 1. Latency and cycles: the units' own. Source: ours.
module module_tail
  import bat_pkg::*;
  import module_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned TOKENS,      // rows of a result tile
    parameter int unsigned OUTPUTS,     // accumulators of a row of a result tile
    parameter int unsigned QU_LANES,    // values of a beat of the engine's results, a multiple of VU_LANES
    parameter int unsigned VU_LANES,    // of VU, a multiple of LANES
    parameter int unsigned LANES,       // of LN and the rows
    parameter int unsigned PARTS,       // 1, or 2 where WTWS is built
    parameter int unsigned ACC_BITS,    // of an accumulator
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned JOBS,        // work items that wait, >= 2
    parameter int unsigned LUT_WORDS    // of constant_table.sv
) (
    input  logic                      clk,
    input  logic                      rst_n,            // synchronous, active low
    input  logic                      job_valid,
    output logic                      job_ready,
    input  job_t                      job,
    input  logic                      h_write,
    input  logic                      h_write_side,
    input  logic [15:0]               h_write_row,
    input  logic [15:0]               h_write_word,
    input  logic [16*LANES-1:0]       h_write_data,
    input  progress_t                 h_progress,
    output logic                      h_free,
    input  logic                      s_vu_tvalid,
    output logic                      s_vu_tready,
    input  logic [127:0]              s_vu_tdata,
    input  logic                      s_vu_tlast,
    input  logic                      s_ln_tvalid,
    output logic                      s_ln_tready,
    input  logic [127:0]              s_ln_tdata,
    input  logic                      s_ln_tlast,
    input  logic                      s_axis_a_tvalid,
    output logic                      s_axis_a_tready,
    input  logic [QU_LANES-1:0][PARTS-1:0][ACC_BITS-1:0] s_axis_a_tdata,
    input  logic                      s_axis_a_tlast,
    output logic                      m_axis_tvalid,
    input  logic                      m_axis_tready,
    output logic [16*LANES-1:0]       m_axis_tdata,
    output logic                      m_axis_tlast,
    output logic                      saturated_valid,
    output logic [31:0]               saturated,
    output logic                      error
);
  localparam int unsigned ROW_WORDS = up(MAX_HIDDEN, LANES);
  localparam int unsigned VU_WORDS = up(MAX_HIDDEN, VU_LANES);
  localparam int unsigned TILE_CHANNELS = up(MAX_HIDDEN, OUTPUTS) * OUTPUTS;

  logic residual_room, reorder_room;
  assign job_ready = residual_room && reorder_room;

  // Kept rows.
  logic h_valid, h_ready, h_last;
  logic [16*VU_LANES-1:0] h_data;
  residual_buffer #(
      .LANES(VU_LANES),
      .WRITE_LANES(LANES),
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .ROWS(MAX_TOKENS),
      .ROW_WORDS(VU_WORDS),
      .JOBS(JOBS)
  ) u_residual (
      .clk, .rst_n,
      .write(h_write), .write_side(h_write_side), .write_row(h_write_row), .write_word(h_write_word),
      .write_data(h_write_data), .progress(h_progress),
      .job_valid(job_valid && job_ready), .job_ready(residual_room), .job_in(job), .h_free,
      .m_axis_tvalid(h_valid), .m_axis_tready(h_ready), .m_axis_tdata(h_data), .m_axis_tlast(h_last)
  );

  // Residual addition.
  logic part_valid, part_ready, part_last;
  logic [VU_LANES-1:0][PARTS-1:0][ACC_BITS-1:0] part;
  logic [VU_LANES-1:0][PARTS-1:0][31:0] values;
  beat_split #(
      .WIDTH(VU_LANES * PARTS * ACC_BITS),
      .FACTOR(QU_LANES / VU_LANES)
  ) u_split (
      .clk, .rst_n, .in_valid(s_axis_a_tvalid), .in_ready(s_axis_a_tready), .in_data(s_axis_a_tdata),
      .in_last(s_axis_a_tlast), .out_valid(part_valid), .out_ready(part_ready), .out_data(part),
      .out_last(part_last)
  );
  for (genvar v = 0; v < VU_LANES * PARTS; v++) begin : g_value
    assign values[v/PARTS][v%PARTS] = 32'($signed(part[v/PARTS][v%PARTS]));
  end
  logic vu_valid, vu_ready, unused_last, vu_count_valid;
  logic [16*VU_LANES-1:0] vu_data;
  logic [31:0] vu_count;
  logic [2:0] vu_error, ln_error;
  logic [1:0] unused_count_last;
  vu #(
      .LANES(VU_LANES),
      .PARTS(PARTS),
      .ACC_BITS(ACC_BITS),
      .MAX_CHANNELS(TILE_CHANNELS),
      .LUT_WORDS(LUT_WORDS)
  ) u_vu (
      .clk, .rst_n,
      .s_axis_c_tvalid(s_vu_tvalid), .s_axis_c_tready(s_vu_tready), .s_axis_c_tdata(s_vu_tdata),
      .s_axis_c_tlast(s_vu_tlast),
      .s_axis_a_tvalid(part_valid), .s_axis_a_tready(part_ready), .s_axis_a_tdata(values),
      .s_axis_a_tlast(part_last),
      .s_axis_h_tvalid(h_valid), .s_axis_h_tready(h_ready), .s_axis_h_tdata(h_data), .s_axis_h_tlast(h_last),
      .m_axis_tvalid(vu_valid), .m_axis_tready(vu_ready), .m_axis_tdata(vu_data), .m_axis_tlast(unused_last),
      .m_axis_s_tvalid(vu_count_valid), .m_axis_s_tready(1'b1), .m_axis_s_tdata(vu_count),
      .m_axis_s_tlast(unused_count_last[0]), .error_code(vu_error)
  );

  // Rows for LN.
  logic reorder_queued, reorder_taken, wide_valid, wide_ready, wide_last, row_valid, row_ready, row_last;
  logic [16*VU_LANES-1:0] wide_data;
  logic [16*LANES-1:0] row_data;
  write_job_t reorder_job;
  logic [$clog2(JOBS + 1)-1:0] unused_jobs;
  sync_fifo #(
      .WIDTH($bits(write_job_t)),
      .DEPTH(JOBS),
      .REGISTERED(1'b1)
  ) u_jobs (
      .clk, .rst_n, .in_valid(job_valid && job_ready), .in_ready(reorder_room),
      .in_data(tile_write(job, 16'(TOKENS), tile_words(job, OUTPUTS, VU_LANES))),
      .out_valid(reorder_queued), .out_ready(reorder_taken), .out_data(reorder_job), .count(unused_jobs)
  );
  tile_reorder #(
      .WIDTH(16 * VU_LANES),
      .LANES(VU_LANES),
      .TOKENS(TOKENS),
      .MAX_WORDS(VU_WORDS),
      .ROW_LAST(1'b0)
  ) u_reorder (
      .clk, .rst_n, .job_valid(reorder_queued), .job_taken(reorder_taken), .job(reorder_job),
      .s_axis_tvalid(vu_valid), .s_axis_tready(vu_ready), .s_axis_tdata(vu_data),
      .m_axis_tvalid(wide_valid), .m_axis_tready(wide_ready), .m_axis_tdata(wide_data), .m_axis_tlast(wide_last)
  );
  beat_split #(
      .WIDTH(16 * LANES),
      .FACTOR(VU_LANES / LANES)
  ) u_rows (
      .clk, .rst_n, .in_valid(wide_valid), .in_ready(wide_ready), .in_data(wide_data), .in_last(wide_last),
      .out_valid(row_valid), .out_ready(row_ready), .out_data(row_data), .out_last(row_last)
  );

  logic ln_count_valid;
  logic [31:0] ln_count;
  layernorm #(
      .LANES(LANES),
      .MAX_HIDDEN(MAX_HIDDEN),
      .BANKS(norm_banks(ROW_WORDS)),
      .LUT_WORDS(LUT_WORDS)
  ) u_ln (
      .clk, .rst_n,
      .s_axis_c_tvalid(s_ln_tvalid), .s_axis_c_tready(s_ln_tready), .s_axis_c_tdata(s_ln_tdata),
      .s_axis_c_tlast(s_ln_tlast),
      .s_axis_r_tvalid(row_valid), .s_axis_r_tready(row_ready), .s_axis_r_tdata(row_data),
      .s_axis_r_tlast(row_last),
      .m_axis_tvalid, .m_axis_tready, .m_axis_tdata, .m_axis_tlast,
      .m_axis_s_tvalid(ln_count_valid), .m_axis_s_tready(1'b1), .m_axis_s_tdata(ln_count),
      .m_axis_s_tlast(unused_count_last[1]), .error_code(ln_error)
  );

  // No register here: the last item's count shall not come behind its rows.
  assign saturated_valid = vu_count_valid || ln_count_valid;
  assign saturated       = (vu_count_valid ? vu_count : '0) + (ln_count_valid ? ln_count : '0);
  always_ff @(posedge clk) error <= rst_n && (vu_error != '0 || ln_error != '0);
endmodule
