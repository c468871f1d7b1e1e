// SPDX-License-Identifier: Apache-2.0
// Module MHA: for each work item (one layer of one sequence) rows h in, LN(h + O(attention(h))) rows out, all in
// integers (docs/numerics.md). Source: ours.
//
//   s_work -> work_intake -> mha_sequencer -> jobs Q, K, V, S0, S1, C0, ..., O -> queues of all stages
//   rows   -> work_intake -> entry -> x planes, h rows
//   mha_buffers (x q P ctx, K V^T) -> qmm_engine -> result_router -> head_results -> q, K, V^T, ctx
//                                                                -> score_path   -> P
//                                                                -> module_tail  -> m_rows
//   m_axi  -> module_memory -> weights, constants; control's header while `reading`
// ROWS: LANES int16 a beat, true rows ascending; an item's come from s_input (from_input) or s_back.
// WORK: m_work announces the item to FFN when its first row comes in. Items overlap: rows of the next one come in
// and its weights are read while this one computes.
// HAZARDS. The engine's products are in job order: a result of job j leaves after all operands of the jobs before j
// have gone into the engine, which loads whole token tiles and whole K_h, V_h before it computes on them. So
// one side is enough where the next writer's product comes after the last reader's: q, K (read by S, written by the
// next item's Q, K), V^T (C; next V), ctx (O; next C0). P of head h is written by S(h), after C(h-2), which read
// the same side. Loading ahead moves reads forward alone. The other way round, feeders count the writers' jobs
// and rows (plane_pkg::progress_t). x and h, which the entry writes ahead, have two sides and wait: x is given back
// by V's last read, h by the residual's.
// `error_code`: registers_pkg::ERR_* until reset. STATUS, for the counters: `busy` from an item's first row in to
// its last one out; `taking`, `wait_weight`: qmm_engine.sv; the array stands otherwise while `stall_softmax`
// probabilities are awaited or scores not taken, `stall_ln` VU or LN holds results.
module bat_mha
  import bat_pkg::*;
  import module_pkg::*;
  import plane_pkg::*;
  import registers_pkg::*;
