// SPDX-License-Identifier: Apache-2.0
// The run: checks the program, admits sequences, tells the output stream their order, ends the run, and
// resets the core where its state is not clean.
//
// START: BATCH 0 ends with BAD_BATCH; then the image header is read and checked (bat_header.sv) while
// `reading` gives this unit the MHA module's reader; then `stream_start`, and sequences are admitted in
// stream order, at most MAX_IN_FLIGHT between admission and the last beat of their output. The run ends
// with the batch's last output beat, or at the first error of a unit (header, streams, modules; in one
// clock that order), or when nothing has moved for 2^WATCHDOG_BITS clocks: SHORT_INPUT where a beat of
// the input is awaited, else DEADLOCK; `moves` tells that something moves.
// ORDER: while another sequence may be admitted and its header or the rows before it are on their way,
// `hold_next` keeps the next layer of the sequence in flight back, so that the modules alternate between
// two sequences from the start. An input that gives nothing for PATIENCE clocks is not waited for.
// RESET: a run that ends with an error leaves the core unclean. `stop` then keeps memory bursts back,
// and the next start, or SOFT_RESET at any time, waits until `bursts_idle` stays 1, holds `core_rst_n`
// for RESET_CLOCKS - AWAKE_CLOCKS and goes on. A start during a reset is kept. Source: ours.
module bat_control
  import bat_pkg::*;
  import control_pkg::*;
  import registers_pkg::*;
