// SPDX-License-Identifier: Apache-2.0
// Entry of a module: rows h come in, go to the residual buffer as they are and, quantized by the common
// scale of site attn_in or ffn_in, to the x buffer. Source: ours.
//
// ITEMS. One entry_t a work item; channels are a multiple of LANES, the scale is common. An item begins when its
// side of both buffers is free: two may be filled, `x_free` and `h_free` give the oldest back.
// ROWS (s_axis): LANES int16 a beat, row order, channels/LANES beats a row, TLAST on the item's last beat; a
// TLAST elsewhere sets error_code to ERROR_DATA_END, and no more beats are taken. An error of QU shows alike.
//
// QU takes one job a row (two constants beats each), so that it needs no table and the number of
// values of an item is not bounded by QU's counters.
// CYCLES. II = 1 beat a clock while rows have 9 beats or more, else about (beats + 9)/2 clocks a row; 4 clocks
// more an item. A row is in `x_progress` 10 clocks after its last beat is taken, in `h_progress` 1 clock after.
module entry
  import bat_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned LANES,
    parameter int unsigned PLANES  // of the x buffer
) (
    input  logic                         clk,
    input  logic                         rst_n,            // synchronous, active low
    input  logic                         item_valid,
    output logic                         item_ready,
    input  entry_t                       item_in,
    input  logic                         s_axis_tvalid,
    output logic                         s_axis_tready,
    input  logic [16*LANES-1:0]          s_axis_tdata,
    input  logic                         s_axis_tlast,
    input  logic                         x_free,
    input  logic                         h_free,
    output logic                         x_write,          // to the x buffer, SEGMENT = LANES
    output logic                         x_write_side,
    output logic [15:0]                  x_write_row,
    output logic [15:0]                  x_write_segment,
    output logic [PLANES-1:0][LANES-1:0] x_write_data,
    output progress_t                    x_progress,
    output logic                         h_write,          // to the residual buffer
    output logic                         h_write_side,
    output logic [15:0]                  h_write_row,
    output logic [15:0]                  h_write_word,
    output logic [16*LANES-1:0]          h_write_data,
    output progress_t                    h_progress,
    output logic [2:0]                   error_code        // vector_pkg::vector_error_t
);
  entry_t item, constant_item;  // the second: whose constants QU is being sent
  logic queued, active, begin_item, x_side, h_side, write_room, halt;
  logic beat_valid, beat_last, qu_ready, take, row_end, item_end;
  logic [16*LANES-1:0] beat;
  logic [15:0] words, word, row;
  logic [1:0] unused_items, unused_writes;
  logic unused_fields;
  assign unused_fields = ^{item, constant_item};

  sync_fifo #(
      .WIDTH($bits(entry_t)),
      .DEPTH(2),
      .REGISTERED(1'b1)
  ) u_items (
      .clk,
      .rst_n,
      .in_valid (item_valid),
      .in_ready (item_ready),
      .in_data  (item_in),
      .out_valid(queued),
      .out_ready(item_end),
      .out_data (item),
      .count    (unused_items)
  );

  side_credit #(
      .SIDES(2)
  ) u_x_sides (
      .clk,
      .rst_n,
      .take(begin_item),
      .give(x_free),
      .free(x_side)
  );
  side_credit #(
      .SIDES(2)
  ) u_h_sides (
      .clk,
      .rst_n,
      .take(begin_item),
      .give(h_free),
      .free(h_side)
  );

  axis_register #(
      .WIDTH(16 * LANES + 1)
  ) u_row_slice (
      .clk,
      .rst_n,
      .in_valid (s_axis_tvalid),
      .in_ready (s_axis_tready),
      .in_data  ({s_axis_tlast, s_axis_tdata}),
      .out_valid(beat_valid),
      .out_ready(active && qu_ready && !halt),
      .out_data ({beat_last, beat})
  );

  assign words      = item.channels / 16'(LANES);
  assign begin_item = queued && !active && x_side && h_side && write_room && !constant_valid;
  assign take       = beat_valid && active && qu_ready && !halt;
  assign row_end    = word == words - 16'd1;
  assign item_end   = take && row_end && row == item.work.rows - 16'd1;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      active     <= 1'b0;
      word       <= '0;
      row        <= '0;
      h_progress <= '0;
    end else begin
      if (begin_item) active <= 1'b1;
      if (item_end) active <= 1'b0;
      if (take) word <= row_end ? '0 : word + 16'd1;
      if (take && row_end) begin
        row             <= item_end ? '0 : row + 16'd1;
        h_progress.rows <= item_end ? '0 : row + 16'd1;
      end
      if (item_end) h_progress.jobs <= h_progress.jobs + 8'd1;
    end
  end
  always_ff @(posedge clk) begin
    h_write      <= rst_n && take;
    h_write_side <= item.bank;
    h_write_row  <= row;
    h_write_word <= word;
    h_write_data <= beat;
  end

  // Quantization.
  logic signed [LANES-1:0][31:0] values;
  logic q_valid, q_ready, unused_last;
  logic [8*LANES-1:0] q;
  vector_pkg::vector_error_t own_error;
  logic [2:0] qu_error;
  logic constant_valid, constant_ready, constant_second;
  logic [15:0] constant_row;
  vector_pkg::job_t config_beat;
  vector_pkg::constant_t constant_beat;

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    assign values[l] = 32'(signed'(beat[16*l+:16]));
  end
  always_comb begin
    config_beat           = '0;
    config_beat.rows      = constant_item.channels / 16'(LANES);
    config_beat.tile_rows = 16'd1;
    config_beat.tiles     = 16'd1;
    config_beat.words     = 16'd1;
    config_beat.channels  = 16'(LANES);
    config_beat.shift     = 8'(constant_item.scale.shift);
    config_beat.bits      = constant_item.scale.bits;
    config_beat.is_signed = constant_item.scale.is_signed;
    config_beat.common    = 1'b1;
    constant_beat         = '0;
    constant_beat.m1      = 32'(signed'(constant_item.scale.m));
    constant_beat.c       = 64'(signed'(constant_item.scale.c));
  end
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      constant_valid  <= 1'b0;
      constant_second <= 1'b0;
      constant_row    <= '0;
    end else if (begin_item) begin
      constant_valid <= 1'b1;
      constant_row   <= '0;
    end else if (constant_valid && constant_ready) begin
      constant_second <= !constant_second;
      if (constant_second) begin
        constant_row   <= constant_row + 16'd1;
        constant_valid <= constant_row != constant_item.work.rows - 16'd1;
      end
    end
  end

  always_ff @(posedge clk) if (begin_item) constant_item <= item;

  qu #(
      .LANES(LANES),
      .PARTS(1),
      .ACC_BITS(16),
      .MAX_CHANNELS(LANES + 1),
      .COMMON(1'b1)
  ) u_qu (
      .clk,
      .rst_n,
      .s_axis_c_tvalid(constant_valid),
      .s_axis_c_tready(constant_ready),
      .s_axis_c_tdata (constant_second ? constant_beat : {32'd0, config_beat}),
      .s_axis_c_tlast (constant_second),
      .s_axis_a_tvalid(beat_valid && active && !halt),
      .s_axis_a_tready(qu_ready),
      .s_axis_a_tdata (values),
      .s_axis_a_tlast (row_end),
      .m_axis_tvalid  (q_valid),
      .m_axis_tready  (q_ready),
      .m_axis_tdata   (q),
      .m_axis_tlast   (unused_last),
      .error_code     (qu_error)
  );

  // x planes.
  logic write_queued, write_taken, bipolar;
  write_job_t write_job;
  assign bipolar = item.scale.is_signed && item.scale.bits == 4'd1;
  sync_fifo #(
      .WIDTH($bits(write_job_t)),
      .DEPTH(2),
      .REGISTERED(1'b1)
  ) u_writes (
      .clk,
      .rst_n,
      .in_valid (begin_item),
      .in_ready (write_room),
      .in_data  (row_write(item.work.rows, item.channels, words, bipolar, item.bank)),
      .out_valid(write_queued),
      .out_ready(write_taken),
      .out_data (write_job),
      .count    (unused_writes)
  );
  plane_writer #(
      .LANES (LANES),
      .PLANES(PLANES)
  ) u_writer (
      .clk,
      .rst_n,
      .job_valid    (write_queued),
      .job_taken    (write_taken),
      .job          (write_job),
      .s_axis_tvalid(q_valid),
      .s_axis_tready(q_ready),
      .s_axis_tdata (q),
      .write        (x_write),
      .write_side   (x_write_side),
      .write_row    (x_write_row),
      .write_segment(x_write_segment),
      .write_data   (x_write_data),
      .progress     (x_progress)
  );

  always_ff @(posedge clk) begin
    if (!rst_n) own_error <= vector_pkg::ERROR_NONE;
    else if (take && beat_last != item_end) own_error <= vector_pkg::ERROR_DATA_END;
  end
  assign halt       = own_error != vector_pkg::ERROR_NONE;
  assign error_code = halt ? own_error : qu_error;
endmodule
