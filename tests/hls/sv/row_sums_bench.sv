// SPDX-License-Identifier: Apache-2.0
// The sums of rows beside their loaders, read as early, and by banks given back as early, as qmm_control.sv can do
// with products of one step a tile. A beat of results for each output tile of each token tile: OUTPUTS sums of the
// second operand, TOKENS of the first, int32.
module row_sums_bench
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned A_BITS,
    parameter int unsigned W_BITS,
    parameter int unsigned A_WORDS,
    parameter int unsigned W_WORDS,
    parameter int unsigned KV_WORDS,
    parameter int unsigned W_TILES,
    parameter int unsigned KV_TILES,
    parameter int unsigned BUS_BITS,
    parameter int unsigned KV_BITS,
    parameter int unsigned A_TOKENS,
    parameter int unsigned SUM_BITS,
    parameter int unsigned AFTER,      // clocks from a tile's last step to the read of its sums; 4 in the engine
    parameter bit          STRUCTURAL,
    localparam int unsigned JOB_BITS = 96
) (
    input  logic                             clk,
    input  logic                             rst_n,
    input  logic                             s_job_tvalid,
    output logic                             s_job_tready,
    input  logic [JOB_BITS-1:0]              s_job_tdata,
    input  logic                             s_axis_w_tvalid,
    output logic                             s_axis_w_tready,
    input  logic [BUS_BITS-1:0]              s_axis_w_tdata,
    input  logic                             s_axis_w_tlast,
    input  logic                             s_axis_kv_tvalid,
    output logic                             s_axis_kv_tready,
    input  logic [KV_BITS-1:0]               s_axis_kv_tdata,
    input  logic                             s_axis_kv_tlast,
    input  logic                             s_axis_a_tvalid,
    output logic                             s_axis_a_tready,
    input  logic [A_TOKENS*SIMD-1:0]         s_axis_a_tdata,
    input  logic                             s_axis_a_tlast,
    output logic                             m_axis_tvalid,
    input  logic                             m_axis_tready,
    output logic [32*(OUTPUTS+TOKENS)-1:0]   m_axis_tdata,
    output logic                             m_axis_tlast,
    output logic [2:0]                       error_code
);
  localparam int unsigned TILE_BITS = $clog2((W_TILES > KV_TILES) ? W_TILES + 1 : KV_TILES + 1);
  localparam int unsigned DEPTH = 8;

  // Jobs: to the loader of weights or of on-chip operands, to that of activations, to the reader.
  config_t next_job;
  config_t [3:0] job;
  logic [3:0] room, queued, taken, push;
  assign next_job     = s_job_tdata[$bits(config_t)-1:0];
  assign s_job_tready = &room;
  assign push         = {2'b11, next_job.on_chip, !next_job.on_chip} & {4{s_job_tvalid && s_job_tready}};
  for (genvar i = 0; i < 4; i++) begin : g_queue
    logic [2:0] unused_count;
    sync_fifo #(
        .WIDTH($bits(config_t)),
        .DEPTH(4),
        .REGISTERED(1'b0)
    ) u_jobs (
        .clk,
        .rst_n,
        .in_valid(push[i]),
        .in_ready(room[i]),
        .in_data(next_job),
        .out_valid(queued[i]),
        .out_ready(taken[i]),
        .out_data(job[i]),
        .count(unused_count)
    );
  end

  typedef struct packed {
    logic                 read;
    logic                 on_chip;
    logic                 w_bank;
    logic                 kv_bank;
    logic                 act_bank;
    logic                 last;
    logic [TILE_BITS-1:0] tile;
  } sum_read_t;
  sum_read_t due, sum_read;
  logic w_bank, kv_bank, act_bank, there, issue, outputs_end, tokens_end, stands, last;
  logic [1:0] w_loaded, kv_loaded, act_loaded;
  logic [15:0] tile, token_tile;
  logic [3:0] credit;
  error_t w_error, kv_error, act_error;

  assign there       = job[3].on_chip ? kv_loaded[kv_bank] : w_loaded[w_bank];
  assign issue       = queued[3] && there && act_loaded[act_bank] && credit != '0;
  assign outputs_end = tile == (job[3].outputs - 16'd1) / 16'(OUTPUTS);
  assign tokens_end  = token_tile == job[3].token_tiles - 16'd1;
  assign taken[3]    = issue && outputs_end && tokens_end;
  assign due         = '{issue, job[3].on_chip, w_bank, kv_bank, act_bank, taken[3], TILE_BITS'(tile)};
  always_ff @(posedge clk) begin
    stands <= sum_read.read;
    last   <= sum_read.last;
    if (!rst_n) begin
      {w_bank, kv_bank, act_bank, tile, token_tile, stands} <= '0;
      credit     <= 4'(DEPTH);
      error_code <= '0;
    end else begin
      credit   <= credit - 4'(issue) + 4'(m_axis_tvalid && m_axis_tready);
      w_bank   <= w_bank ^ (taken[3] && !job[3].on_chip);
      kv_bank  <= kv_bank ^ (taken[3] && job[3].on_chip);
      act_bank <= act_bank ^ (issue && outputs_end);
      if (issue) tile <= outputs_end ? '0 : tile + 16'd1;
      if (issue && outputs_end) token_tile <= tokens_end ? '0 : token_tile + 16'd1;
      if (error_code == '0) error_code <= w_error | kv_error | act_error;
    end
  end
  logic [AFTER:0][$bits(sum_read_t)-1:0] path;
  assign path[0]  = due & {$bits(due) {rst_n}};
  assign sum_read = path[AFTER];
  always_ff @(posedge clk) path[AFTER:1] <= path[AFTER-1:0] & {(AFTER * $bits(due)) {rst_n}};

  logic [OUTPUTS-1:0][SUM_BITS-1:0] sums;
  logic [OUTPUTS-1:0][SIMD-1:0] unused_word;
  weight_memory #(
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .BUS_BITS(BUS_BITS),
      .KV_BITS(KV_BITS),
      .W_WORDS(W_WORDS),
      .KV_WORDS(KV_WORDS),
      .W_TILES(W_TILES),
      .KV_TILES(KV_TILES),
      .PLANES(W_BITS),
      .SUM_BITS(SUM_BITS),
      .READ_BITS(1),
      .TILE_BITS(TILE_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_weights (
      .clk,
      .rst_n,
      .halt(error_code != '0),
      .w_job_valid(queued[0]),
      .w_job_ready(taken[0]),
      .w_job(job[0]),
      .kv_job_valid(queued[1]),
      .kv_job_ready(taken[1]),
      .kv_job(job[1]),
      .s_axis_w_tvalid,
      .s_axis_w_tready,
      .s_axis_w_tdata,
      .s_axis_w_tlast,
      .s_axis_kv_tvalid,
      .s_axis_kv_tready,
      .s_axis_kv_tdata,
      .s_axis_kv_tlast,
      .w_loaded,
      .kv_loaded,
      .w_bank,
      .kv_bank,
      .w_release(taken[3] && !job[3].on_chip),
      .kv_release(taken[3] && job[3].on_chip),
      .read(1'b0),
      .on_chip(1'b0),
      .read_address('0),
      .word(unused_word),
      .sum_read(sum_read.read),
      .sum_on_chip(sum_read.on_chip),
      .sum_w_bank(sum_read.w_bank),
      .sum_kv_bank(sum_read.kv_bank),
      .sum_tile(sum_read.tile),
      .sums,
      .w_error,
      .kv_error
  );

  logic [TOKENS-1:0][SUM_BITS-1:0] act_sums;
  logic [TOKENS-1:0][SIMD-1:0] unused_act_word;
  act_memory #(
      .TOKENS(TOKENS),
      .SIMD(SIMD),
      .A_TOKENS(A_TOKENS),
      .WORDS(A_WORDS),
      .PLANES(A_BITS),
      .SUM_BITS(SUM_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_acts (
      .clk,
      .rst_n,
      .halt(error_code != '0),
      .job_valid(queued[2]),
      .job_ready(taken[2]),
      .job(job[2]),
      .s_axis_tvalid(s_axis_a_tvalid),
      .s_axis_tready(s_axis_a_tready),
      .s_axis_tdata(s_axis_a_tdata),
      .s_axis_tlast(s_axis_a_tlast),
      .loaded(act_loaded),
      .bank(act_bank),
      .release_valid(issue && outputs_end),
      .read(1'b0),
      .read_address('0),
      .word(unused_act_word),
      .sum_read(sum_read.read),
      .sum_bank(sum_read.act_bank),
      .sums(act_sums),
      .error(act_error)
  );

  logic [OUTPUTS+TOKENS-1:0][31:0] wide;
  for (genvar i = 0; i < OUTPUTS + TOKENS; i++) begin : g_wide
    if (i < OUTPUTS) begin : g_weight
      assign wide[i] = 32'($signed(sums[i]));
    end else begin : g_act
      assign wide[i] = 32'($signed(act_sums[i-OUTPUTS]));
    end
  end
  logic unused_ready, unused_fields;
  logic [3:0] unused_count;
  assign unused_fields = &{1'b0, s_job_tdata, job};
  sync_fifo #(
      .WIDTH($bits(wide) + 1),
      .DEPTH(DEPTH),
      .REGISTERED(1'b0)
  ) u_results (
      .clk,
      .rst_n,
      .in_valid(stands),
      .in_ready(unused_ready),
      .in_data({last, wide}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data({m_axis_tlast, m_axis_tdata}),
      .count(unused_count)
  );
endmodule
