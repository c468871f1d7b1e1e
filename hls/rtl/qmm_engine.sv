// SPDX-License-Identifier: Apache-2.0
// QMM engine: exact integer matrix products over bit planes, acc[t][o] = sum_i a[t][i] * w[o][i]
// (docs/numerics.md, "Weights and matrix products"). Sources: binarized dot products by popcount
// (XNOR-Net, FINN); two {-1,+1}/{0,1} encodings on one popcount path (COBRA); the rest is ours.
//
// MATHS. An operand is planes of bits; plane p weighs 2^p. Per job, each side has a kind (qmm_pkg):
//   activation: unsigned k bits, signed two's complement k bits, or {-1,+1} (one plane)
//   weight:     the same (so activation x activation works), or ternary (planes P, N; w = P - N)
// One AND-popcount array serves all of them; qmm_array.sv has the formula.
//
// PARALLELISM. Each clock one step: TOKENS x OUTPUTS units, each A_PLANES x W_PLANES popcounts of
// SIMD bits. More planes than that take more steps. II = 1 step per clock.
//
// BEAT PROTOCOL: in qmm_pkg.sv, beside the config beat.
//
// CYCLES, without stalls, from the first clock with TVALID on both inputs to the last result beat
// taken, both counted. For job j with nt token tiles and no output tiles:
//   W = no*gw*kw*OUTPUTS*W_PLANES/W_LANES        weight beats    gw, ga = plane groups
//   A = ga*kw*TOKENS*A_PLANES/A_LANES            activation beats of a token tile
//   c = ga*gw*kw                                 steps of an output tile
//   d = TOKENS*OUTPUTS/OUT_LANES                 result beats of an output tile
//   s = max(c, d)                                clocks from one output tile to the next
// Clocks at which things are complete (those before the first job: -infinity, but cfg_0 = 1):
//   cfg_j  = max(wdone_{j-1}, end of job j-2)                    config taken
//   wdone_j = cfg_j + 1 + W                                      weights loaded
//   load_n = max(load_{n-1}, cfg_j + 1, end_{n-2}) + A           token tile n loaded, n over all jobs
//   end_n  = max(max(end_{n-1}, load_n, wdone_j) + c, end_{n-1} + d) + (no-1)*s
//   total  = end_last + d + 4
// One job whose token tiles compute at least as long as they load (no*s >= A):
//   total  = max(W, A) + (nt*no-1)*s + c + d + 6
// hls/qmm_protocol.py computes this (qmm_cycles); tests hold the simulation to it.
module qmm_engine
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,    // tokens in parallel, >= 1
    parameter int unsigned OUTPUTS,   // outputs in parallel, >= 1
    parameter int unsigned SIMD,      // bits of a word of one plane, >= 2
    parameter int unsigned A_PLANES,  // activation planes in parallel, 1..A_BITS
    parameter int unsigned W_PLANES,  // weight planes in parallel, 1..W_BITS
    parameter int unsigned A_BITS,    // most activation planes of a job, 1..8
    parameter int unsigned W_BITS,    // most weight planes of a job, 1..8
    parameter int unsigned ACC_BITS,  // accumulator width; checked against the worst product
    parameter int unsigned K_WORDS,   // most words of a row
    parameter int unsigned A_WORDS,   // activation words of a token tile: >= groups * words
    parameter int unsigned W_WORDS,   // weight words of a job: >= output tiles * groups * words
    parameter int unsigned A_LANES,   // words per activation beat, divides TOKENS * A_PLANES
    parameter int unsigned W_LANES,   // words per weight beat, divides OUTPUTS * W_PLANES
    parameter int unsigned OUT_LANES, // results per output beat, divides TOKENS * OUTPUTS
`ifdef SYNTHESIS
    parameter bit          STRUCTURAL = 1'b1  // popcount form, see popcount.sv
`else
    parameter bit          STRUCTURAL = 1'b0
