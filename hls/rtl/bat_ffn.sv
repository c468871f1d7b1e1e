// SPDX-License-Identifier: Apache-2.0
// Module FFN: for each work item (one layer of one sequence) rows h in, LN(h + FFN2(ReLU(FFN1(h)))) rows out,
// all in integers (docs/numerics.md). Source: ours.
//
//   s_work -> work_intake -> ffn_sequencer -> jobs F1, F2 -> queues of all stages (job_broadcast.sv)
//   s_rows -> work_intake -> entry -> x planes \
//                                  -> h rows     act_feeder -> qmm_engine -> result_router -> QU -> mid planes
//                          mid planes --------/                                           -> module_tail -> rows
//   m_axi  -> module_memory -> weights, constants
// ROWS: LANES int16 a beat, true rows ascending; the item's last_layer sends them to m_out, else to m_back.
// WORK: m_work announces the next layer's item when this one's first row comes in, m_out_work an item of
// the last layer; both before its rows. Items overlap: rows of the next one come in and its weights are read while
// this one computes; x and h have two sides for that. All activations of an engine step are read by then, so mid has one.
// `error_code`: registers_pkg::ERR_* until reset. STATUS, for the counters: `busy` from an item's first row in to
// its last one out; `taking`, `wait_weight`: qmm_engine.sv; `stall_ln`: the array stands while VU or LN holds results.
module bat_ffn
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
    parameter int unsigned PARTS,         // 2: WTWS and ternary weights are built
    parameter int unsigned A_TOKENS,      // token rows read from a buffer in a clock, a power of two, divides TOKENS
    parameter int unsigned RESULT_TILES,  // finished tiles that wait behind the engine, >= 2
    parameter int unsigned LUT_WORDS,     // of a table of constants that is LUT memory and no block RAM, at most
    parameter int unsigned MAX_BITS,      // of an activation, 1..8
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_FFN,
    parameter int unsigned BUS_BITS       // of a memory beat, a power of two, 64..512
) (
    input  logic                clk,
    input  logic                rst_n,            // synchronous, active low
    input  program_t            shape,            // stable while there are work items
    input  logic                stop,             // no new bursts
    output logic                reader_idle,      // no burst is in flight
    input  logic                s_work_valid,
    output logic                s_work_ready,
    input  work_t               s_work,
    output logic                m_work_valid,
    input  logic                m_work_ready,
    output work_t               m_work,
    output logic                m_out_work_valid,
    input  logic                m_out_work_ready,
    output work_t               m_out_work,
    input  logic                s_rows_valid,
    output logic                s_rows_ready,
    input  logic [16*LANES-1:0] s_rows_data,
    output logic                m_back_valid,
    input  logic                m_back_ready,
    output logic [16*LANES-1:0] m_back_data,
    output logic                m_out_valid,
    input  logic                m_out_ready,
    output logic [16*LANES-1:0] m_out_data,
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
    output logic                stall_ln
);
  localparam int unsigned ITEMS = 4;  // work items that wait at one place
  localparam int unsigned JOBS = 4;   // jobs that wait at one stage
  localparam int unsigned HIDDEN_WORDS = up(MAX_HIDDEN, SIMD);
  localparam int unsigned FFN_WORDS = up(MAX_FFN, SIMD);
  localparam int unsigned K_WORDS = larger(HIDDEN_WORDS, FFN_WORDS);
  localparam int unsigned ACC_BITS = acc_bits(K_WORDS * SIMD, MAX_BITS, 1);
  localparam int unsigned CHUNK = chunk_bits(SIMD, MAX_BITS, QU_LANES);
  localparam int unsigned ROWS = up(MAX_TOKENS, TOKENS) * TOKENS;
  localparam int unsigned W_WORDS = PARTS * larger(up(MAX_FFN, OUTPUTS) * HIDDEN_WORDS,
                                                   up(MAX_HIDDEN, OUTPUTS) * FFN_WORDS);

  // Work items and their rows.
  logic item_valid, item_ready, start_valid, start_ready, row_valid, row_ready, row_last, unused_input;
  work_t item, start, next;
  logic [16*LANES-1:0] row;
  work_intake #(
      .LANES(LANES),
      .DEPTH(ITEMS)
  ) u_intake (
      .clk, .rst_n, .row_words(shape.hidden / 16'(LANES)), .s_work_valid, .s_work_ready, .s_work,
      .m_item_valid(item_valid), .m_item_ready(item_ready), .m_item(item),
      .m_start_valid(start_valid), .m_start_ready(start_ready), .m_start(start),
      .s_input_valid(1'b0), .s_input_ready(unused_input), .s_input_data('0),
      .s_back_valid(s_rows_valid), .s_back_ready(s_rows_ready), .s_back_data(s_rows_data),
      .m_rows_valid(row_valid), .m_rows_ready(row_ready), .m_rows_data(row), .m_rows_last(row_last)
  );

  // An item that starts: announced, and its way out noted.
  logic begins, next_room, done_room, exit_room;
  logic [2:0][2:0] unused_counts;
  assign start_ready = next_room && done_room && exit_room;
  assign begins      = start_valid && start_ready;
  always_comb begin
    next            = start;
    next.from_input = 1'b0;
    next.layer      = start.layer + 8'd1;
    next.last_layer = start.layer + 8'd2 == shape.layers;
  end
  sync_fifo #(
      .WIDTH($bits(work_t)), .DEPTH(ITEMS), .REGISTERED(1'b1)
  ) u_next (
      .clk, .rst_n, .in_valid(begins && !start.last_layer), .in_ready(next_room), .in_data(next),
      .out_valid(m_work_valid), .out_ready(m_work_ready), .out_data(m_work), .count(unused_counts[0])
  );
  sync_fifo #(
      .WIDTH($bits(work_t)), .DEPTH(ITEMS), .REGISTERED(1'b1)
  ) u_done (
      .clk, .rst_n, .in_valid(begins && start.last_layer), .in_ready(done_room), .in_data(start),
      .out_valid(m_out_work_valid), .out_ready(m_out_work_ready), .out_data(m_out_work), .count(unused_counts[1])
  );

  logic exit_known, to_output, tail_valid, tail_ready, tail_last, ends;
  logic [16*LANES-1:0] tail_data;
  sync_fifo #(
      .WIDTH(1), .DEPTH(ITEMS), .REGISTERED(1'b1)
  ) u_exit (
      .clk, .rst_n, .in_valid(begins), .in_ready(exit_room), .in_data(start.last_layer),
      .out_valid(exit_known), .out_ready(ends), .out_data(to_output), .count(unused_counts[2])
  );
  assign m_out_valid  = tail_valid && exit_known && to_output;
  assign m_back_valid = tail_valid && exit_known && !to_output;
  assign m_out_data   = tail_data;
  assign m_back_data  = tail_data;
  assign tail_ready   = exit_known && (to_output ? m_out_ready : m_back_ready);
  assign ends         = tail_valid && tail_ready && tail_last;
  assign busy         = exit_known;

  // Sequencer and job queues.
  localparam int unsigned COPIES = 7;
  localparam int unsigned TO_ENGINE = 0;
  localparam int unsigned TO_FEEDER = 1;
  localparam int unsigned TO_ROUTER = 2;
  localparam int unsigned TO_QU_FEED = 3;
  localparam int unsigned TO_WRITER = 4;
  localparam int unsigned TO_VU_FEED = 5;
  localparam int unsigned TO_TAIL = 6;
  localparam logic [7:0] MID = 8'd1 << TO_MID;
  localparam logic [7:0] RESIDUAL = 8'd1 << TO_RESIDUAL;
  logic read_valid, read_ready, descriptor_valid, descriptor_ready, entry_valid, entry_ready;
  logic job_valid, job_ready, norm_valid, norm_ready, unused_idle, memory_last;
  logic [COPIES-1:0] copy_valid, copy_ready;
  logic [3:0] fault;
  read_t read;
  entry_t entry_item;
  job_t job;
  job_t [COPIES-1:0] copy;
  vector_pkg::norm_job_t norm;
  logic [BUS_BITS-1:0] memory_data;
  ffn_sequencer #(
      .BUS_BITS(BUS_BITS), .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .LANES(LANES),
      .MAX_BITS(MAX_BITS), .PARTS(PARTS)
  ) u_sequencer (
      .clk, .rst_n, .shape, .work_valid(item_valid), .work_ready(item_ready), .work(item),
      .read_valid, .read_ready, .read,
      .in_valid(descriptor_valid), .in_ready(descriptor_ready), .in_data(memory_data), .in_last(memory_last),
      .entry_valid, .entry_ready, .entry(entry_item), .job_valid, .job_ready, .job,
      .norm_valid, .norm_ready, .norm, .idle(unused_idle), .fault
  );
  job_broadcast #(
      .COPIES(COPIES), .DEPTH(JOBS),
      .TARGETS({RESIDUAL, RESIDUAL, MID, MID, MID | RESIDUAL, MID | RESIDUAL, MID | RESIDUAL})
  ) u_jobs (
      .clk, .rst_n, .job_valid, .job_ready, .job, .out_valid(copy_valid), .out_ready(copy_ready), .out_job(copy)
  );

  // Memory.
  logic bus_error, weight_valid, weight_ready, unused_header, unused_header_valid;
  logic qu_c_valid, qu_c_ready, qu_c_last, vu_c_valid, vu_c_ready, vu_c_last, ln_c_valid, ln_c_ready, ln_c_last;
  logic [127:0] qu_c, vu_c, ln_c;
  module_memory #(
      .BUS_BITS(BUS_BITS), .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .QU_LANES(QU_LANES), .VU_LANES(VU_LANES)
  ) u_memory (
      .clk, .rst_n, .stop, .idle(reader_idle), .bus_error,
      .reading(1'b0), .s_header_valid(1'b0), .s_header_ready(unused_header), .s_header('0),
      .m_header_valid(unused_header_valid), .m_header_ready(1'b0),
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

  // Entry, and the buffers of x and mid.
  logic x_free, h_free, h_write, h_side, enable, read_side, unused_done, unused_bank;
  logic [1:0] write, write_side, source;
  logic [1:0][15:0] write_row, write_segment;
  logic [MAX_BITS-1:0][LANES-1:0] x_data;
  logic [MAX_BITS-1:0][QU_LANES-1:0] mid_data;
  logic [15:0] h_row, h_word, read_group, read_word;
  logic [3:0] read_plane;
  logic [16*LANES-1:0] h_data;
  progress_t [1:0] progress;
  progress_t h_progress;
  act_source_t unused_act;
  logic [1:0][A_TOKENS-1:0][columns(MAX_BITS)*CHUNK-1:0] raw;
  logic [2:0] entry_error, qu_error, engine_error;
  entry #(
      .LANES(LANES), .PLANES(MAX_BITS)
  ) u_entry (
      .clk, .rst_n, .item_valid(entry_valid), .item_ready(entry_ready), .item_in(entry_item),
      .s_axis_tvalid(row_valid), .s_axis_tready(row_ready), .s_axis_tdata(row), .s_axis_tlast(row_last),
      .x_free, .h_free, .x_write(write[0]), .x_write_side(write_side[0]), .x_write_row(write_row[0]),
      .x_write_segment(write_segment[0]), .x_write_data(x_data), .x_progress(progress[0]),
      .h_write, .h_write_side(h_side), .h_write_row(h_row), .h_write_word(h_word), .h_write_data(h_data),
      .h_progress, .error_code(entry_error)
  );
  plane_buffer #(
      .PLANES(MAX_BITS), .SIDES(2), .ROWS(ROWS), .BANKS(A_TOKENS),
      .ROW_WORDS(HIDDEN_WORDS), .WORD_BITS(SIMD), .SEGMENT(LANES), .CHUNK(CHUNK)
  ) u_x (
      .clk, .write(write[0]), .write_side(write_side[0]), .write_row(write_row[0]), .write_segment(write_segment[0]),
      .write_data(x_data), .enable, .read(source[0]), .read_side, .read_group, .read_word, .read_plane, .raw(raw[0])
  );
  plane_buffer #(
      .PLANES(MAX_BITS), .SIDES(1), .ROWS(ROWS), .BANKS(A_TOKENS),
      .ROW_WORDS(FFN_WORDS), .WORD_BITS(SIMD), .SEGMENT(QU_LANES), .CHUNK(CHUNK)
  ) u_mid (
      .clk, .write(write[1]), .write_side(write_side[1]), .write_row(write_row[1]), .write_segment(write_segment[1]),
      .write_data(mid_data), .enable, .read(source[1]), .read_side, .read_group, .read_word, .read_plane, .raw(raw[1])
  );

  // Operands, engine, results.
  logic a_valid, a_ready, a_last, out_valid, out_ready, unused_kv, wait_act, unused_last;
  logic [A_TOKENS*SIMD-1:0] a_data;
  logic [QU_LANES*32-1:0] out_data;
  logic [QU_LANES-1:0][ACC_BITS-1:0] unused_scores;
  logic to_qu_valid, to_qu_ready, to_vu_valid, to_vu_ready, unused_softmax, result_last;
  logic [QU_LANES-1:0][PARTS-1:0][ACC_BITS-1:0] result;
  logic [QU_LANES-1:0][PARTS-1:0][31:0] values;
  for (genvar v = 0; v < QU_LANES * PARTS; v++) begin : g_value
    assign values[v/PARTS][v%PARTS] = 32'($signed(result[v/PARTS][v%PARTS]));
  end
  act_feeder #(
      .SOURCES(2), .TOKENS(TOKENS), .A_TOKENS(A_TOKENS), .SIMD(SIMD), .PLANES(MAX_BITS), .CHUNK(CHUNK), .JOBS(2)
  ) u_feeder (
      .clk, .rst_n, .job_valid(copy_valid[TO_FEEDER]), .job_ready(copy_ready[TO_FEEDER]), .job_in(copy[TO_FEEDER]),
      .progress, .read_done(unused_done), .read_act(unused_act), .read_bank(unused_bank), .x_free,
      .enable, .read(source), .read_side, .read_group, .read_word, .read_plane, .raw,
      .m_axis_tvalid(a_valid), .m_axis_tready(a_ready), .m_axis_tdata(a_data), .m_axis_tlast(a_last)
  );
  qmm_engine #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .A_BITS(MAX_BITS), .W_BITS(1),
      .ACC_BITS(ACC_BITS), .K_WORDS(K_WORDS), .KV_K_WORDS(1),
      .A_WORDS(larger(MAX_BITS * K_WORDS, 2)), .W_WORDS(larger(W_WORDS, 2)), .KV_WORDS(0),
      .W_TILES(PARTS * up(larger(MAX_FFN, MAX_HIDDEN), OUTPUTS)), .BUS_BITS(BUS_BITS),
      .KV_BITS(64), .A_TOKENS(A_TOKENS), .OUT_LANES(QU_LANES), .RESULT_TILES(RESULT_TILES), .JOBS(JOBS)
  ) u_engine (
      .clk, .rst_n, .s_job_tvalid(copy_valid[TO_ENGINE]), .s_job_tready(copy_ready[TO_ENGINE]),
      .s_job_tdata(engine_job(copy[TO_ENGINE])),
      .s_axis_w_tvalid(weight_valid), .s_axis_w_tready(weight_ready), .s_axis_w_tdata(memory_data),
      .s_axis_w_tlast(memory_last),
      .s_axis_kv_tvalid(1'b0), .s_axis_kv_tready(unused_kv), .s_axis_kv_tdata('0), .s_axis_kv_tlast(1'b0),
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
      .m_softmax_valid(unused_softmax), .m_softmax_ready(1'b0), .m_data(result), .m_scores(unused_scores),
      .m_last(result_last)
  );

  // F1's results to mid.
  logic q_valid, q_ready, unused_q_last;
  logic [8*QU_LANES-1:0] q;
  qu #(
      .LANES(QU_LANES), .PARTS(PARTS), .ACC_BITS(ACC_BITS), .MAX_CHANNELS(up(MAX_FFN, OUTPUTS) * OUTPUTS),
      .COMMON(1'b0), .LUT_WORDS(LUT_WORDS)
  ) u_qu (
      .clk, .rst_n,
      .s_axis_c_tvalid(qu_c_valid), .s_axis_c_tready(qu_c_ready), .s_axis_c_tdata(qu_c), .s_axis_c_tlast(qu_c_last),
      .s_axis_a_tvalid(to_qu_valid), .s_axis_a_tready(to_qu_ready), .s_axis_a_tdata(values),
      .s_axis_a_tlast(result_last),
      .m_axis_tvalid(q_valid), .m_axis_tready(q_ready), .m_axis_tdata(q), .m_axis_tlast(unused_q_last),
      .error_code(qu_error)
  );
  plane_writer #(
      .LANES(QU_LANES), .PLANES(MAX_BITS)
  ) u_writer (
      .clk, .rst_n, .job_valid(copy_valid[TO_WRITER]), .job_taken(copy_ready[TO_WRITER]),
      .job(tile_write(copy[TO_WRITER], 16'(TOKENS), tile_words(copy[TO_WRITER], OUTPUTS, QU_LANES))),
      .s_axis_tvalid(q_valid), .s_axis_tready(q_ready), .s_axis_tdata(q), .write(write[1]),
      .write_side(write_side[1]), .write_row(write_row[1]), .write_segment(write_segment[1]),
      .write_data(mid_data), .progress(progress[1])
  );

  // F2's results to rows.
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
      .m_axis_tvalid(tail_valid), .m_axis_tready(tail_ready), .m_axis_tdata(tail_data), .m_axis_tlast(tail_last),
      .saturated_valid, .saturated, .error(tail_error)
  );
  assign stall_ln = to_vu_valid && !to_vu_ready && !taking && !wait_weight && !wait_act;

  // The first error stays. One of a unit is the fault of a damaged image, or of this build.
  always_ff @(posedge clk) begin
    if (!rst_n) error_code <= ERR_NONE;
    else if (error_code == ERR_NONE) begin
      if (bus_error) error_code <= ERR_BUS_ERROR;
      else if (fault != '0) error_code <= 32'(fault);
      else if (engine_error != '0 || qu_error != '0 || entry_error != '0 || tail_error) error_code <= ERR_INTERNAL;
    end
  end
endmodule