#(
    parameter int unsigned TOKENS,        // token rows in parallel, >= 1
    parameter int unsigned OUTPUTS,       // output columns in parallel, a power of two >= 8
    parameter int unsigned SIMD,          // bits of a dot-product unit, a power of two, 64..512
    parameter int unsigned LANES,         // values of a beat of rows and of LN, a power of two
    parameter int unsigned VU_LANES,      // of VU, a multiple of LANES
    parameter int unsigned QU_LANES,      // results a clock, and QU's, a multiple of VU_LANES; PARTS * QU_LANES divides OUTPUTS
    parameter int unsigned SOFTMAX_LANES, // of softmax, divides QU_LANES
    parameter int unsigned PARTS,         // 2: WTWS and ternary weights are built
    parameter int unsigned A_TOKENS,      // token rows read from a buffer in a clock, a power of two, divides TOKENS
    parameter int unsigned RESULT_TILES,  // finished tiles that wait behind the engine, >= 2
    parameter int unsigned V_CHANNELS,    // channels of V^T written at once, a power of two, at most 8 and QU_LANES
    parameter int unsigned LUT_WORDS,     // of a table of constants that is LUT memory and no block RAM, at most
    parameter int unsigned MAX_BITS,      // of an activation, 1..8
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_HEAD,      // channels of one head, for the engine's K/V buffer
    parameter int unsigned MAX_HEADS,
    parameter int unsigned BUS_BITS       // of a memory beat, a power of two, 64..512
) (
    input  logic                clk,
    input  logic                rst_n,            // synchronous, active low
    input  program_t            shape,            // stable while there are work items
    input  logic                stop,             // no new bursts
    output logic                reader_idle,      // no burst is in flight
    input  logic                reading,          // control has the reader
    input  logic                s_read_valid,
    output logic                s_read_ready,
    input  read_t               s_read,
    output logic                m_read_valid,
    input  logic                m_read_ready,
    output logic [BUS_BITS-1:0] m_read_data,
    input  logic                s_work_valid,
    output logic                s_work_ready,
    input  work_t               s_work,
    output logic                m_work_valid,
    input  logic                m_work_ready,
    output work_t               m_work,
    input  logic                s_input_valid,
    output logic                s_input_ready,
    input  logic [16*LANES-1:0] s_input_data,
    input  logic                s_back_valid,
    output logic                s_back_ready,
    input  logic [16*LANES-1:0] s_back_data,
    output logic                m_rows_valid,
    input  logic                m_rows_ready,
    output logic [16*LANES-1:0] m_rows_data,
    output logic                m_axi_arvalid,
    input  logic                m_axi_arready,
    output logic [63:0]         m_axi_araddr,
    output logic [7:0]          m_axi_arlen,
    output logic [2:0]          m_axi_arsize,
    output logic [1:0]          m_axi_arburst,
    output logic [3:0]          m_axi_arcache,
    output logic [2:0]          m_axi_arprot,
    input  logic                m_axi_rvalid,
    output logic                m_axi_rready,
    input  logic [BUS_BITS-1:0] m_axi_rdata,
    input  logic [1:0]          m_axi_rresp,
    input  logic                m_axi_rlast,
    output logic [31:0]         error_code,
    output logic                saturated_valid,
    output logic [31:0]         saturated,        // values that saturation changed, to be added up
    output logic                busy,
    output logic                taking,
    output logic                wait_weight,
    output logic                stall_softmax,
    output logic                stall_ln
);
  localparam int unsigned ITEMS = 4;  // work items that wait at one place
  localparam int unsigned JOBS = 2 * MAX_HEADS + 4;  // that wait at one stage: O's weights are read while the heads compute
  localparam int unsigned HIDDEN_WORDS = up(MAX_HIDDEN, SIMD);
  localparam int unsigned TOKEN_WORDS = up(MAX_TOKENS, SIMD);
  localparam int unsigned K_WORDS = larger(HIDDEN_WORDS, TOKEN_WORDS);  // a single head is as wide as the model
  localparam int unsigned ACC_BITS = acc_bits(K_WORDS * SIMD, MAX_BITS, MAX_BITS);
  localparam int unsigned W_WORDS = PARTS * up(MAX_HIDDEN, OUTPUTS) * HIDDEN_WORDS;
  localparam int unsigned KV_WORDS = MAX_BITS * larger(up(MAX_TOKENS, OUTPUTS) * up(MAX_HEAD, SIMD), up(MAX_HEAD, OUTPUTS) * TOKEN_WORDS);
  localparam int unsigned KV_BITS = 64 * ((QU_LANES < 8) ? QU_LANES : 8);
  localparam int unsigned V_SEGMENT = power_of_two_in(TOKENS);
  localparam int unsigned SCORE_BITS = $clog2(MAX_HIDDEN * 2 ** (2 * MAX_BITS - 2) + 1) + 1;

  // Work items and their rows.
  logic item_valid, item_ready, start_valid, start_ready, row_valid, row_ready, row_last;
  work_t item, start, next;
  logic [16*LANES-1:0] row;
  work_intake #(
      .LANES(LANES), .DEPTH(ITEMS)
  ) u_intake (
      .clk, .rst_n, .row_words(shape.hidden / 16'(LANES)), .s_work_valid, .s_work_ready, .s_work,
      .m_item_valid(item_valid), .m_item_ready(item_ready), .m_item(item),
      .m_start_valid(start_valid), .m_start_ready(start_ready), .m_start(start),
      .s_input_valid, .s_input_ready, .s_input_data, .s_back_valid, .s_back_ready, .s_back_data,
      .m_rows_valid(row_valid), .m_rows_ready(row_ready), .m_rows_data(row), .m_rows_last(row_last)
  );

  // An item that starts is announced; `open` have not ended.
  logic begins, ends, rows_last;
  logic [2:0] unused_next;
  logic [7:0] open;
  assign begins = start_valid && start_ready;
  assign ends   = m_rows_valid && m_rows_ready && rows_last;
  assign busy   = open != '0;
  always_comb begin
    next            = start;
    next.from_input = 1'b0;
  end
  sync_fifo #(
      .WIDTH($bits(work_t)), .DEPTH(ITEMS), .REGISTERED(1'b1)
  ) u_next (
      .clk, .rst_n, .in_valid(start_valid), .in_ready(start_ready), .in_data(next),
      .out_valid(m_work_valid), .out_ready(m_work_ready), .out_data(m_work), .count(unused_next)
  );
  always_ff @(posedge clk) begin
    if (!rst_n) open <= '0;
    else open <= open + 8'(begins) - 8'(ends);
  end

  // Sequencer and job queues.
  localparam int unsigned COPIES = 9;
  localparam int unsigned TO_ENGINE = 0, TO_FEEDER = 1, TO_ROUTER = 2, TO_QU_FEED = 3, TO_RESULTS = 4;
  localparam int unsigned TO_VU_FEED = 5, TO_TAIL = 6, TO_KV = 7, TO_SCORES = 8;
  localparam logic [7:0] SCORES = 8'd1 << TO_SOFTMAX;
  localparam logic [7:0] RESIDUAL = 8'd1 << TO_RESIDUAL;
  localparam logic [7:0] CONTEXT = 8'd1 << TO_CTX;
  localparam logic [7:0] QUANTIZED = 8'd1 << TO_Q | 8'd1 << TO_K | 8'd1 << TO_V | CONTEXT;
  localparam logic [7:0] ALL = QUANTIZED | SCORES | RESIDUAL;
  logic read_valid, read_ready, descriptor_valid, descriptor_ready, entry_valid, entry_ready;
  logic job_valid, job_ready, norm_valid, norm_ready, head_valid, head_ready, unused_idle, memory_last;
  logic [3:0] fault;
  logic [COPIES-1:0] copy_valid, copy_ready;
  read_t read;
  entry_t entry_item;
  job_t job;
  job_t [COPIES-1:0] copy;
  softmax_pkg::config_t head_config;
  vector_pkg::norm_job_t norm;
  logic [BUS_BITS-1:0] memory_data;
  mha_sequencer #(
      .BUS_BITS(BUS_BITS), .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .LANES(LANES), .MAX_BITS(MAX_BITS), .PARTS(PARTS)
  ) u_sequencer (
      .clk, .rst_n, .shape, .work_valid(item_valid), .work_ready(item_ready), .work(item),
      .read_valid, .read_ready, .read,
      .in_valid(descriptor_valid), .in_ready(descriptor_ready), .in_data(memory_data), .in_last(memory_last),
      .entry_valid, .entry_ready, .entry(entry_item), .job_valid, .job_ready, .job,
      .softmax_valid(head_valid), .softmax_ready(head_ready), .softmax(head_config),
      .norm_valid, .norm_ready, .norm, .idle(unused_idle), .fault
  );
  job_broadcast #(
      .COPIES(COPIES), .DEPTH(JOBS),
      .TARGETS({SCORES, SCORES | CONTEXT, RESIDUAL, RESIDUAL, QUANTIZED, QUANTIZED, ALL, ALL, ALL})
  ) u_jobs (
      .clk, .rst_n, .job_valid, .job_ready, .job, .out_valid(copy_valid), .out_ready(copy_ready), .out_job(copy)
  );

  // Memory.
  logic bus_error, weight_valid, weight_ready;
  logic qu_c_valid, qu_c_ready, qu_c_last, vu_c_valid, vu_c_ready, vu_c_last, ln_c_valid, ln_c_ready, ln_c_last;
  logic [127:0] qu_c, vu_c, ln_c;
  module_memory #(
      .BUS_BITS(BUS_BITS), .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .QU_LANES(QU_LANES), .VU_LANES(VU_LANES)
  ) u_memory (
      .clk, .rst_n, .stop, .idle(reader_idle), .bus_error,
      .reading, .s_header_valid(s_read_valid), .s_header_ready(s_read_ready), .s_header(s_read),
      .m_header_valid(m_read_valid), .m_header_ready(m_read_ready),
      .s_read_valid(read_valid), .s_read_ready(read_ready), .s_read(read),
      .m_descriptor_valid(descriptor_valid), .m_descriptor_ready(descriptor_ready),
      .m_weight_valid(weight_valid), .m_weight_ready(weight_ready), .m_data(memory_data), .m_last(memory_last),
      .s_qu_valid(copy_valid[TO_QU_FEED]), .s_qu_ready(copy_ready[TO_QU_FEED]), .s_qu(copy[TO_QU_FEED]),
      .s_vu_valid(copy_valid[TO_VU_FEED]), .s_vu_ready(copy_ready[TO_VU_FEED]), .s_vu(copy[TO_VU_FEED]),
      .s_norm_valid(norm_valid), .s_norm_ready(norm_ready), .s_norm(norm),
      .m_qu_tvalid(qu_c_valid), .m_qu_tready(qu_c_ready), .m_qu_tdata(qu_c), .m_qu_tlast(qu_c_last),
      .m_vu_tvalid(vu_c_valid), .m_vu_tready(vu_c_ready), .m_vu_tdata(vu_c), .m_vu_tlast(vu_c_last),
      .m_ln_tvalid(ln_c_valid), .m_ln_tready(ln_c_ready), .m_ln_tdata(ln_c), .m_ln_tlast(ln_c_last),
      .m_axi_arvalid, .m_axi_arready, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arcache, .m_axi_arprot, .m_axi_rvalid, .m_axi_rready, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast
  );
  assign m_read_data = memory_data;

  // Entry and buffers. Index of the writes: act_source_t.
  localparam int unsigned X = 32'(ACT_X), Q = 32'(ACT_Q), P = 32'(ACT_P), CTX = 32'(ACT_CTX);
  logic x_free, h_free, h_write, h_side, k_write, v_write;
  logic [3:0] write, write_side;
  logic [3:0][15:0] write_row, write_segment;
  logic [3:0][MAX_BITS-1:0][QU_LANES-1:0] write_data;
  logic [MAX_BITS-1:0][LANES-1:0] x_data;
  logic [MAX_BITS-1:0][SOFTMAX_LANES-1:0] p_data;
  logic [15:0] h_row, h_word, k_row, k_segment, v_row, v_segment;
  logic [MAX_BITS-1:0][QU_LANES-1:0] k_data;
  logic [V_CHANNELS-1:0][MAX_BITS-1:0][V_SEGMENT-1:0] v_data;
  logic [16*LANES-1:0] h_data;
  progress_t [3:0] progress;
  progress_t h_progress, k_progress, v_progress;
  logic a_valid, a_ready, a_last, kv_valid, kv_ready, kv_last;
  logic [A_TOKENS*SIMD-1:0] a_data;
  logic [KV_BITS-1:0] kv_data;
  logic [2:0] entry_error, qu_error, engine_error;
  entry #(
      .LANES(LANES), .PLANES(MAX_BITS)
  ) u_entry (
      .clk, .rst_n, .item_valid(entry_valid), .item_ready(entry_ready), .item_in(entry_item),
      .s_axis_tvalid(row_valid), .s_axis_tready(row_ready), .s_axis_tdata(row), .s_axis_tlast(row_last),
      .x_free, .h_free, .x_write(write[X]), .x_write_side(write_side[X]), .x_write_row(write_row[X]),
      .x_write_segment(write_segment[X]), .x_write_data(x_data), .x_progress(progress[X]),
      .h_write, .h_write_side(h_side), .h_write_row(h_row), .h_write_word(h_word), .h_write_data(h_data),
      .h_progress, .error_code(entry_error)
  );
  for (genvar b = 0; b < MAX_BITS; b++) begin : g_plane
    assign write_data[X][b] = QU_LANES'(x_data[b]);
    assign write_data[P][b] = QU_LANES'(p_data[b]);
  end
  assign write_side[Q]   = 1'b0;
  assign write_side[CTX] = 1'b0;
  mha_buffers #(
      .TOKENS(TOKENS), .SIMD(SIMD), .LANES(LANES), .QU_LANES(QU_LANES), .SOFTMAX_LANES(SOFTMAX_LANES),
      .A_TOKENS(A_TOKENS), .PLANES(MAX_BITS), .MAX_TOKENS(MAX_TOKENS),
      .MAX_HIDDEN(MAX_HIDDEN), .HEAD_WORDS(head_words(MAX_HIDDEN, MAX_HEADS, SIMD)), .V_SEGMENT(V_SEGMENT),
      .V_CHANNELS(V_CHANNELS), .KV_BITS(KV_BITS)
  ) u_buffers (
      .clk, .rst_n,
      .act_valid(copy_valid[TO_FEEDER]), .act_ready(copy_ready[TO_FEEDER]), .act_job(copy[TO_FEEDER]),
      .kv_valid(copy_valid[TO_KV]), .kv_ready(copy_ready[TO_KV]), .kv_job(copy[TO_KV]),
      .write, .write_side, .write_row, .write_segment, .write_data, .progress,
      .k_write, .k_row, .k_segment, .k_data, .k_progress, .v_write, .v_row, .v_segment, .v_data, .v_progress,
      .x_free,
      .m_axis_a_tvalid(a_valid), .m_axis_a_tready(a_ready), .m_axis_a_tdata(a_data), .m_axis_a_tlast(a_last),
      .m_axis_kv_tvalid(kv_valid), .m_axis_kv_tready(kv_ready), .m_axis_kv_tdata(kv_data), .m_axis_kv_tlast(kv_last)
  );

  // Engine and its results.
  logic out_valid, out_ready, wait_act, unused_last, result_last;
  logic to_qu_valid, to_qu_ready, to_vu_valid, to_vu_ready, score_valid, score_ready;
  logic [QU_LANES*32-1:0] out_data;
  logic [QU_LANES-1:0][ACC_BITS-1:0] score;
  logic [QU_LANES-1:0][PARTS-1:0][ACC_BITS-1:0] result;
  qmm_engine #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .A_BITS(MAX_BITS), .W_BITS(MAX_BITS), .ACC_BITS(ACC_BITS),
      .K_WORDS(HIDDEN_WORDS), .KV_K_WORDS(K_WORDS), .A_WORDS(larger(MAX_BITS * K_WORDS, 2)),
      .W_WORDS(larger(W_WORDS, 2)), .KV_WORDS(larger(KV_WORDS, 2)), .W_TILES(PARTS * up(MAX_HIDDEN, OUTPUTS)),
      .KV_TILES(larger(up(MAX_TOKENS, OUTPUTS), up(MAX_HEAD, OUTPUTS))), .BUS_BITS(BUS_BITS), .KV_BITS(KV_BITS),
      .A_TOKENS(A_TOKENS), .OUT_LANES(QU_LANES), .RESULT_TILES(RESULT_TILES), .JOBS(JOBS)
  ) u_engine (
      .clk, .rst_n, .s_job_tvalid(copy_valid[TO_ENGINE]), .s_job_tready(copy_ready[TO_ENGINE]),
      .s_job_tdata(engine_job(copy[TO_ENGINE])),
      .s_axis_w_tvalid(weight_valid), .s_axis_w_tready(weight_ready), .s_axis_w_tdata(memory_data), .s_axis_w_tlast(memory_last),
      .s_axis_kv_tvalid(kv_valid), .s_axis_kv_tready(kv_ready), .s_axis_kv_tdata(kv_data), .s_axis_kv_tlast(kv_last),
      .s_axis_a_tvalid(a_valid), .s_axis_a_tready(a_ready), .s_axis_a_tdata(a_data), .s_axis_a_tlast(a_last),
      .m_axis_tvalid(out_valid), .m_axis_tready(out_ready), .m_axis_tdata(out_data), .m_axis_tlast(unused_last),
      .taking, .wait_weight, .wait_act, .error_code(engine_error)
  );
  result_router #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .LANES(QU_LANES), .PARTS(PARTS), .ACC_BITS(ACC_BITS), .JOBS(JOBS)
  ) u_router (
      .clk, .rst_n, .job_valid(copy_valid[TO_ROUTER]), .job_ready(copy_ready[TO_ROUTER]), .job(copy[TO_ROUTER]),
      .s_axis_tvalid(out_valid), .s_axis_tready(out_ready), .s_axis_tdata(out_data),
      .m_qu_valid(to_qu_valid), .m_qu_ready(to_qu_ready), .m_vu_valid(to_vu_valid), .m_vu_ready(to_vu_ready),
      .m_softmax_valid(score_valid), .m_softmax_ready(score_ready), .m_data(result), .m_scores(score),
      .m_last(result_last)
  );

  // Q, K, V and contexts: to the buffers.
  head_results #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .LANES(QU_LANES), .PARTS(PARTS), .ACC_BITS(ACC_BITS),
      .MAX_HIDDEN(MAX_HIDDEN), .PLANES(MAX_BITS), .V_SEGMENT(V_SEGMENT), .V_CHANNELS(V_CHANNELS), .LUT_WORDS(LUT_WORDS)
  ) u_results (
      .clk, .rst_n, .job_valid(copy_valid[TO_RESULTS]), .job_taken(copy_ready[TO_RESULTS]), .job(copy[TO_RESULTS]),
      .s_axis_c_tvalid(qu_c_valid), .s_axis_c_tready(qu_c_ready), .s_axis_c_tdata(qu_c), .s_axis_c_tlast(qu_c_last),
      .s_axis_a_tvalid(to_qu_valid), .s_axis_a_tready(to_qu_ready), .s_axis_a_tdata(result),
      .s_axis_a_tlast(result_last),
      .write({write[CTX], k_write, write[Q]}), .write_row({write_row[CTX], k_row, write_row[Q]}),
      .write_segment({write_segment[CTX], k_segment, write_segment[Q]}),
      .write_data({write_data[CTX], k_data, write_data[Q]}), .progress({progress[CTX], k_progress, progress[Q]}),
      .v_write, .v_row, .v_segment, .v_data, .v_progress, .error_code(qu_error)
  );

  // Scores to probabilities.
  logic probs_wait, score_error;
  score_path #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .QU_LANES(QU_LANES), .LANES(SOFTMAX_LANES), .ACC_BITS(ACC_BITS),
      .PLANES(MAX_BITS), .MAX_TOKENS(MAX_TOKENS), .SCORE_BITS(SCORE_BITS), .JOBS(JOBS)
  ) u_scores (
      .clk, .rst_n, .job_valid(copy_valid[TO_SCORES]), .job_ready(copy_ready[TO_SCORES]), .job(copy[TO_SCORES]),
      .config_valid(head_valid), .config_ready(head_ready), .head_config,
      .s_axis_tvalid(score_valid), .s_axis_tready(score_ready), .s_axis_tdata(score),
      .write(write[P]), .write_side(write_side[P]), .write_row(write_row[P]),
      .write_segment(write_segment[P]), .write_data(p_data), .progress(progress[P]),
      .waiting(probs_wait), .error(score_error)
  );

  // O's results to rows.
  logic tail_error;
  module_tail #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .QU_LANES(QU_LANES), .VU_LANES(VU_LANES), .LANES(LANES), .PARTS(PARTS),
      .ACC_BITS(ACC_BITS), .MAX_TOKENS(MAX_TOKENS), .MAX_HIDDEN(MAX_HIDDEN), .JOBS(ITEMS), .LUT_WORDS(LUT_WORDS)
  ) u_tail (
      .clk, .rst_n, .job_valid(copy_valid[TO_TAIL]), .job_ready(copy_ready[TO_TAIL]), .job(copy[TO_TAIL]),
      .h_write, .h_write_side(h_side), .h_write_row(h_row), .h_write_word(h_word), .h_write_data(h_data),
      .h_progress, .h_free,
      .s_vu_tvalid(vu_c_valid), .s_vu_tready(vu_c_ready), .s_vu_tdata(vu_c), .s_vu_tlast(vu_c_last),
      .s_ln_tvalid(ln_c_valid), .s_ln_tready(ln_c_ready), .s_ln_tdata(ln_c), .s_ln_tlast(ln_c_last),
      .s_axis_a_tvalid(to_vu_valid), .s_axis_a_tready(to_vu_ready), .s_axis_a_tdata(result),
      .s_axis_a_tlast(result_last),
      .m_axis_tvalid(m_rows_valid), .m_axis_tready(m_rows_ready), .m_axis_tdata(m_rows_data),
      .m_axis_tlast(rows_last), .saturated_valid, .saturated, .error(tail_error)
  );

  assign stall_softmax = !taking && !wait_weight && (wait_act ? probs_wait : score_valid && !score_ready);
  assign stall_ln      = !taking && !wait_weight && !wait_act && to_vu_valid && !to_vu_ready;

  // The first error stays. One of a unit is the fault of a damaged image, or of this build.
  always_ff @(posedge clk) begin
    if (!rst_n) error_code <= ERR_NONE;
    else if (error_code == ERR_NONE) begin
      if (bus_error) error_code <= ERR_BUS_ERROR;
      else if (fault != '0) error_code <= 32'(fault);
      else if (engine_error != '0 || qu_error != '0 || entry_error != '0 || score_error || tail_error) begin
        error_code <= ERR_INTERNAL;
      end
    end
  end
endmodule