`endif
) (
    input  logic                    clk,
    input  logic                    rst_n,        // synchronous, active low
    input  logic                    s_axis_w_tvalid,
    output logic                    s_axis_w_tready,
    input  logic [W_LANES*SIMD-1:0] s_axis_w_tdata,
    input  logic                    s_axis_w_tlast,
    input  logic                    s_axis_a_tvalid,
    output logic                    s_axis_a_tready,
    input  logic [A_LANES*SIMD-1:0] s_axis_a_tdata,
    input  logic                    s_axis_a_tlast,
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready,
    output logic [OUT_LANES*32-1:0] m_axis_tdata,
    output logic                    m_axis_tlast,
    output logic [2:0]              error_code
);
  localparam int unsigned W_SLICES = OUTPUTS * W_PLANES / W_LANES;
  localparam int unsigned A_SLICES = TOKENS * A_PLANES / A_LANES;
  localparam int unsigned W_ADDRESS_BITS = $clog2(W_WORDS);
  localparam int unsigned A_ADDRESS_BITS = $clog2(A_WORDS);
  localparam int unsigned W_SLICE_BITS = (W_SLICES > 1) ? $clog2(W_SLICES) : 1;
  localparam int unsigned A_SLICE_BITS = (A_SLICES > 1) ? $clog2(A_SLICES) : 1;
  localparam longint unsigned WORST = 64'(K_WORDS) * 64'(SIMD) * 64'(2 ** A_BITS - 1) * 64'(2 ** W_BITS - 1);

  if (TOKENS < 1 || OUTPUTS < 1 || SIMD < 2) begin : g_check_shape
    $error("qmm_engine: TOKENS %0d, OUTPUTS %0d must be >= 1 and SIMD %0d >= 2", TOKENS, OUTPUTS, SIMD);
  end
  if (A_BITS < 1 || A_BITS > 8 || W_BITS < 1 || W_BITS > 8) begin : g_check_bits
    $error("qmm_engine: A_BITS %0d and W_BITS %0d must be 1..8", A_BITS, W_BITS);
  end
  if (A_PLANES < 1 || A_PLANES > A_BITS || W_PLANES < 1 || W_PLANES > W_BITS) begin : g_check_planes
    $error("qmm_engine: A_PLANES %0d must be 1..%0d and W_PLANES %0d 1..%0d", A_PLANES, A_BITS, W_PLANES, W_BITS);
  end
  if (ACC_BITS > 32 || 64'(ACC_BITS) < 64'($clog2(WORST + 1)) + 1) begin : g_check_acc
    $error("qmm_engine: ACC_BITS %0d must be %0d..32 for K_WORDS %0d, SIMD %0d, A_BITS %0d, W_BITS %0d",
           ACC_BITS, $clog2(WORST + 1) + 1, K_WORDS, SIMD, A_BITS, W_BITS);
  end
  if (K_WORDS < 1 || K_WORDS > 65535 || A_WORDS < 2 || W_WORDS < 2) begin : g_check_words
    $error("qmm_engine: K_WORDS %0d must be 1..65535, A_WORDS %0d and W_WORDS %0d >= 2", K_WORDS, A_WORDS, W_WORDS);
  end
  if ((TOKENS * A_PLANES) % A_LANES != 0 || (OUTPUTS * W_PLANES) % W_LANES != 0) begin : g_check_lanes
    $error("qmm_engine: A_LANES %0d must divide %0d and W_LANES %0d must divide %0d",
           A_LANES, TOKENS * A_PLANES, W_LANES, OUTPUTS * W_PLANES);
  end
  if ((TOKENS * OUTPUTS) % OUT_LANES != 0) begin : g_check_out_lanes
    $error("qmm_engine: OUT_LANES %0d must divide %0d", OUT_LANES, TOKENS * OUTPUTS);
  end
  if (W_LANES * SIMD < 128) begin : g_check_config
    $error("qmm_engine: a weight beat of %0d bits cannot hold the 128-bit config", W_LANES * SIMD);
  end

  // Error: the first one stays until reset.
  error_t error_q, weight_error, act_error;
  logic halt;
  assign halt       = error_q != ERROR_NONE;
  assign error_code = error_q;
  always_ff @(posedge clk) begin
    if (!rst_n) error_q <= ERROR_NONE;
    else if (!halt) error_q <= (weight_error != ERROR_NONE) ? weight_error : act_error;
  end

  // Weights.
  logic w_valid, w_ready, w_last, w_write, w_write_bank;
  logic [W_LANES*SIMD-1:0] w_data;
  logic [W_ADDRESS_BITS-1:0] w_write_address, weight_address;
  logic [W_SLICE_BITS-1:0] w_write_slice;
  config_t [1:0] job;
  logic [1:0] job_known, job_loaded;
  logic job_bank, job_done, tile_bank, tile_done, enable;
  logic [OUTPUTS-1:0][W_PLANES-1:0][SIMD-1:0] weight;

  axis_skid #(.WIDTH(W_LANES * SIMD + 1)) u_weight_slice (
      .clk,
      .rst_n,
      .in_valid (s_axis_w_tvalid),
      .in_ready (s_axis_w_tready),
      .in_data  ({s_axis_w_tlast, s_axis_w_tdata}),
      .out_valid(w_valid),
      .out_ready(w_ready),
      .out_data ({w_last, w_data})
  );

  weight_loader #(
      .SIMD(SIMD),
      .SLICES(W_SLICES),
      .WORDS(W_WORDS),
      .W_PLANES(W_PLANES),
      .A_BITS(A_BITS),
      .W_BITS(W_BITS),
      .K_WORDS(K_WORDS)
  ) u_weight_loader (
      .clk,
      .rst_n,
      .halt,
      .beat_valid(w_valid),
      .beat_ready(w_ready),
      .config_beat(w_data[127:0]),
      .beat_last(w_last),
      .release_job(job_done),
      .release_bank(job_bank),
      .job,
      .known(job_known),
      .loaded(job_loaded),
      .write(w_write),
      .write_bank(w_write_bank),
      .write_address(w_write_address),
      .write_slice(w_write_slice),
      .error(weight_error)
  );

  tile_buffer #(
      .BEAT_BITS(W_LANES * SIMD),
      .SLICES(W_SLICES),
      .WORDS(W_WORDS)
  ) u_weight_buffer (
      .clk,
      .write(w_write),
      .write_bank(w_write_bank),
      .write_address(w_write_address),
      .write_slice(w_write_slice),
      .write_data(w_data),
      .read(enable),
      .read_bank(job_bank),
      .read_address(weight_address),
      .word(weight)
  );

  // Activations.
  logic a_valid, a_ready, a_last, a_write, a_write_bank, a_job_bank;
  logic [A_LANES*SIMD-1:0] a_data;
  logic [A_ADDRESS_BITS-1:0] a_write_address, act_address;
  logic [A_SLICE_BITS-1:0] a_write_slice;
  logic [1:0] tile_loaded;
  logic [TOKENS-1:0][A_PLANES-1:0][SIMD-1:0] act;

  axis_skid #(.WIDTH(A_LANES * SIMD + 1)) u_act_slice (
      .clk,
      .rst_n,
      .in_valid (s_axis_a_tvalid),
      .in_ready (s_axis_a_tready),
      .in_data  ({s_axis_a_tlast, s_axis_a_tdata}),
      .out_valid(a_valid),
      .out_ready(a_ready),
      .out_data ({a_last, a_data})
  );

  act_loader #(
      .SLICES(A_SLICES),
      .WORDS(A_WORDS),
      .A_PLANES(A_PLANES)
  ) u_act_loader (
      .clk,
      .rst_n,
      .halt,
      .beat_valid(a_valid),
      .beat_ready(a_ready),
      .beat_last(a_last),
      .job_bank(a_job_bank),
      .job_known(job_known[a_job_bank]),
      .act_planes(job[a_job_bank].act_planes),
      .k_words(job[a_job_bank].k_words),
      .token_tiles(job[a_job_bank].token_tiles),
      .release_tile(tile_done),
      .release_bank(tile_bank),
      .loaded(tile_loaded),
      .write(a_write),
      .write_bank(a_write_bank),
      .write_address(a_write_address),
      .write_slice(a_write_slice),
      .error(act_error)
  );

  tile_buffer #(
      .BEAT_BITS(A_LANES * SIMD),
      .SLICES(A_SLICES),
      .WORDS(A_WORDS)
  ) u_act_buffer (
      .clk,
      .write(a_write),
      .write_bank(a_write_bank),
      .write_address(a_write_address),
      .write_slice(a_write_slice),
      .write_data(a_data),
      .read(enable),
      .read_bank(tile_bank),
      .read_address(act_address),
      .word(act)
  );

  // Compute: control -> buffers -> array -> results. `enable` holds all of it while the results
  // of one tile wait for those of the tile before to leave.
  step_t issued, step;
  logic done, done_job_last, done_act_bipolar, done_weight_bipolar, can_load;
  logic [31:0] done_k_bits;
  logic signed [TOKENS-1:0][OUTPUTS-1:0][ACC_BITS-1:0] total;
  logic signed [TOKENS-1:0][ACC_BITS-1:0] act_total;
  logic signed [OUTPUTS-1:0][ACC_BITS-1:0] weight_total;

  assign enable = !done || can_load;

  qmm_control #(
      .A_PLANES(A_PLANES),
      .W_PLANES(W_PLANES),
      .RESULT_BEATS(TOKENS * OUTPUTS / OUT_LANES),
      .A_ADDRESS_BITS(A_ADDRESS_BITS),
      .W_ADDRESS_BITS(W_ADDRESS_BITS)
  ) u_control (
      .clk,
      .rst_n,
      .enable,
      .ready(job_loaded[job_bank] && tile_loaded[tile_bank]),
      .job(job[job_bank]),
      .step(issued),
      .act_address,
      .weight_address,
      .tile_done,
      .job_done
  );

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      job_bank  <= 1'b0;
      tile_bank <= 1'b0;
      step      <= '0;
    end else begin
      if (job_done) job_bank <= !job_bank;
      if (tile_done) tile_bank <= !tile_bank;
      if (enable) step <= issued;
    end
  end

  qmm_array #(
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .A_PLANES(A_PLANES),
      .W_PLANES(W_PLANES),
      .ACC_BITS(ACC_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_array (
      .clk,
      .rst_n,
      .enable,
      .step,
      .act,
      .weight,
      .done,
      .done_job_last,
      .done_act_bipolar,
      .done_weight_bipolar,
      .done_k_bits,
      .total,
      .act_total,
      .weight_total
  );

  // Results.
  logic r_valid, r_ready, r_last;
  logic [OUT_LANES*32-1:0] r_data;

  result_drain #(
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .ACC_BITS(ACC_BITS),
      .LANES(OUT_LANES)
  ) u_drain (
      .clk,
      .rst_n,
      .load(done),
      .can_load,
      .job_last(done_job_last),
      .act_bipolar(done_act_bipolar),
      .weight_bipolar(done_weight_bipolar),
      .k_bits(done_k_bits),
      .total,
      .act_total,
      .weight_total,
      .beat_valid(r_valid),
      .beat_ready(r_ready),
      .beat_data(r_data),
      .beat_last(r_last)
  );

  axis_skid #(
      .WIDTH(OUT_LANES * 32 + 1)
  ) u_result_slice (
      .clk,
      .rst_n,
      .in_valid (r_valid),
      .in_ready (r_ready),
      .in_data  ({r_last, r_data}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );
endmodule
