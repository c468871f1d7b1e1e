// SPDX-License-Identifier: Apache-2.0
// Writes V transposed: QU's tiles of TOKENS x channels become rows of the V^T buffer, row = channel, bit =
// token. Source: ours.
//
// ORDER. In: tile order (write_job_t; tile_rows = TOKENS, head fields unused). Out: for each tile, for each true
// group of CHANNELS channels, for part of the tile's tokens: one write of SEGMENT tokens of all planes of the
// group, SEGMENT = gcd(TOKENS, 64), so that parts never cross a 64-bit word. Tokens and a group's channels beyond
// the true ones carry what the stream holds (QU's 0); the reader masks or ignores them.
//
// BUFFER. Two tiles: one fills, one drains. Token t of a tile has a memory of words of LANES channels, so one
// read gives all tokens of LANES channels, and CHANNELS of them leave.
// CYCLES. A tile fills in TOKENS*words clocks, words = channels of a full tile / LANES, and drains in
// ceil((true channels)/CHANNELS)*TOKENS/SEGMENT, so QU is never held back where LANES <= CHANNELS*SEGMENT. First
// write: 3 clocks after the tile's last beat; jobs follow without a gap. `progress.jobs` counts with a job's last write;
// `progress.rows` stays 0: V is read by the whole matrix.
module tile_transpose
  import plane_pkg::*;
