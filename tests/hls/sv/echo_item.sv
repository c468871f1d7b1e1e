// SPDX-License-Identifier: Apache-2.0
// One work item at a time: fetches 64 bytes of the layer's descriptor, announces the item, then passes
// its rows on with STEP added to every value. Word 0 of those bytes: 1 stops it, 2 and 3 are errors.
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off PINCONNECTEMPTY */
module echo_item
  import bat_pkg::*;
#(
    parameter int unsigned LANES,
    parameter int unsigned BUS_BITS,
    parameter int unsigned STEP
) (
    input  logic                clk,
    input  logic                rst_n,
    input  program_t            shape,
    input  logic                s_work_valid,
    output logic                s_work_ready,
    input  work_t               s_work,
    output logic                from_input,
    output logic                read_valid,
    input  logic                read_ready,
    output read_t               read,
    input  logic                data_valid,
    output logic                data_ready,
    input  logic [BUS_BITS-1:0] data,
    output logic                m_work_valid,
    input  logic                m_work_ready,
    output work_t               m_work,
    input  logic                rows_valid,
    output logic                rows_ready,
    input  logic [16*LANES-1:0] rows,
    output logic                out_valid,
    input  logic                out_ready,
    output logic [16*LANES-1:0] out,
    output logic                out_last_layer,
    output logic [31:0]         error,   // of the register table
    output logic                busy
);
  localparam int unsigned BEATS = 512 / BUS_BITS;
  typedef enum logic [2:0] {
    IDLE, READ, DATA, ANNOUNCE, ROWS, STUCK
  } state_t;
  state_t state;
  work_t work;
  logic [31:0] beats, values_left;
  logic queue_valid, queue_ready;
  work_t queued;
  logic stuck, row_ready;
  logic [16*LANES-1:0] sums;

  // Two announcements may wait, or the modules would wait for each other.
  sync_fifo #(.WIDTH($bits(work_t)), .DEPTH(4), .REGISTERED(1'b0)) u_queue (
      .clk, .rst_n, .in_valid(s_work_valid), .in_ready(s_work_ready), .in_data(s_work),
      .out_valid(queue_valid), .out_ready(queue_ready), .out_data(queued), .count()
  );
  assign queue_ready  = state == IDLE;
  assign from_input   = work.from_input && state == ROWS;
  assign read_valid   = state == READ;
  assign read.data    = DATA_DESCRIPTOR;
  assign read.address = shape.base + 64'(shape.table_offset) + 64'(work.layer) * 64'd448;
  assign read.bytes   = 32'd64;
  assign data_ready   = state == DATA;
  assign m_work_valid = state == ANNOUNCE;
  assign m_work       = work;
  assign busy         = state != IDLE || out_valid;
  always_comb for (int unsigned i = 0; i < LANES; i++) sums[16*i+:16] = rows[16*i+:16] + 16'(STEP);

  // Rows wait in a buffer, as in a module, or a long sequence would block both.
  logic slot_ready;
  assign row_ready  = state == ROWS && slot_ready;
  assign rows_ready = row_ready;
  sync_fifo #(.WIDTH(16 * LANES + 1), .DEPTH(4096), .REGISTERED(1'b0)) u_rows (
      .clk, .rst_n, .in_valid(rows_valid && state == ROWS), .in_ready(slot_ready),
      .in_data({work.last_layer, sums}),
      .out_valid, .out_ready, .out_data({out_last_layer, out}), .count()
  );

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state <= IDLE;
      error <= '0;
      work  <= '0;
    end else begin
      unique case (state)
        IDLE:
        if (queue_valid && queue_ready) begin
          work  <= queued;
          state <= READ;
        end
        READ: if (read_ready) state <= DATA;
        DATA:
        if (data_valid) begin
          if (beats == '0 && data[63:0] == 64'd2) error <= 32'd7;
          if (beats == '0 && data[63:0] == 64'd3) error <= 32'd11;
          if (beats == BEATS - 1) state <= stuck ? STUCK : ANNOUNCE;
        end
        ANNOUNCE: if (m_work_ready) state <= ROWS;
        ROWS: if (rows_valid && row_ready && values_left == LANES) state <= IDLE;
        default: ;
      endcase
    end
  end
  always_ff @(posedge clk) begin
    if (state != DATA) beats <= '0;
    else if (data_valid) beats <= beats + 1'b1;
    if (state == DATA && data_valid && beats == '0) stuck <= data[63:0] == 64'd1;
    if (state == ANNOUNCE) values_left <= 32'(work.rows) * 32'(shape.hidden);
    else if (rows_valid && row_ready) values_left <= values_left - LANES;
  end
endmodule
