// SPDX-License-Identifier: Apache-2.0
// QMM engine: exact integer matrix products over bit planes, acc[t][o] = sum_i a[t][i] * w[o][i]
// (docs/numerics.md, "Weights and matrix products"). Sources: binarized dot products by popcount
// (XNOR-Net, FINN); two {-1,+1}/{0,1} encodings on one popcount path (COBRA); bit-serial planes by
// falling place value (BISMO); the rest is ours.
//
// MATHS. An operand is planes of bits; plane p weighs 2^p. Per job, each side has a kind (qmm_pkg):
//   activation: unsigned k bits, signed two's complement k bits, or {-1,+1} (one plane)
//   weight:     from memory {-1,+1} or ternary (planes P, N; w = P - N); on chip as an activation
// One AND-popcount array serves all of them; qmm_array.sv has the formula.
//
// PARALLELISM. Each clock one step: TOKENS x OUTPUTS units of SIMD bits, one plane pair. II = 1 step,
// without a bubble between tiles and jobs while operands and room for results are there.
// Weights are loaded once and serve all token tiles of the job. The weight memory holds two jobs of
// each input and takes a beat of one a clock, on-chip ones first; the activation buffer holds two
// token tiles, the result store RESULT_TILES output tiles.
//
// JOBS AND BEATS: qmm_pkg.sv. CYCLES, to the clock: hls/qmm_cycles.py. One job alone, with
// c = planes * planes * k_words steps of an output tile, d = TOKENS*OUTPUTS/OUT_LANES result beats, W
// beats of weights, A of a token tile, n output tiles over all token tiles, where c >= d and no token
// tile loads longer than the one before computes:
//   clocks = max(W + 2, A) + n*c + d + 11
module qmm_engine
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,        // tokens in parallel, >= 1
    parameter int unsigned OUTPUTS,       // outputs in parallel, power of two >= 8
    parameter int unsigned SIMD,          // bits of a word of one plane, power of two >= 64
    parameter int unsigned A_BITS,        // most activation planes of a job, 1..8
    parameter int unsigned W_BITS,        // most planes of an on-chip operand, 1..8
    parameter int unsigned ACC_BITS,      // accumulator width; checked against the worst product
    parameter int unsigned K_WORDS,       // most words of a row against memory weights
    parameter int unsigned KV_K_WORDS,    // most words of a row against an on-chip operand
    parameter int unsigned A_WORDS,       // activation words of a token tile: >= planes * words
    parameter int unsigned W_WORDS,       // memory weights of a job: >= output tiles * planes * words
    parameter int unsigned KV_WORDS,      // the same of an on-chip operand; 0: there are none
    parameter int unsigned BUS_BITS,      // of a memory weight beat, power of two
    parameter int unsigned KV_BITS,       // of an on-chip beat, power of two
    parameter int unsigned A_TOKENS,      // tokens of an activation beat, divides TOKENS
    parameter int unsigned OUT_LANES,     // results per output beat, divides OUTPUTS
    parameter int unsigned RESULT_TILES,  // output tiles that wait for the output
    parameter int unsigned JOBS,          // jobs that wait, >= 2
    parameter int unsigned W_TILES = 0,   // output tiles of a job with memory weights; 0: W_WORDS, the most
    parameter int unsigned KV_TILES = 0,  // the same of an on-chip operand; 0: KV_WORDS
`ifdef SYNTHESIS
    parameter bit          STRUCTURAL = 1'b1  // popcount form, see popcount.sv
`else
    parameter bit          STRUCTURAL = 1'b0