#(
    parameter int unsigned BUS_BITS,
    parameter int unsigned LANES,
    parameter int unsigned QU_LANES,
    parameter int unsigned MAX_LAYERS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_HEADS,
    parameter int unsigned MAX_HEAD,
    parameter int unsigned MAX_FFN,
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_IN_FLIGHT,  // 1 or 2
    parameter int unsigned WATCHDOG_BITS
) (
    input  logic                clk,
    input  logic                rst_n,
    // registers
    input  logic                start,
    input  logic                soft_reset,
    input  logic [63:0]         program_address,
    input  logic [63:0]         program_hash,
    input  logic [31:0]         batch,
    output logic                running,    // from start to end
    output logic                resetting,
    output logic                ended,      // one clock
    output logic [31:0]         ended_error,
    // core
    output logic                core_rst_n,
    output logic                stop,
    input  logic                bursts_idle,
    output program_t            shape,
    output logic                stream_start,
    output logic                reading,
    output logic                read_valid,
    input  logic                read_ready,
    output read_t               read,
    input  logic                data_valid,
    output logic                data_ready,
    input  logic [BUS_BITS-1:0] data,
    // sequences in
    input  logic                in_valid,
    output logic                in_ready,
    input  sequence_t           in,
    output logic                work_valid,
    input  logic                work_ready,
    output work_t               work,
    output logic                hold_next,
    // sequences out
    input  logic                done_valid,  // FFN has begun the last layer of `done_work`
    output logic                done_ready,
    input  work_t               done_work,
    output logic                out_valid,
    input  logic                out_ready,
    output sequence_t           out,
    output logic                out_last,
    input  logic                out_ended,
    // faults
    input  logic [31:0]         stream_error,
    input  logic [31:0]         mha_error,
    input  logic [31:0]         ffn_error,
    input  logic                moves,
    input  logic                input_waits
);
  localparam int unsigned RESET_CLOCKS = 8;
  localparam int unsigned AWAKE_CLOCKS = 2;  // between the core's reset and its first work
  localparam int unsigned PATIENCE = 64;

  if (MAX_IN_FLIGHT < 1 || MAX_IN_FLIGHT > 2) begin : g_check_flight
    $error("bat_control: MAX_IN_FLIGHT %0d must be 1 or 2", MAX_IN_FLIGHT);
  end

  typedef enum logic [2:0] {
    IDLE, CHECK, HEADER, RUN, DRAIN, HOLD
  } state_t;

  state_t state;
  logic start_kept;  // a run follows the reset
  logic unclean;
  logic [3:0] hold_left;
  logic [3:0] idle_clocks;  // a reader obeys `stop` a few clocks later
  logic [WATCHDOG_BITS:0] quiet;  // clocks without movement
  logic [31:0] fault;
  logic header_done, finished, ending, timeout, working;
  logic [31:0] header_error;
  logic [31:0] outputs_left;   // to announce to the output stream
  logic [31:0] ends_left;
  logic [31:0] admits_left;
  logic [$clog2(PATIENCE)-1:0] waited;  // clocks in which the input gave nothing
  logic [1:0] in_flight;
  logic slot, open, admit;
  sequence_t [1:0] slots;

  assign working   = state == HEADER || state == RUN;
  assign running   = state == CHECK || working || start_kept;
  assign resetting = (state == DRAIN || state == HOLD) && !start_kept;
  assign stop     = unclean || state == DRAIN || state == HOLD;
  assign reading   = state == HEADER;
  assign timeout   = quiet[WATCHDOG_BITS];
  assign finished  = state == RUN && out_ended && ends_left == 32'd1;

  always_comb begin
    fault = ERR_NONE;
    if (state == CHECK && batch == '0) fault = ERR_BAD_BATCH;
    else if (working) begin
      if (header_done && header_error != ERR_NONE) fault = header_error;
      else if (stream_error != ERR_NONE) fault = stream_error;
      else if (mha_error != ERR_NONE) fault = mha_error;
      else if (ffn_error != ERR_NONE) fault = ffn_error;
      else if (timeout) fault = input_waits ? ERR_SHORT_INPUT : ERR_DEADLOCK;
    end
  end
  assign ending = finished || fault != ERR_NONE;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state      <= HOLD;
      start_kept <= 1'b0;
      unclean    <= 1'b0;
      ended      <= 1'b0;
    end else begin
      ended <= ending && !soft_reset;
      if (soft_reset) begin
        state      <= DRAIN;
        start_kept <= 1'b0;
      end else begin
        if (start && state != IDLE) start_kept <= 1'b1;
        unique case (state)
          IDLE:
          if (start) begin
            state      <= unclean ? DRAIN : CHECK;
            start_kept <= unclean;
          end
          CHECK:  state <= ending ? IDLE : HEADER;
          HEADER: if (ending) state <= IDLE;
                  else if (header_done) state <= RUN;
          RUN:    if (ending) state <= IDLE;
          DRAIN:  if (&idle_clocks) state <= HOLD;
          HOLD:
          if (hold_left == '0) begin
            state      <= (start_kept || start) ? CHECK : IDLE;
            start_kept <= 1'b0;
          end
          default: state <= IDLE;
        endcase
        if (state == HOLD) unclean <= 1'b0;
        else if (working && fault != ERR_NONE) unclean <= 1'b1;
      end
    end
  end

  always_ff @(posedge clk) begin
    core_rst_n <= rst_n && !(state == HOLD && hold_left > 4'(AWAKE_CLOCKS));
    if (!rst_n || state != HOLD) hold_left <= 4'(RESET_CLOCKS);
    else hold_left <= hold_left - 1'b1;
    idle_clocks <= {idle_clocks[2:0], state == DRAIN && bursts_idle};
    ended_error <= fault;
    stream_start <= state == HEADER && header_done && !ending;
    if (!working || moves || timeout) quiet <= '0;
    else quiet <= quiet + 1'b1;
  end

  bat_header #(
      .BUS_BITS(BUS_BITS), .LANES(LANES), .QU_LANES(QU_LANES), .MAX_LAYERS(MAX_LAYERS), .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_HEADS(MAX_HEADS), .MAX_HEAD(MAX_HEAD), .MAX_FFN(MAX_FFN), .MAX_TOKENS(MAX_TOKENS)
  ) u_header (
      .clk, .rst_n(core_rst_n), .start(state == CHECK && !ending), .base(program_address),
      .expected_hash(program_hash), .read_valid, .read_ready, .read, .data_valid, .data_ready, .data,
      .done(header_done), .error(header_error), .shape
  );

  // Admission: a header of the input becomes the work item of layer 0.
  assign open            = state == RUN && in_flight < 2'(MAX_IN_FLIGHT);
  assign hold_next       = open && admits_left != '0 && waited != '1;
  assign work_valid      = open && in_valid;
  assign in_ready        = open && work_ready;
  assign work.from_input = 1'b1;
  assign work.last_layer = shape.layers == 8'd1;
  assign work.slot       = slot;
  assign work.layer      = '0;
  assign work.rows       = in.rows;
  assign admit           = in_valid && in_ready;

  // Sequences leave in the order of their admission: the modules never let one overtake another.
  assign out_valid  = done_valid && state == RUN;
  assign done_ready = out_ready && state == RUN;
  assign out        = slots[done_work.slot];
  assign out_last   = outputs_left == 32'd1;

  always_ff @(posedge clk) begin
    if (!working) begin
      in_flight    <= '0;
      slot         <= 1'b0;
      outputs_left <= batch;
      ends_left    <= batch;
      admits_left  <= batch;
      waited       <= '0;
    end else begin
      if (admit) admits_left <= admits_left - 1'b1;
      if (!input_waits) waited <= '0;
      else if (waited != '1) waited <= waited + 1'b1;
      in_flight <= in_flight + 2'(admit) - 2'(out_ended);
      if (admit && MAX_IN_FLIGHT == 2) slot <= !slot;
      if (out_valid && out_ready) outputs_left <= outputs_left - 1'b1;
      if (out_ended) ends_left <= ends_left - 1'b1;
    end
    if (admit) slots[slot] <= in;
  end

  logic unused;
  assign unused = &{done_work.from_input, done_work.last_layer, done_work.layer, done_work.rows};
endmodule
