// SPDX-License-Identifier: Apache-2.0
// The BAT accelerator: control, streams and the modules MHA and FFN, which work on different sequences
// at the same time.
//
//   s_axis_in -> stream_in -> MHA -> rows -> FFN -> stream_out -> m_axis_out
//                              ^---- back ----'      (after the last layer)
// A module announces a work item to the next one when it starts on it, so that the next one can fetch
// its weights; FFN's announcements go before new sequences into MHA's queue, which is the order in which
// MHA takes rows. One row stream carries LANES int16 a beat; every stream II = 1.
// Registers: docs/registers.md. Streams and image: docs/contracts.md. `irq` is the interrupt. Each module
// reads memory through a port of its own, AXI4 without writes. Signals marked public are what the
// simulated engine watches. Source: ours.
module bat_accelerator
  import bat_pkg::*;
  import control_pkg::*;
  import registers_pkg::*;
#(
    parameter int unsigned MHA_TOKENS,     // token rows in parallel in MHA's engine
    parameter int unsigned FFN_TOKENS,     // and in FFN's
    parameter int unsigned OUTPUTS,        // output columns in parallel, a power of two >= 8
    parameter int unsigned SIMD,           // bits of a dot-product unit, a power of two, 64..512
    parameter int unsigned LANES,          // values a beat of every row stream and of LN, a power of two
    parameter int unsigned VU_LANES,       // of VU, a multiple of LANES
    parameter int unsigned QU_LANES,       // results of an engine a clock, and QU's: a multiple of all other lanes
    parameter int unsigned SOFTMAX_LANES,
    parameter int unsigned PARTS,          // 2: WTWS is built
    parameter int unsigned A_TOKENS,       // token rows read from an activation buffer in a clock
    parameter int unsigned RESULT_TILES,   // finished tiles that wait behind an engine
    parameter int unsigned V_CHANNELS,     // channels of V^T written at once
    parameter int unsigned MAX_HEAD,       // channels of one head: room of the engine's K/V buffer
    parameter int unsigned LUT_WORDS,      // of a table of constants that is LUT memory and no block RAM, at most
    parameter int unsigned MAX_BITS,       // of an activation
    parameter int unsigned MAX_LAYERS,
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_HEADS,
    parameter int unsigned MAX_FFN,
    parameter int unsigned BUS_BITS,       // of a memory beat, a power of two, 64..512
    parameter int unsigned MAX_IN_FLIGHT,  // sequences at a time, 1 or 2
    parameter int unsigned WATCHDOG_BITS,  // a run ends after 2^this clocks without movement
    parameter logic [63:0] CONFIG_HASH
) (
    input  logic                       clk,
    input  logic                       rst_n,
    output logic                       irq,
    input  logic                       s_axil_awvalid,
    output logic                       s_axil_awready,
    input  logic [15:0]                s_axil_awaddr,
    input  logic                       s_axil_wvalid,
    output logic                       s_axil_wready,
    input  logic [31:0]                s_axil_wdata,
    input  logic [3:0]                 s_axil_wstrb,
    output logic                       s_axil_bvalid,
    input  logic                       s_axil_bready,
    output logic [1:0]                 s_axil_bresp,
    input  logic                       s_axil_arvalid,
    output logic                       s_axil_arready,
    input  logic [15:0]                s_axil_araddr,
    output logic                       s_axil_rvalid,
    input  logic                       s_axil_rready,
    output logic [31:0]                s_axil_rdata,
    output logic [1:0]                 s_axil_rresp,
    input  logic                       s_axis_in_tvalid,
    output logic                       s_axis_in_tready,
    input  logic [63:0]                s_axis_in_tdata,
    input  logic [7:0]                 s_axis_in_tkeep,
    input  logic                       s_axis_in_tlast,
    output logic                       m_axis_out_tvalid,
    input  logic                       m_axis_out_tready,
    output logic [63:0]                m_axis_out_tdata,
    output logic [7:0]                 m_axis_out_tkeep,
    output logic                       m_axis_out_tlast,
    output logic                       m_axi_mha_arvalid,
    input  logic                       m_axi_mha_arready,
    output logic [63:0]                m_axi_mha_araddr,
    output logic [7:0]                 m_axi_mha_arlen,
    output logic [2:0]                 m_axi_mha_arsize,
    output logic [1:0]                 m_axi_mha_arburst,
    output logic [3:0]                 m_axi_mha_arcache,
    output logic [2:0]                 m_axi_mha_arprot,
    input  logic                       m_axi_mha_rvalid,
    output logic                       m_axi_mha_rready,
    input  logic [BUS_BITS-1:0]        m_axi_mha_rdata,
    input  logic [1:0]                 m_axi_mha_rresp,
    input  logic                       m_axi_mha_rlast,
    output logic                       m_axi_ffn_arvalid,
    input  logic                       m_axi_ffn_arready,
    output logic [63:0]                m_axi_ffn_araddr,
    output logic [7:0]                 m_axi_ffn_arlen,
    output logic [2:0]                 m_axi_ffn_arsize,
    output logic [1:0]                 m_axi_ffn_arburst,
    output logic [3:0]                 m_axi_ffn_arcache,
    output logic [2:0]                 m_axi_ffn_arprot,
    input  logic                       m_axi_ffn_rvalid,
    output logic                       m_axi_ffn_rready,
    input  logic [BUS_BITS-1:0]        m_axi_ffn_rdata,
    input  logic [1:0]                 m_axi_ffn_rresp,
    input  logic                       m_axi_ffn_rlast
);
  typedef logic [16*LANES-1:0] beat_t;

  // Run.
  logic start, soft_reset, resetting, ended, core_rst_n, stop, stream_start, reading;
  logic running  /* verilator public_flat_rd */;
  logic [63:0] program_address, program_hash;
  logic [31:0] batch, ended_error, stream_error, saturations;
  program_t shape;
  logic [15:0] hidden  /* verilator public_flat_rd */;
  counts_t counts;
  increments_t increments;
  logic moves, input_waits;

  // Status of the modules.
  logic [31:0] mha_error, ffn_error;
  logic mha_idle, ffn_idle, mha_wait, ffn_wait, stall_softmax, mha_stall_ln, ffn_stall_ln;
  logic mha_busy  /* verilator public_flat_rd */;
  logic ffn_busy  /* verilator public_flat_rd */;
  logic mha_taking  /* verilator public_flat_rd */;
  logic ffn_taking  /* verilator public_flat_rd */;
  logic mha_saturated_valid, ffn_saturated_valid;
  logic [31:0] mha_saturated, ffn_saturated;

  // Work items: control -> MHA, MHA -> FFN, FFN -> MHA, FFN -> control (last layer).
  logic admit_valid, admit_ready, next_open, hold_next;
  logic next_valid  /* verilator public_flat_rd */;
  logic next_ready  /* verilator public_flat_rd */;
  logic done_valid  /* verilator public_flat_rd */;
  logic done_ready  /* verilator public_flat_rd */;
  work_t admit, next, done_work;
  logic mha_work_valid  /* verilator public_flat_rd */;
  logic mha_work_ready  /* verilator public_flat_rd */;
  work_t mha_work  /* verilator public_flat_rd */;
  logic ffn_work_valid  /* verilator public_flat_rd */;
  logic ffn_work_ready  /* verilator public_flat_rd */;
  work_t ffn_work  /* verilator public_flat_rd */;

  // Rows: stream_in -> MHA, MHA -> FFN, FFN -> MHA, FFN -> stream_out.
  logic input_valid  /* verilator public_flat_rd */;
  logic input_ready  /* verilator public_flat_rd */;
  logic rows_valid  /* verilator public_flat_rd */;
  logic rows_ready  /* verilator public_flat_rd */;
  logic back_valid  /* verilator public_flat_rd */;
  logic back_ready  /* verilator public_flat_rd */;
  logic final_valid  /* verilator public_flat_rd */;
  logic final_ready  /* verilator public_flat_rd */;
  beat_t input_data;
  beat_t rows_data  /* verilator public_flat_rd */;
  beat_t back_data  /* verilator public_flat_rd */;
  beat_t final_data  /* verilator public_flat_rd */;

  // Headers, and control's read of the image header.
  logic head_valid, head_ready, tail_valid, tail_ready, tail_last, out_ended;
  sequence_t head, tail;
  logic read_valid, read_ready, data_valid, data_ready;
  read_t read;
  logic [BUS_BITS-1:0] data;

  assign hidden = shape.hidden;

  register_file #(
      .CONFIG_HASH(CONFIG_HASH)
  ) u_registers (
      .clk, .rst_n,
      .s_axil_awvalid, .s_axil_awready, .s_axil_awaddr,
      .s_axil_wvalid, .s_axil_wready, .s_axil_wdata, .s_axil_wstrb,
      .s_axil_bvalid, .s_axil_bready, .s_axil_bresp,
      .s_axil_arvalid, .s_axil_arready, .s_axil_araddr,
      .s_axil_rvalid, .s_axil_rready, .s_axil_rdata, .s_axil_rresp,
      .irq, .start, .soft_reset, .program_address, .program_hash, .batch,
      .running, .resetting, .ended, .ended_error, .counts, .saturations
  );

  bat_control #(
      .BUS_BITS(BUS_BITS), .LANES(LANES), .QU_LANES(QU_LANES), .MAX_LAYERS(MAX_LAYERS), .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_HEADS(MAX_HEADS), .MAX_HEAD(MAX_HEAD), .MAX_FFN(MAX_FFN), .MAX_TOKENS(MAX_TOKENS),
      .MAX_IN_FLIGHT(MAX_IN_FLIGHT), .WATCHDOG_BITS(WATCHDOG_BITS)
  ) u_control (
      .clk, .rst_n, .start, .soft_reset, .program_address, .program_hash, .batch,
      .running, .resetting, .ended, .ended_error,
      .core_rst_n, .stop, .bursts_idle(mha_idle && ffn_idle), .shape, .stream_start,
      .reading, .read_valid, .read_ready, .read, .data_valid, .data_ready, .data,
      .in_valid(head_valid), .in_ready(head_ready), .in(head),
      .work_valid(admit_valid), .work_ready(admit_ready), .work(admit), .hold_next,
      .done_valid, .done_ready, .done_work,
      .out_valid(tail_valid), .out_ready(tail_ready), .out(tail), .out_last(tail_last), .out_ended,
      .stream_error, .mha_error, .ffn_error, .moves, .input_waits
  );

  stream_in #(
      .LANES(LANES)
  ) u_in (
      .clk, .rst_n(core_rst_n), .start(stream_start), .batch, .row_beats(hidden[15:2]),
      .max_len(shape.max_len),
      .s_axis_tvalid(s_axis_in_tvalid), .s_axis_tready(s_axis_in_tready), .s_axis_tdata(s_axis_in_tdata),
      .s_axis_tkeep(s_axis_in_tkeep), .s_axis_tlast(s_axis_in_tlast),
      .header_valid(head_valid), .header_ready(head_ready), .header(head),
      .rows_valid(input_valid), .rows_ready(input_ready), .rows_data(input_data),
      .waits(input_waits), .error(stream_error)
  );

  assign next_ready = next_open && !hold_next;
  work_merge u_merge (
      .clk, .rst_n(core_rst_n),
      .a_valid(next_valid && !hold_next), .a_ready(next_open), .a(next),
      .b_valid(admit_valid), .b_ready(admit_ready), .b(admit),
      .out_valid(mha_work_valid), .out_ready(mha_work_ready), .out(mha_work)
  );

  bat_mha #(
      .TOKENS(MHA_TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .LANES(LANES), .VU_LANES(VU_LANES),
      .QU_LANES(QU_LANES), .SOFTMAX_LANES(SOFTMAX_LANES), .PARTS(PARTS),
      .A_TOKENS(A_TOKENS), .RESULT_TILES(RESULT_TILES), .V_CHANNELS(V_CHANNELS), .LUT_WORDS(LUT_WORDS), .MAX_HEAD(MAX_HEAD),
      .MAX_BITS(MAX_BITS), .MAX_TOKENS(MAX_TOKENS), .MAX_HIDDEN(MAX_HIDDEN), .MAX_HEADS(MAX_HEADS),
      .BUS_BITS(BUS_BITS)
  ) u_mha (
      .clk, .rst_n(core_rst_n), .shape, .stop, .reader_idle(mha_idle), .reading,
      .s_read_valid(read_valid), .s_read_ready(read_ready), .s_read(read),
      .m_read_valid(data_valid), .m_read_ready(data_ready), .m_read_data(data),
      .s_work_valid(mha_work_valid), .s_work_ready(mha_work_ready), .s_work(mha_work),
      .m_work_valid(ffn_work_valid), .m_work_ready(ffn_work_ready), .m_work(ffn_work),
      .s_input_valid(input_valid), .s_input_ready(input_ready), .s_input_data(input_data),
      .s_back_valid(back_valid), .s_back_ready(back_ready), .s_back_data(back_data),
      .m_rows_valid(rows_valid), .m_rows_ready(rows_ready), .m_rows_data(rows_data),
      .m_axi_arvalid(m_axi_mha_arvalid), .m_axi_arready(m_axi_mha_arready),
      .m_axi_araddr(m_axi_mha_araddr), .m_axi_arlen(m_axi_mha_arlen),
      .m_axi_arsize(m_axi_mha_arsize), .m_axi_arburst(m_axi_mha_arburst),
      .m_axi_arcache(m_axi_mha_arcache), .m_axi_arprot(m_axi_mha_arprot),
      .m_axi_rvalid(m_axi_mha_rvalid), .m_axi_rready(m_axi_mha_rready), .m_axi_rdata(m_axi_mha_rdata),
      .m_axi_rresp(m_axi_mha_rresp),
      .m_axi_rlast(m_axi_mha_rlast),
      .error_code(mha_error), .saturated_valid(mha_saturated_valid), .saturated(mha_saturated),
      .busy(mha_busy), .taking(mha_taking), .wait_weight(mha_wait), .stall_softmax, .stall_ln(mha_stall_ln)
  );

  bat_ffn #(
      .TOKENS(FFN_TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .LANES(LANES), .VU_LANES(VU_LANES),
      .QU_LANES(QU_LANES), .PARTS(PARTS),
      .A_TOKENS(A_TOKENS), .RESULT_TILES(RESULT_TILES), .LUT_WORDS(LUT_WORDS),
      .MAX_BITS(MAX_BITS), .MAX_TOKENS(MAX_TOKENS), .MAX_HIDDEN(MAX_HIDDEN), .MAX_FFN(MAX_FFN),
      .BUS_BITS(BUS_BITS)
  ) u_ffn (
      .clk, .rst_n(core_rst_n), .shape, .stop, .reader_idle(ffn_idle),
      .s_work_valid(ffn_work_valid), .s_work_ready(ffn_work_ready), .s_work(ffn_work),
      .m_work_valid(next_valid), .m_work_ready(next_ready), .m_work(next),
      .m_out_work_valid(done_valid), .m_out_work_ready(done_ready), .m_out_work(done_work),
      .s_rows_valid(rows_valid), .s_rows_ready(rows_ready), .s_rows_data(rows_data),
      .m_back_valid(back_valid), .m_back_ready(back_ready), .m_back_data(back_data),
      .m_out_valid(final_valid), .m_out_ready(final_ready), .m_out_data(final_data),
      .m_axi_arvalid(m_axi_ffn_arvalid), .m_axi_arready(m_axi_ffn_arready),
      .m_axi_araddr(m_axi_ffn_araddr), .m_axi_arlen(m_axi_ffn_arlen),
      .m_axi_arsize(m_axi_ffn_arsize), .m_axi_arburst(m_axi_ffn_arburst),
      .m_axi_arcache(m_axi_ffn_arcache), .m_axi_arprot(m_axi_ffn_arprot),
      .m_axi_rvalid(m_axi_ffn_rvalid), .m_axi_rready(m_axi_ffn_rready), .m_axi_rdata(m_axi_ffn_rdata),
      .m_axi_rresp(m_axi_ffn_rresp),
      .m_axi_rlast(m_axi_ffn_rlast),
      .error_code(ffn_error), .saturated_valid(ffn_saturated_valid), .saturated(ffn_saturated),
      .busy(ffn_busy), .taking(ffn_taking), .wait_weight(ffn_wait), .stall_ln(ffn_stall_ln)
  );

  stream_out #(
      .LANES(LANES)
  ) u_out (
      .clk, .rst_n(core_rst_n), .row_beats(hidden[15:2]),
      .header_valid(tail_valid), .header_ready(tail_ready), .header(tail), .last(tail_last),
      .rows_valid(final_valid), .rows_ready(final_ready), .rows_data(final_data),
      .m_axis_tvalid(m_axis_out_tvalid), .m_axis_tready(m_axis_out_tready),
      .m_axis_tdata(m_axis_out_tdata), .m_axis_tlast(m_axis_out_tlast), .ended(out_ended)
  );
  assign m_axis_out_tkeep = '1;

  // What moves: an output beat that the receiver does not take is not the accelerator's fault.
  always_ff @(posedge clk) begin
    moves <= (s_axis_in_tvalid && s_axis_in_tready) || m_axis_out_tvalid || mha_taking || ffn_taking
             || (m_axi_mha_rvalid && m_axi_mha_rready) || (m_axi_ffn_rvalid && m_axi_ffn_rready)
             || (input_valid && input_ready) || (rows_valid && rows_ready)
             || (back_valid && back_ready) || (final_valid && final_ready);
  end

  always_comb begin
    increments                       = '0;
    increments[COUNT_TOTAL]         = 2'd1;
    increments[COUNT_MHA_BUSY]      = 2'(mha_busy);
    increments[COUNT_FFN_BUSY]      = 2'(ffn_busy);
    increments[COUNT_QMM_BUSY]      = 2'(mha_taking) + 2'(ffn_taking);
    increments[COUNT_WEIGHT_WAIT]   = 2'(mha_wait) + 2'(ffn_wait);
    increments[COUNT_INPUT_WAIT]    = 2'(input_waits);
    increments[COUNT_STALL_SOFTMAX] = 2'(stall_softmax);
    increments[COUNT_STALL_LN]      = 2'(mha_stall_ln) + 2'(ffn_stall_ln);
    increments[COUNT_MHA_QMM]       = 2'(mha_taking);
    increments[COUNT_FFN_QMM]       = 2'(ffn_taking);
  end
  cycle_counters u_counters (
      .clk, .rst_n, .clear(start), .enable(running), .increments, .counts
  );

  logic [31:0] new_saturations;
  always_ff @(posedge clk) begin
    new_saturations <= (mha_saturated_valid ? mha_saturated : '0)
                       + (ffn_saturated_valid ? ffn_saturated : '0);
    if (!rst_n || start) saturations <= '0;
    else if (running) saturations <= saturations + new_saturations;
  end
endmodule
