// SPDX-License-Identifier: Apache-2.0
// Writes a stream of q into a plane buffer, one segment of LANES channels a clock. Source: ours.
//
// ORDER. Beats as write_job_t says: tile order as QU sends it, or row order. Rows and words beyond the true
// ones are taken and not written; channels beyond the true ones in a written word are whatever the stream
// holds (0 from QU and softmax). Places come from counters alone: LANES divides head_channels, head_stride
// and channel_base, or else the matrix has one head (head_channels = channels).
//
// JOBS. `job` is held from before its first beat to its last; `job_taken` marks that one. The user holds the
// job back while its place is still being read. `progress`: jobs done, and rows of the running job that are
// complete: those of whole row tiles (so every row, in row order).
//
// II = 1 beat a clock, never stalls within a job. `write` and `progress` follow the beat by 1 clock, so a job
// of N beats, N = ceil(rows/tile_rows)*tiles*tile_rows*words, takes N clocks, and jobs follow without a gap.
module plane_writer
  import plane_pkg::*;
#(
    parameter int unsigned LANES,  // channels a beat, a power of two
    parameter int unsigned PLANES  // of the buffer, 1..8
) (
    input  logic                         clk,
    input  logic                         rst_n,          // synchronous, active low
    input  logic                         job_valid,
    output logic                         job_taken,
    input  write_job_t                   job,
    input  logic                         s_axis_tvalid,
    output logic                         s_axis_tready,
    input  logic [8*LANES-1:0]           s_axis_tdata,
    output logic                         write,
    output logic                         write_side,
    output logic [15:0]                  write_row,
    output logic [15:0]                  write_segment,
    output logic [PLANES-1:0][LANES-1:0] write_data,
    output progress_t                    progress
);
  if (LANES < 1 || 2 ** $clog2(LANES) != LANES || PLANES < 1 || PLANES > 8) begin : g_check_shape
    $error("plane_writer: LANES %0d must be a power of two and PLANES %0d 1..8", LANES, PLANES);
  end

  typedef struct packed {
    logic [15:0] channel;  // of the matrix
    logic [15:0] in_head;  // of the head
    logic [15:0] head;     // first segment of the head
    logic [15:0] segment;
  } place_t;

  function automatic place_t after(place_t place);
    place_t next;
    next.channel = place.channel + 16'(LANES);
    if (place.in_head + 16'(LANES) == job.head_channels) begin
      next.in_head = '0;
      next.head    = place.head + job.head_stride / 16'(LANES);
      next.segment = next.head;
    end else begin
      next.in_head = place.in_head + 16'(LANES);
      next.head    = place.head;
      next.segment = place.segment + 16'd1;
    end
    return next;
  endfunction

  place_t start, here, tile_start, held_place, held_tile_start;
  logic fresh;  // at the first beat of a row tile
  logic [15:0] word, row, tile;
  logic [16:0] row_base, row_number, rows_end;
  logic take, word_end, row_end, tile_end, job_end;

  assign start.channel = '0;
  assign start.in_head = '0;
  assign start.head    = job.channel_base / 16'(LANES);
  assign start.segment = job.channel_base / 16'(LANES);
  assign here          = fresh ? start : held_place;
  assign tile_start    = fresh ? start : held_tile_start;

  assign s_axis_tready = job_valid;
  assign take          = s_axis_tvalid && job_valid;
  assign word_end      = word == job.words - 16'd1;
  assign row_end       = word_end && row == job.tile_rows - 16'd1;
  assign tile_end      = row_end && tile == job.tiles - 16'd1;
  assign rows_end      = row_base + 17'(job.tile_rows);
  assign job_end       = tile_end && rows_end >= 17'(job.rows);
  assign row_number    = row_base + 17'(row);
  assign job_taken     = take && job_end;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      fresh    <= 1'b1;
      word     <= '0;
      row      <= '0;
      tile     <= '0;
      row_base <= '0;
      progress <= '0;
    end else if (take) begin
      fresh <= tile_end;
      word  <= word_end ? '0 : word + 16'd1;
      if (word_end) row <= row_end ? '0 : row + 16'd1;
      if (row_end) tile <= tile_end ? '0 : tile + 16'd1;
      if (tile_end) row_base <= job_end ? '0 : rows_end;
      if (job_end) begin
        progress.jobs <= progress.jobs + 8'd1;
        progress.rows <= '0;
      end else if (tile_end) begin
        progress.rows <= rows_end[15:0];
      end
    end
  end
  always_ff @(posedge clk) begin
    if (take) begin
      held_place      <= (word_end && !row_end) ? tile_start : after(here);
      held_tile_start <= row_end ? after(here) : tile_start;
    end
  end

  // A beat on its way into the buffer. q = +1 of {-1,+1} is 8'h01, -1 is 8'hFF, padding 0.
  always_ff @(posedge clk) begin
    write         <= rst_n && take && row_number < 17'(job.rows) && here.channel < job.channels;
    write_side    <= job.side;
    write_row     <= row_number[15:0];
    write_segment <= here.segment;
    for (int unsigned l = 0; l < LANES; l++) begin
      for (int unsigned p = 0; p < PLANES; p++) begin
        write_data[p][l] <= s_axis_tdata[8*l+p] && !(p == 0 && job.bipolar && s_axis_tdata[8*l+7]);
      end
    end
  end
endmodule
