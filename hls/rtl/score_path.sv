// SPDX-License-Identifier: Apache-2.0
// Softmax side of MHA: the scores of a head, in the engine's tile order, to planes of its probabilities.
//
//   s_axis (QU_LANES accumulators) -> beat_split -> tile_reorder -> softmax -> plane_writer -> side head % 2 of the P buffer
// JOBS: those with target TO_SOFTMAX, in order; JOBS of them wait. CONFIGS (softmax_pkg::config_t): one a job,
// in the same order, taken while the head before is still in the unit.
// P has two sides, and no writer waits for one: the scores of head h leave the engine after it has computed
// C of head h - 2, so that one's probabilities have been read by then (bat_mha.sv, "Hazards").
// `waiting`: scores of a head have come whose probabilities are not all written.
// `error`: softmax has an error code, until reset. II = 1 beat in and out; cycles and latency: tile_reorder.sv,
// softmax.sv. Dividers and rows of exponentials are sized so that many rows of MAX_TOKENS keys take their
// beats alone. Source: ours.
module score_path
  import bat_pkg::*;
  import module_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned TOKENS,      // rows of a result tile
    parameter int unsigned OUTPUTS,     // accumulators of a row of a result tile
    parameter int unsigned QU_LANES,    // values of a beat of the engine's results, a multiple of LANES
    parameter int unsigned LANES,       // of softmax
    parameter int unsigned ACC_BITS,    // of an accumulator
    parameter int unsigned PLANES,      // of the P buffer, 1..8
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned SCORE_BITS,  // that hold every score
    parameter int unsigned JOBS         // heads that wait, >= 2
) (
    input  logic                         clk,
    input  logic                         rst_n,           // synchronous, active low
    input  logic                         job_valid,
    output logic                         job_ready,
    input  job_t                         job,
    input  logic                         config_valid,
    output logic                         config_ready,
    input  softmax_pkg::config_t         head_config,
    input  logic                         s_axis_tvalid,
    output logic                         s_axis_tready,
    input  logic [QU_LANES-1:0][ACC_BITS-1:0] s_axis_tdata,
    output logic                         write,           // to the P buffer, SEGMENT = LANES
    output logic                         write_side,
    output logic [15:0]                  write_row,
    output logic [15:0]                  write_segment,
    output logic [PLANES-1:0][LANES-1:0] write_data,
    output progress_t                    progress,
    output logic                         waiting,
    output logic                         error
);
  localparam int unsigned WORDS = up(MAX_TOKENS, LANES);
  localparam int unsigned STEPS = (WORDS >= 25) ? 1 : (WORDS >= 13) ? 2 : (WORDS >= 9) ? 3 : 4;
  localparam int unsigned ROWS = up(2 * WORDS + 24 / STEPS + 9, WORDS);
  localparam int unsigned DIVIDERS = up(24 / STEPS + 1, WORDS);

  // One queue a stage: the reorder is through with a head before softmax is.
  typedef struct packed {
    logic [15:0] rows;
    logic        side;
  } head_t;
  logic reorder_room, write_room, reorder_queued, reorder_taken, write_queued, write_taken;
  logic [1:0][$clog2(JOBS + 1)-1:0] unused_counts;
  write_job_t reorder_job;
  head_t head;
  assign job_ready = reorder_room && write_room;
  sync_fifo #(
      .WIDTH($bits(write_job_t)), .DEPTH(JOBS), .REGISTERED(1'b1)
  ) u_reorders (
      .clk, .rst_n, .in_valid(job_valid && job_ready), .in_ready(reorder_room),
      .in_data(tile_write(job, 16'(TOKENS), tile_words(job, OUTPUTS, LANES))),
      .out_valid(reorder_queued), .out_ready(reorder_taken), .out_data(reorder_job), .count(unused_counts[0])
  );
  sync_fifo #(
      .WIDTH($bits(head_t)), .DEPTH(JOBS), .REGISTERED(1'b1)
  ) u_writes (
      .clk, .rst_n, .in_valid(job_valid && job_ready), .in_ready(write_room), .in_data({job.rows, job.head[0]}),
      .out_valid(write_queued), .out_ready(write_taken), .out_data(head), .count(unused_counts[1])
  );

  logic part_valid, part_ready, score_valid, score_ready, score_last, unused_part_last;
  logic [LANES-1:0][ACC_BITS-1:0] part, kept;
  logic [LANES-1:0][31:0] score;
  beat_split #(
      .WIDTH(ACC_BITS * LANES), .FACTOR(QU_LANES / LANES)
  ) u_split (
      .clk, .rst_n, .in_valid(s_axis_tvalid), .in_ready(s_axis_tready), .in_data(s_axis_tdata), .in_last(1'b0),
      .out_valid(part_valid), .out_ready(part_ready), .out_data(part), .out_last(unused_part_last)
  );
  tile_reorder #(
      .WIDTH(ACC_BITS * LANES), .LANES(LANES), .TOKENS(TOKENS), .MAX_WORDS(WORDS), .ROW_LAST(1'b1)
  ) u_reorder (
      .clk, .rst_n, .job_valid(reorder_queued), .job_taken(reorder_taken), .job(reorder_job),
      .s_axis_tvalid(part_valid), .s_axis_tready(part_ready), .s_axis_tdata(part),
      .m_axis_tvalid(score_valid), .m_axis_tready(score_ready), .m_axis_tdata(kept), .m_axis_tlast(score_last)
  );
  for (genvar l = 0; l < LANES; l++) begin : g_score
    assign score[l] = 32'($signed(kept[l]));
  end

  logic p_valid, p_ready, unused_last;
  logic [8*LANES-1:0] p;
  logic [2:0] error_code;
  softmax #(
      .LANES(LANES), .MAX_KEYS(MAX_TOKENS), .SCORE_BITS(SCORE_BITS), .ROWS(ROWS), .DIVIDE_STEPS(STEPS),
      .DIVIDERS(DIVIDERS)
  ) u_softmax (
      .clk, .rst_n,
      .s_axis_c_tvalid(config_valid), .s_axis_c_tready(config_ready), .s_axis_c_tdata(head_config),
      .s_axis_c_tlast(1'b1),
      .s_axis_s_tvalid(score_valid), .s_axis_s_tready(score_ready), .s_axis_s_tdata(score),
      .s_axis_s_tlast(score_last),
      .m_axis_tvalid(p_valid), .m_axis_tready(p_ready), .m_axis_tdata(p), .m_axis_tlast(unused_last), .error_code
  );

  plane_writer #(
      .LANES(LANES), .PLANES(PLANES)
  ) u_writer (
      .clk, .rst_n, .job_valid(write_queued), .job_taken(write_taken),
      .job(row_write(head.rows, head.rows, (head.rows + 16'(LANES - 1)) / 16'(LANES), 1'b0, head.side)),
      .s_axis_tvalid(p_valid), .s_axis_tready(p_ready), .s_axis_tdata(p),
      .write, .write_side, .write_row, .write_segment, .write_data, .progress
  );

  // Heads begun and not finished.
  logic fresh, begins;
  logic [7:0] open;
  assign begins  = part_valid && part_ready && fresh;
  assign waiting = open != '0;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      fresh <= 1'b1;
      open  <= '0;
    end else begin
      if (part_valid && part_ready) fresh <= reorder_taken;
      open <= open + 8'(begins) - 8'(write_taken);
    end
    error <= rst_n && error_code != '0;
  end
endmodule
