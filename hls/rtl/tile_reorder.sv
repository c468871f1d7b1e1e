// SPDX-License-Identifier: Apache-2.0
// Tile order to row order: between the QMM engine or VU, which work in tiles, and softmax or LN, which take
// whole rows. Source: ours.
//
// ORDER. In: tile order (write_job_t; tile_rows = TOKENS, head fields unused); padding is taken and dropped.
// Out: true rows ascending, their ceil(channels/LANES) words. TLAST on each row's last word (ROW_LAST 1) or
// on the job's last (ROW_LAST 0). The input's TLAST is not used.
//
// BUFFER. Two row tiles: one fills, one drains, and no tile drains longer than it fills, so the input is held
// back at most where a small matrix follows a large one. II = 1 on both sides, across tiles and jobs.
// CYCLES, without stalls, from the first beat taken to the last one taken, both counted. Row tile n, over all
// jobs, has N = tiles*TOKENS*words beats in and D = (true rows)*ceil(channels/LANES) beats out:
//   fill_n  = max(fill_{n-1}, drain_{n-2}) + N     tile n is in
//   drain_n = max(fill_n, drain_{n-1}) + D         tile n is read
//   total   = drain_last + 2
module tile_reorder
  import plane_pkg::*;
#(
    parameter int unsigned WIDTH,      // bits of a beat
    parameter int unsigned LANES,      // channels of a beat
    parameter int unsigned TOKENS,     // rows of a tile
    parameter int unsigned MAX_WORDS,  // most words of a row
    parameter bit          ROW_LAST    // TLAST ends a row; 0: the job
) (
    input  logic             clk,
    input  logic             rst_n,          // synchronous, active low
    input  logic             job_valid,      // held to the job's last input beat, `job_taken`
    output logic             job_taken,
    input  write_job_t       job,
    input  logic             s_axis_tvalid,
    output logic             s_axis_tready,
    input  logic [WIDTH-1:0] s_axis_tdata,
    output logic             m_axis_tvalid,
    input  logic             m_axis_tready,
    output logic [WIDTH-1:0] m_axis_tdata,
    output logic             m_axis_tlast
);
  localparam int unsigned SIDE = TOKENS * MAX_WORDS;
  localparam int unsigned ADDRESS_BITS = $clog2(2 * SIDE);
  typedef logic [ADDRESS_BITS-1:0] address_t;

  if (WIDTH < 1 || LANES < 1 || TOKENS < 1 || MAX_WORDS < 1) begin : g_check_shape
    $error("tile_reorder: WIDTH %0d, LANES %0d, TOKENS %0d, MAX_WORDS %0d must be >= 1",
           WIDTH, LANES, TOKENS, MAX_WORDS);
  end

  // A full side.
  typedef struct packed {
    logic [15:0] rows;   // true ones
    logic [15:0] words;  // of a row
    logic        last;   // of the job
  } tile_t;

  // Fill. `row_place` is the address of the row's first word.
  logic [1:0] full;
  tile_t [1:0] held;
  logic side, from, take, word_end, row_end, tile_end, job_end, drained;
  logic [15:0] word, row, tile, first, row_words, rows_left;
  logic [16:0] row_base;
  address_t row_place;

  assign row_words     = 16'((32'(job.channels) + LANES - 1) / LANES);
  assign rows_left     = job.rows - row_base[15:0];
  assign s_axis_tready = job_valid && !full[side];
  assign take          = s_axis_tvalid && s_axis_tready;
  assign word_end      = word == job.words - 16'd1;
  assign row_end       = word_end && row == 16'(TOKENS - 1);
  assign tile_end      = row_end && tile == job.tiles - 16'd1;
  assign job_end       = tile_end && row_base + 17'(TOKENS) >= 17'(job.rows);
  assign job_taken     = take && job_end;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      word      <= '0;
      row       <= '0;
      tile      <= '0;
      first     <= '0;
      row_base  <= '0;
      row_place <= '0;
      side      <= 1'b0;
      full      <= '0;
    end else begin
      if (take) word <= word_end ? '0 : word + 16'd1;
      if (take && word_end) begin
        row       <= row_end ? '0 : row + 16'd1;
        row_place <= !row_end ? row_place + address_t'(MAX_WORDS)
                   : address_t'((side ^ tile_end) ? SIDE : 0);
      end
      if (take && row_end) begin
        tile  <= tile_end ? '0 : tile + 16'd1;
        first <= tile_end ? '0 : first + job.words;
      end
      if (take && tile_end) begin
        side       <= !side;
        full[side] <= 1'b1;
        row_base   <= job_end ? '0 : row_base + 17'(TOKENS);
      end
      if (drained) full[from] <= 1'b0;
    end
  end
  always_ff @(posedge clk) begin
    if (take && tile_end) begin
      held[side].rows  <= (rows_left < 16'(TOKENS)) ? rows_left : 16'(TOKENS);
      held[side].words <= row_words;
      held[side].last  <= job_end;
    end
  end

  // Drain.
  logic enable, valid, last, room, out_word_end;
  logic [15:0] out_word, out_row;
  address_t out_place, out_row_place;
  logic [WIDTH-1:0] data;
  tile_t leaving;

  assign leaving      = held[from];
  assign out_word_end = out_word == leaving.words - 16'd1;
  assign drained      = enable && full[from] && out_word_end && out_row == leaving.rows - 16'd1;
  assign enable       = !valid || room;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid         <= 1'b0;
      from          <= 1'b0;
      out_word      <= '0;
      out_row       <= '0;
      out_place     <= '0;
      out_row_place <= '0;
    end else if (enable) begin
      valid <= full[from];
      if (drained) begin
        from          <= !from;
        out_word      <= '0;
        out_row       <= '0;
        out_place     <= address_t'(from ? 0 : SIDE);
        out_row_place <= address_t'(from ? 0 : SIDE);
      end else if (full[from] && out_word_end) begin
        out_word      <= '0;
        out_row       <= out_row + 16'd1;
        out_place     <= out_row_place + address_t'(MAX_WORDS);
        out_row_place <= out_row_place + address_t'(MAX_WORDS);
      end else if (full[from]) begin
        out_word  <= out_word + 16'd1;
        out_place <= out_place + 1'b1;
      end
    end
  end
  always_ff @(posedge clk) begin
    if (enable) last <= ROW_LAST ? out_word_end : drained && leaving.last;
  end

  sdp_ram #(
      .WIDTH(WIDTH),
      .DEPTH(2 * SIDE)
  ) u_memory (
      .clk,
      .write        (take && first + word < row_words),
      .write_address(row_place + address_t'(first + word)),
      .write_data   (s_axis_tdata),
      .read         (enable),
      .read_address (out_place),
      .read_data    (data)
  );

  axis_register #(
      .WIDTH(WIDTH + 1)
  ) u_slice (
      .clk,
      .rst_n,
      .in_valid (valid),
      .in_ready (room),
      .in_data  ({last, data}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );

  logic unused_job;
  assign unused_job = ^{job.tile_rows, job.channel_base, job.head_channels, job.head_stride, job.bipolar, job.side};
endmodule