#(
    parameter int unsigned TOKENS,     // of a tile
    parameter int unsigned LANES,      // channels a beat
    parameter int unsigned MAX_WORDS,  // most words of LANES channels in one row of a tile
    parameter int unsigned PLANES,     // of the buffer, 1..8
    parameter int unsigned SEGMENT,    // of the buffer: gcd(TOKENS, 64)
    parameter int unsigned CHANNELS    // written at once: divides LANES
) (
    input  logic                           clk,
    input  logic                           rst_n,          // synchronous, active low
    input  logic                           job_valid,      // held to the job's last beat, `job_taken`
    output logic                           job_taken,
    input  write_job_t                     job,
    input  logic                           s_axis_tvalid,
    output logic                           s_axis_tready,
    input  logic [8*LANES-1:0]             s_axis_tdata,
    output logic                           write,
    output logic [15:0]                    write_row,      // of the group's first channel
    output logic [15:0]                    write_segment,
    output logic [CHANNELS-1:0][PLANES-1:0][SEGMENT-1:0] write_data,
    output progress_t                      progress
);
  localparam int unsigned PARTS = TOKENS / SEGMENT;
  localparam int unsigned GROUPS = LANES / CHANNELS;  // of a word
  localparam int unsigned GROUP_BITS = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam int unsigned ADDRESS_BITS = $clog2(2 * MAX_WORDS);

  if (TOKENS < 1 || LANES < 1 || MAX_WORDS < 1 || PLANES < 1 || PLANES > 8) begin : g_check_shape
    $error("tile_transpose: TOKENS %0d, LANES %0d, MAX_WORDS %0d must be >= 1, PLANES %0d 1..8",
           TOKENS, LANES, MAX_WORDS, PLANES);
  end
  if (SEGMENT < 1 || TOKENS % SEGMENT != 0 || 64 % SEGMENT != 0) begin : g_check_segment
    $error("tile_transpose: SEGMENT %0d must be gcd(TOKENS %0d, 64)", SEGMENT, TOKENS);
  end
  if (CHANNELS < 1 || LANES % CHANNELS != 0) begin : g_check_channels
    $error("tile_transpose: CHANNELS %0d must divide LANES %0d", CHANNELS, LANES);
  end

  // A full side.
  typedef struct packed {
    logic [15:0] first;    // channel
    logic [15:0] count;    // true channels
    logic [15:0] segment;  // first of the row tile
    logic        last;     // of the job
  } tile_t;

  function automatic logic [ADDRESS_BITS-1:0] place(logic side, logic [15:0] word);
    return ADDRESS_BITS'((side ? MAX_WORDS : 0) + 32'(word));
  endfunction

  // Fill.
  logic [1:0] full;
  tile_t [1:0] held;
  tile_t filled;
  logic side, from, take, word_end, row_end, tile_end, job_end, drained;
  logic [15:0] word, row, tile, first, segment, tile_channels;
  logic [16:0] row_base;

  assign s_axis_tready = job_valid && !full[side];
  assign take          = s_axis_tvalid && s_axis_tready;
  assign word_end      = word == job.words - 16'd1;
  assign row_end       = word_end && row == 16'(TOKENS - 1);
  assign tile_end      = row_end && tile == job.tiles - 16'd1;
  assign job_end       = tile_end && row_base + 17'(TOKENS) >= 17'(job.rows);
  assign job_taken     = take && job_end;
  assign tile_channels = 16'(times(32'(job.words), LANES));
  assign filled.first   = first;
  assign filled.count   = (job.channels - first < tile_channels) ? job.channels - first : tile_channels;
  assign filled.segment = segment;
  assign filled.last    = job_end;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      word     <= '0;
      row      <= '0;
      tile     <= '0;
      first    <= '0;
      segment  <= '0;
      row_base <= '0;
      side     <= 1'b0;
      full     <= '0;
    end else begin
      if (take) word <= word_end ? '0 : word + 16'd1;
      if (take && word_end) row <= row_end ? '0 : row + 16'd1;
      if (take && row_end) begin
        tile       <= tile_end ? '0 : tile + 16'd1;
        first      <= tile_end ? '0 : first + tile_channels;
        side       <= !side;
        full[side] <= 1'b1;
      end
      if (take && tile_end) begin
        segment  <= job_end ? '0 : segment + 16'(PARTS);
        row_base <= job_end ? '0 : row_base + 17'(TOKENS);
      end
      if (drained) full[from] <= 1'b0;
    end
  end
  always_ff @(posedge clk) if (take && row_end) held[side] <= filled;

  // Drain. `channel` counts within the tile, by groups.
  logic drain, group_end, valid, last;
  logic [15:0] channel, part, out_word, out_part;
  logic [GROUP_BITS-1:0] group, out_group;
  logic [15:0] out_row, out_segment;
  tile_t leaving;
  logic [TOKENS-1:0][GROUPS-1:0][CHANNELS-1:0][PLANES-1:0] words;

  assign leaving   = held[from];
  assign drain     = full[from];
  assign group_end = part == 16'(PARTS - 1);
  assign drained   = drain && group_end && 17'(channel) + 17'(CHANNELS) >= 17'(leaving.count);

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      from     <= 1'b0;
      channel  <= '0;
      group    <= '0;
      out_word <= '0;
      part     <= '0;
    end else if (drain) begin
      part <= group_end ? '0 : part + 16'd1;
      if (drained) begin
        from     <= !from;
        channel  <= '0;
        group    <= '0;
        out_word <= '0;
      end else if (group_end) begin
        channel <= channel + 16'(CHANNELS);
        group   <= (group == GROUP_BITS'(GROUPS - 1)) ? '0 : group + 1'b1;
        if (group == GROUP_BITS'(GROUPS - 1)) out_word <= out_word + 16'd1;
      end
    end
  end

  for (genvar t = 0; t < TOKENS; t++) begin : g_token
    logic [LANES*PLANES-1:0] memory[2*MAX_WORDS];
    logic [LANES-1:0][PLANES-1:0] beat;
    always_comb begin
      for (int unsigned l = 0; l < LANES; l++) begin
        beat[l]    = s_axis_tdata[8*l+:PLANES];
        beat[l][0] = s_axis_tdata[8*l] && !(job.bipolar && s_axis_tdata[8*l+7]);
      end
    end
    always_ff @(posedge clk) begin
      if (take && row == 16'(t)) memory[place(side, word)] <= beat;
      words[t] <= memory[place(from, out_word)];
    end
  end

  logic finished;
  always_ff @(posedge clk) begin
    valid       <= rst_n && drain;
    last        <= drained && leaving.last;
    out_group   <= group;
    out_part    <= part;
    out_row     <= leaving.first + channel;
    out_segment <= leaving.segment + part;

    write         <= rst_n && valid;
    finished      <= rst_n && valid && last;
    write_row     <= out_row;
    write_segment <= out_segment;
    for (int unsigned c = 0; c < CHANNELS; c++) begin
      for (int unsigned p = 0; p < PLANES; p++) begin
        for (int unsigned s = 0; s < SEGMENT; s++) begin
          write_data[c][p][s] <= words[32'(out_part)*SEGMENT+s][out_group][c][p];
        end
      end
    end
    if (!rst_n) progress <= '0;
    else if (finished) progress.jobs <= progress.jobs + 8'd1;
  end

  logic unused_job;
  assign unused_job = ^{job.tile_rows, job.channel_base, job.head_channels, job.head_stride, job.side};
endmodule
