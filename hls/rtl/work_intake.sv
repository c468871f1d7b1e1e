// SPDX-License-Identifier: Apache-2.0
// Work items of a module: hands each to the sequencer, and its rows, in item order, to the entry.
//
// ITEMS (s_work) wait in two queues of DEPTH: m_item for the sequencer, which runs ahead; the other one for
// the rows. ROWS: a work item with `from_input` takes its rows from s_input, else from s_back; LANES values
// a beat, row_words beats a row. m_rows has TLAST on the item's last beat.
// START: when the first beat of an item is there, m_start offers the item; its beats pass once that is
// taken. So a module announces an item when it starts on it, never earlier.
// II = 1, one clock more an item; no latency: m_rows follows the source in the same clock. Source: ours.
module work_intake
  import bat_pkg::*;
#(
    parameter int unsigned LANES,  // values of a beat
    parameter int unsigned DEPTH   // items that wait, >= 2
) (
    input  logic                clk,
    input  logic                rst_n,          // synchronous, active low
    input  logic [15:0]         row_words,      // beats of a row, >= 1
    input  logic                s_work_valid,
    output logic                s_work_ready,
    input  work_t               s_work,
    output logic                m_item_valid,
    input  logic                m_item_ready,
    output work_t               m_item,
    output logic                m_start_valid,
    input  logic                m_start_ready,
    output work_t               m_start,
    input  logic                s_input_valid,
    output logic                s_input_ready,
    input  logic [16*LANES-1:0] s_input_data,
    input  logic                s_back_valid,
    output logic                s_back_ready,
    input  logic [16*LANES-1:0] s_back_data,
    output logic                m_rows_valid,
    input  logic                m_rows_ready,
    output logic [16*LANES-1:0] m_rows_data,
    output logic                m_rows_last
);
  logic [1:0] room;
  logic [$clog2(DEPTH + 1)-1:0] unused_items, unused_rows;
  logic queued, started, source_valid, take, row_end;
  logic [15:0] word, row;
  work_t work;

  assign s_work_ready = &room;
  sync_fifo #(
      .WIDTH($bits(work_t)),
      .DEPTH(DEPTH),
      .REGISTERED(1'b1)
  ) u_items (
      .clk,
      .rst_n,
      .in_valid (s_work_valid && s_work_ready),
      .in_ready (room[0]),
      .in_data  (s_work),
      .out_valid(m_item_valid),
      .out_ready(m_item_ready),
      .out_data (m_item),
      .count    (unused_items)
  );
  sync_fifo #(
      .WIDTH($bits(work_t)),
      .DEPTH(DEPTH),
      .REGISTERED(1'b1)
  ) u_rows (
      .clk,
      .rst_n,
      .in_valid (s_work_valid && s_work_ready),
      .in_ready (room[1]),
      .in_data  (s_work),
      .out_valid(queued),
      .out_ready(take && m_rows_last),
      .out_data (work),
      .count    (unused_rows)
  );

  assign source_valid  = work.from_input ? s_input_valid : s_back_valid;
  assign m_start       = work;
  assign m_start_valid = queued && !started && source_valid;
  assign m_rows_valid  = queued && started && source_valid;
  assign m_rows_data   = work.from_input ? s_input_data : s_back_data;
  assign m_rows_last   = row_end && row == work.rows - 16'd1;
  assign row_end       = word == row_words - 16'd1;
  assign take          = m_rows_valid && m_rows_ready;
  assign s_input_ready = queued && started && work.from_input && m_rows_ready;
  assign s_back_ready  = queued && started && !work.from_input && m_rows_ready;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      started <= 1'b0;
      word    <= '0;
      row     <= '0;
    end else begin
      if (m_start_valid && m_start_ready) started <= 1'b1;
      else if (take && m_rows_last) started <= 1'b0;
      if (take) word <= row_end ? '0 : word + 16'd1;
      if (take && row_end) row <= m_rows_last ? '0 : row + 16'd1;
    end
  end
endmodule
