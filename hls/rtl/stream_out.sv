// SPDX-License-Identifier: Apache-2.0
// Sequences out, in the form of the input stream: {u32 tag, u32 l}, a zero beat, then l rows of
// `hidden` int16, four a beat; TLAST on the last beat of the sequence that `last` marks.
//
// A header is taken before its rows, LANES values a beat. `ended` is 1 in the clock in which the
// receiver takes a sequence's last beat. II = 1 beat; latency 2 clocks. Source: ours.
module stream_out
  import control_pkg::*;
#(
    parameter int unsigned LANES
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic [13:0]         row_beats,  // hidden / 4; hidden is a multiple of 4 and of LANES
    input  logic                header_valid,
    output logic                header_ready,
    input  sequence_t           header,
    input  logic                last,     // with the header: the last sequence of the batch
    input  logic                rows_valid,
    output logic                rows_ready,
    input  logic [16*LANES-1:0] rows_data,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [63:0]         m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                ended
);
  typedef enum logic [1:0] {
    IDLE, FIRST, SECOND, ROWS
  } state_t;

  state_t      state;
  sequence_t   sequence_q;
  logic        last_q;
  logic [15:0] rows_left;
  logic [13:0] beats_left;  // of the row
  logic        beat_valid, beat_ready, give, row_end, sequence_end;
  logic [63:0] beat_data, row_data;
  logic        row_valid, row_ready, end_mark;

  lane_gearbox #(.IN_LANES(LANES), .OUT_LANES(4)) u_gearbox (
      .clk, .rst_n,
      .in_valid(rows_valid), .in_ready(rows_ready), .in_data(rows_data),
      .out_valid(row_valid), .out_ready(row_ready), .out_data(row_data)
  );

  assign header_ready = state == IDLE;
  assign row_ready    = state == ROWS && beat_ready;
  assign beat_valid   = state == FIRST || state == SECOND || (state == ROWS && row_valid);
  assign give         = beat_valid && beat_ready;
  assign row_end      = beats_left == 14'd1;
  assign sequence_end = state == ROWS && row_end && rows_left == 16'd1;

  always_comb begin
    unique case (state)
      FIRST:   beat_data = {16'd0, sequence_q.rows, sequence_q.tag};
      ROWS:    beat_data = row_data;
      default: beat_data = '0;
    endcase
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state <= IDLE;
    end else begin
      unique case (state)
        IDLE:    if (header_valid) state <= FIRST;
        FIRST:   if (give) state <= SECOND;
        SECOND:  if (give) state <= ROWS;
        ROWS:    if (give && sequence_end) state <= IDLE;
        default: state <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk) begin
    if (state == IDLE) begin
      sequence_q <= header;
      last_q     <= last;
      rows_left  <= header.rows;
      beats_left <= row_beats;
    end else if (state == ROWS && give) begin
      beats_left <= row_end ? row_beats : beats_left - 1'b1;
      if (row_end) rows_left <= rows_left - 1'b1;
    end
  end

  axis_skid #(.WIDTH(66)) u_slice (
      .clk, .rst_n,
      .in_valid(beat_valid), .in_ready(beat_ready),
      .in_data({sequence_end, sequence_end && last_q, beat_data}),
      .out_valid(m_axis_tvalid), .out_ready(m_axis_tready), .out_data({end_mark, m_axis_tlast, m_axis_tdata})
  );
  assign ended = m_axis_tvalid && m_axis_tready && end_mark;
endmodule