`endif
) (
    input  logic                     clk,
    input  logic                     rst_n,        // synchronous, active low
    input  logic                     s_job_tvalid,
    output logic                     s_job_tready,
    input  config_t                  s_job_tdata,
    input  logic                     s_axis_w_tvalid,
    output logic                     s_axis_w_tready,
    input  logic [BUS_BITS-1:0]      s_axis_w_tdata,
    input  logic                     s_axis_w_tlast,
    input  logic                     s_axis_kv_tvalid,
    output logic                     s_axis_kv_tready,
    input  logic [KV_BITS-1:0]       s_axis_kv_tdata,
    input  logic                     s_axis_kv_tlast,
    input  logic                     s_axis_a_tvalid,
    output logic                     s_axis_a_tready,
    input  logic [A_TOKENS*SIMD-1:0] s_axis_a_tdata,
    input  logic                     s_axis_a_tlast,
    output logic                     m_axis_tvalid,
    input  logic                     m_axis_tready,
    output logic [OUT_LANES*32-1:0]  m_axis_tdata,
    output logic                     m_axis_tlast,
    output logic                     taking,       // a step takes operands in this clock
    output logic                     wait_weight,  // activations are there, weights are not
    output logic                     wait_act,     // a job is there, activations are not
    output logic [2:0]               error_code
);
  localparam bit HAS_KV = KV_WORDS != 0;
  localparam int unsigned A_ADDRESS_BITS = $clog2(A_WORDS);
  localparam int unsigned W_ADDRESS_BITS = $clog2((W_WORDS > KV_WORDS) ? W_WORDS : KV_WORDS);
  localparam int unsigned W_ROWS = (W_TILES == 0) ? W_WORDS : W_TILES;
  localparam int unsigned KV_ROWS = (KV_TILES == 0) ? KV_WORDS : KV_TILES;
  localparam int unsigned TILE_BITS = $clog2((W_ROWS > KV_ROWS) ? W_ROWS + 1 : KV_ROWS + 1);

  // Sums of rows, signed: of memory weights, on-chip operands, activations.
  localparam int unsigned W_LENGTH = K_WORDS * SIMD;
  localparam int unsigned KV_LENGTH = HAS_KV ? KV_K_WORDS * SIMD : 0;
  localparam int unsigned LONGEST = (W_LENGTH > KV_LENGTH) ? W_LENGTH : KV_LENGTH;
  localparam int unsigned W_SUM_BITS = $clog2(W_LENGTH + 1) + 1;
  localparam int unsigned KV_SUM_BITS = $clog2(KV_LENGTH * (2 ** W_BITS - 1) + 1) + 1;
  localparam int unsigned A_SUM_BITS = $clog2(LONGEST * (2 ** A_BITS - 1) + 1) + 1;
  localparam int unsigned WEIGHT_SUM_BITS = (W_SUM_BITS > KV_SUM_BITS) ? W_SUM_BITS : KV_SUM_BITS;

  qmm_checks #(
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .A_BITS(A_BITS),
      .W_BITS(W_BITS),
      .ACC_BITS(ACC_BITS),
      .K_WORDS(K_WORDS),
      .KV_K_WORDS(KV_K_WORDS),
      .A_WORDS(A_WORDS),
      .W_WORDS(W_WORDS),
      .KV_WORDS(KV_WORDS),
      .BUS_BITS(BUS_BITS),
      .KV_BITS(KV_BITS),
      .A_TOKENS(A_TOKENS),
      .OUT_LANES(OUT_LANES),
      .RESULT_TILES(RESULT_TILES),
      .JOBS(JOBS),
      .W_TILES(W_TILES),
      .KV_TILES(KV_TILES)
  ) u_checks ();

  // Error: the first one stays until reset.
  error_t error_q, job_error, weight_error, kv_error, act_error;
  logic halt;
  assign halt       = error_q != ERROR_NONE;
  assign error_code = error_q;
  always_ff @(posedge clk) begin
    if (!rst_n) error_q <= ERROR_NONE;
    else if (!halt) begin
      if (job_error != ERROR_NONE) error_q <= job_error;
      else if (weight_error != ERROR_NONE) error_q <= weight_error;
      else error_q <= (kv_error != ERROR_NONE) ? kv_error : act_error;
    end
  end

  // Jobs.
  logic w_job_valid, w_job_ready, kv_job_valid, kv_job_ready, a_job_valid, a_job_ready;
  logic compute_valid, compute_ready;
  config_t w_job, kv_job, a_job, compute_job;

  qmm_intake #(
      .SIMD(SIMD),
      .A_BITS(A_BITS),
      .W_BITS(W_BITS),
      .K_WORDS(K_WORDS),
      .KV_K_WORDS(KV_K_WORDS),
      .HAS_KV(HAS_KV),
      .JOBS(JOBS)
  ) u_intake (
      .clk,
      .rst_n,
      .halt,
      .in_valid(s_job_tvalid),
      .in_ready(s_job_tready),
      .in_job(s_job_tdata),
      .weight_valid(w_job_valid),
      .weight_ready(w_job_ready),
      .weight_job(w_job),
      .kv_valid(kv_job_valid),
      .kv_ready(kv_job_ready),
      .kv_job(kv_job),
      .act_valid(a_job_valid),
      .act_ready(a_job_ready),
      .act_job(a_job),
      .compute_valid,
      .compute_ready,
      .compute_job,
      .error(job_error)
  );

  // Weights and on-chip operands.
  step_t issued;
  logic [1:0] w_loaded, kv_loaded, a_loaded;
  logic w_bank, kv_bank, a_bank, w_release, kv_release, a_release, on_chip, result_freed;
  logic [W_ADDRESS_BITS-1:0] weight_address;
  logic [OUTPUTS-1:0][SIMD-1:0] w_word;
  logic [OUTPUTS-1:0][WEIGHT_SUM_BITS-1:0] w_sums;

  // The sums of an output tile's rows are read four clocks after its last step, to stand with its totals. By then
  // those of its job are written: the last beat came two clocks before the step or earlier (one, of activations),
  // and its sums can be read six (five) clocks after it. Those of the banks' next job are not: their beats come
  // after the last step, and their sums are written five (four) clocks later or more.
  typedef struct packed {
    logic                 read;
    logic                 on_chip;
    logic                 weight_bank;
    logic                 kv_bank;
    logic                 act_bank;
    logic [TILE_BITS-1:0] tile;
  } sum_read_t;
  sum_read_t sum_due, sum_read;
  logic [TILE_BITS-1:0] output_tile;
  assign sum_due = '{
      read: issued.valid && issued.last,
      on_chip: on_chip,
      weight_bank: w_bank,
      kv_bank: kv_bank,
      act_bank: a_bank,
      tile: output_tile
  };
  delay #(
      .WIDTH ($bits(sum_read_t)),
      .STAGES(4)
  ) u_sum_read (
      .clk,
      .enable(1'b1),
      .in (sum_due),
      .out(sum_read)
  );

  weight_memory #(
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .BUS_BITS(BUS_BITS),
      .KV_BITS(KV_BITS),
      .W_WORDS(W_WORDS),
      .KV_WORDS(KV_WORDS),
      .W_TILES(W_ROWS),
      .KV_TILES(KV_ROWS),
      .PLANES(W_BITS),
      .SUM_BITS(WEIGHT_SUM_BITS),
      .READ_BITS(W_ADDRESS_BITS),
      .TILE_BITS(TILE_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_weights (
      .clk,
      .rst_n,
      .halt,
      .w_job_valid,
      .w_job_ready,
      .w_job,
      .kv_job_valid,
      .kv_job_ready,
      .kv_job,
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
      .w_release,
      .kv_release,
      .read(issued.valid),
      .on_chip,
      .read_address(weight_address),
      .word(w_word),
      .sum_read(sum_read.read),
      .sum_on_chip(sum_read.on_chip),
      .sum_w_bank(sum_read.weight_bank),
      .sum_kv_bank(sum_read.kv_bank),
      .sum_tile(sum_read.tile),
      .sums(w_sums),
      .w_error(weight_error),
      .kv_error
  );

  // Activations.
  logic [A_ADDRESS_BITS-1:0] act_address;
  logic [TOKENS-1:0][SIMD-1:0] a_word;
  logic [TOKENS-1:0][A_SUM_BITS-1:0] a_sums;
  act_memory #(
      .TOKENS(TOKENS),
      .A_TOKENS(A_TOKENS),
      .SIMD(SIMD),
      .PLANES(A_BITS),
      .WORDS(A_WORDS),
      .SUM_BITS(A_SUM_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_acts (
      .clk, .rst_n, .halt, .job_valid(a_job_valid), .job_ready(a_job_ready), .job(a_job),
      .s_axis_tvalid(s_axis_a_tvalid), .s_axis_tready(s_axis_a_tready), .s_axis_tdata(s_axis_a_tdata),
      .s_axis_tlast(s_axis_a_tlast), .loaded(a_loaded), .bank(a_bank), .release_valid(a_release),
      .read(issued.valid), .read_address(act_address), .word(a_word),
      .sum_read(sum_read.read), .sum_bank(sum_read.act_bank), .sums(a_sums), .error(act_error)
  );

  // Compute: control -> buffers -> register -> array -> store -> drain.
  qmm_control #(
      .OUTPUTS(OUTPUTS),
      .RESULT_TILES(RESULT_TILES),
      .A_ADDRESS_BITS(A_ADDRESS_BITS),
      .W_ADDRESS_BITS(W_ADDRESS_BITS),
      .TILE_BITS(TILE_BITS)
  ) u_control (
      .clk,
      .rst_n,
      .job_valid(compute_valid),
      .job_ready(compute_ready),
      .job(compute_job),
      .act_loaded(a_loaded),
      .weight_loaded(w_loaded),
      .kv_loaded,
      .result_freed,
      .step(issued),
      .act_address,
      .weight_address,
      .tile(output_tile),
      .act_bank(a_bank),
      .weight_bank(w_bank),
      .kv_bank,
      .on_chip,
      .act_release(a_release),
      .weight_release(w_release),
      .kv_release,
      .taking,
      .wait_weight,
      .wait_act
  );
  qmm_compute #(
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .ACC_BITS(ACC_BITS),
      .ACT_SUM_BITS(A_SUM_BITS),
      .WEIGHT_SUM_BITS(WEIGHT_SUM_BITS),
      .OUT_LANES(OUT_LANES),
      .RESULT_TILES(RESULT_TILES),
      .STRUCTURAL(STRUCTURAL)
  ) u_compute (
      .clk,
      .rst_n,
      .issued,
      .act_word(a_word),
      .weight_word(w_word),
      .act_sum(a_sums),
      .weight_sum(w_sums),
      .result_freed,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tlast
  );
endmodule
