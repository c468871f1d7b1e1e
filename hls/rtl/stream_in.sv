// SPDX-License-Identifier: Apache-2.0
// The input stream of a run, taken apart: for each sequence its header, then its rows.
//
// Stream (docs/contracts.md): beats of 64 bits; {u32 tag, u32 length l}, a beat that is ignored, then l
// rows of `hidden` int16, four a beat; TLAST on the batch's last beat, which need not carry it.
// `start` begins a batch of `batch` sequences. A header is offered when both its beats are there; the
// rows leave, LANES values a beat (hidden % LANES == 0), after it was taken.
// `error`: BAD_LENGTH for l = 0 or l > max_len; SHORT_INPUT for TLAST before the batch's end or a beat
// with a TKEEP that is not all ones. It stays until reset, and no further beat is taken.
// II = 1 beat; latency 2 clocks from a beat to the rows that it completes. Source: ours.
module stream_in
  import control_pkg::*;
  import registers_pkg::*;
#(
    parameter int unsigned LANES
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                start,
    input  logic [31:0]         batch,    // sequences, >= 1; with `start`
    input  logic [13:0]         row_beats,  // hidden / 4; hidden is a multiple of 4 and of LANES
    input  logic [15:0]         max_len,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    input  logic [63:0]         s_axis_tdata,
    input  logic [7:0]          s_axis_tkeep,
    input  logic                s_axis_tlast,
    output logic                header_valid,
    input  logic                header_ready,
    output sequence_t           header,
    output logic                rows_valid,
    input  logic                rows_ready,
    output logic [16*LANES-1:0] rows_data,
    output logic                waits,    // a beat could be taken and none is there
    output logic [31:0]         error
);
  typedef enum logic [2:0] {
    IDLE, FIRST, SECOND, OFFER, ROWS
  } state_t;

  state_t      state;
  logic [31:0] sequences_left;
  logic [31:0] length;
  logic [15:0] rows_left;
  logic [13:0] beats_left;   // of the row
  logic        beat_valid, beat_ready, beat_last;
  logic [63:0] beat_data;
  logic [7:0]  beat_keep;
  logic        open, take, row_end, sequence_end, final_beat, short_input, bad_length;
  logic        gear_ready;

  axis_skid #(.WIDTH(73)) u_slice (
      .clk, .rst_n,
      .in_valid(s_axis_tvalid), .in_ready(s_axis_tready),
      .in_data({s_axis_tlast, s_axis_tkeep, s_axis_tdata}),
      .out_valid(beat_valid), .out_ready(beat_ready), .out_data({beat_last, beat_keep, beat_data})
  );

  assign open         = state == FIRST || state == SECOND || (state == ROWS && gear_ready);
  assign beat_ready   = open && error == ERR_NONE;
  assign take         = beat_valid && beat_ready;
  assign waits        = beat_ready && !beat_valid;
  assign row_end      = beats_left == 14'd1;
  assign sequence_end = row_end && rows_left == 16'd1;
  assign final_beat   = state == ROWS && sequence_end && sequences_left == 32'd1;
  assign short_input  = take && (beat_keep != '1 || (beat_last && !final_beat));

  assign bad_length   = length == '0 || length > 32'(max_len);
  assign header_valid = state == OFFER && error == ERR_NONE && !bad_length;
  assign header.rows  = length[15:0];

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state <= IDLE;
      error <= ERR_NONE;
    end else begin
      if (short_input) error <= ERR_SHORT_INPUT;
      else if (state == OFFER && error == ERR_NONE && bad_length) error <= ERR_BAD_LENGTH;
      unique case (state)
        IDLE:    if (start) state <= FIRST;
        FIRST:   if (take) state <= SECOND;
        SECOND:  if (take) state <= OFFER;
        OFFER:   if (header_valid && header_ready) state <= ROWS;
        ROWS:    if (take && sequence_end) state <= final_beat ? IDLE : FIRST;
        default: state <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk) begin
    if (state == IDLE) sequences_left <= batch;
    else if (state == ROWS && take && sequence_end) sequences_left <= sequences_left - 1'b1;
    if (state == FIRST && take) {length, header.tag} <= beat_data;
    if (state == OFFER) begin
      rows_left  <= length[15:0];
      beats_left <= row_beats;
    end else if (state == ROWS && take) begin
      beats_left <= row_end ? row_beats : beats_left - 1'b1;
      if (row_end) rows_left <= rows_left - 1'b1;
    end
  end

  lane_gearbox #(.IN_LANES(4), .OUT_LANES(LANES)) u_gearbox (
      .clk, .rst_n,
      // Not `take`: the receiver may wait for valid before it gives ready.
      .in_valid(beat_valid && state == ROWS && error == ERR_NONE), .in_ready(gear_ready), .in_data(beat_data),
      .out_valid(rows_valid), .out_ready(rows_ready), .out_data(rows_data)
  );
endmodule
