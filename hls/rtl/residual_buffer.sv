// SPDX-License-Identifier: Apache-2.0
// Residual buffer: the rows h of a module's input, kept from the entry to VU. Two sides. Source: ours.
//
// WRITE (entry.sv): one word of WRITE_LANES int16 a clock, row order; `progress` counts what is complete.
// READ: for each job (target TO_RESIDUAL, one a work item) in the engine's tile order, as vu.sv takes it: for
// token tile, for output tile, for row of the tile, for word. Padding is whatever the memory holds. TLAST on
// the job's last beat. A job starts when all rows of its work item are in. `h_free`: its last word has
// been read, so its side may be filled again.
//
// PIPELINE. 3 stages: walk; address; memory; then a register slice. II = 1, across jobs. A job of N beats,
// N = ceil(rows/TOKENS)*output_tiles*TOKENS*words, takes N + 4 clocks from `job_valid` to its last beat, both
// counted.
module residual_buffer
  import bat_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned LANES,        // int16 read at once
    parameter int unsigned WRITE_LANES,  // int16 written at once, a power of two, divides LANES
    parameter int unsigned TOKENS,     // of a token tile
    parameter int unsigned OUTPUTS,    // of an output tile; half where a job is of two parts
    parameter int unsigned ROWS,       // most rows of a side
    parameter int unsigned ROW_WORDS,  // most words of a row
    parameter int unsigned JOBS        // depth of the job queue, >= 2
) (
    input  logic                clk,
    input  logic                rst_n,         // synchronous, active low
    input  logic                write,
    input  logic                write_side,
    input  logic [15:0]         write_row,
    input  logic [15:0]         write_word,    // of WRITE_LANES
    input  logic [16*WRITE_LANES-1:0] write_data,
    input  progress_t           progress,
    input  logic                job_valid,
    output logic                job_ready,
    input  job_t                job_in,
    output logic                h_free,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [16*LANES-1:0] m_axis_tdata,
    output logic                m_axis_tlast
);
  localparam int unsigned DEPTH = 2 * ROWS * ROW_WORDS;
  localparam int unsigned PARTS = LANES / WRITE_LANES;  // of a word that is read
  localparam int unsigned ADDRESS_BITS = $clog2(DEPTH);

  if (WRITE_LANES < 1 || LANES % WRITE_LANES != 0 || 2 ** $clog2(PARTS) != PARTS) begin : g_check_parts
    $error("residual_buffer: LANES %0d must be WRITE_LANES %0d times a power of two", LANES, WRITE_LANES);
  end
  if (LANES < 1 || TOKENS < 1 || OUTPUTS < LANES || ROWS < 1 || ROW_WORDS < 1) begin : g_check_shape
    $error("residual_buffer: OUTPUTS %0d must be >= LANES %0d, TOKENS %0d, ROWS %0d, ROW_WORDS %0d >= 1",
           OUTPUTS, LANES, TOKENS, ROWS, ROW_WORDS);
  end

  function automatic logic [ADDRESS_BITS-1:0] place(logic side, logic [16:0] row, logic [15:0] word);
    return ADDRESS_BITS'(times(32'(row) + (side ? ROWS : 0), ROW_WORDS) + 32'(word));
  endfunction

  logic queued, ready, issue, enable, room, job_taken;
  job_t job;
  logic [7:0] items;  // jobs read to the end, modulo 256
  logic [$clog2(JOBS+1)-1:0] unused_count;
  logic unused_fields;
  assign unused_fields = ^{job, progress};

  sync_fifo #(
      .WIDTH($bits(job_t)),
      .DEPTH(JOBS),
      .REGISTERED(1'b1)
  ) u_jobs (
      .clk,
      .rst_n,
      .in_valid (job_valid),
      .in_ready (job_ready),
      .in_data  (job_in),
      .out_valid(queued),
      .out_ready(job_taken),
      .out_data (job),
      .count    (unused_count)
  );

  // The walk.
  logic [15:0] word, row, tile, first, words;
  logic [16:0] row_base;
  logic word_end, row_end, tile_end, job_end;
  logic [7:0] written;  // work items that the memory holds: `progress` is one clock ahead of it

  assign words     = job.two_part ? 16'(OUTPUTS / 2 / LANES) : 16'(OUTPUTS / LANES);
  assign ready     = complete(written, items);
  assign issue     = queued && ready;
  assign word_end  = word == words - 16'd1;
  assign row_end   = word_end && row == 16'(TOKENS - 1);
  assign tile_end  = row_end && tile == job.output_tiles - 16'd1;
  assign job_end   = tile_end && row_base + 17'(TOKENS) >= 17'(job.rows);
  assign job_taken = enable && issue && job_end;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      word     <= '0;
      row      <= '0;
      tile     <= '0;
      first    <= '0;
      row_base <= '0;
      items    <= '0;
    end else if (enable && issue) begin
      word <= word_end ? '0 : word + 16'd1;
      if (word_end) row <= row_end ? '0 : row + 16'd1;
      if (row_end) begin
        tile  <= tile_end ? '0 : tile + 16'd1;
        first <= tile_end ? '0 : first + words;
      end
      if (tile_end) row_base <= job_end ? '0 : row_base + 17'(TOKENS);
      if (job_end) items <= items + 8'd1;
    end
  end

  always_ff @(posedge clk) written <= rst_n ? progress.jobs : '0;

  // Index s of these holds what belongs to stage s + 1.
  logic [1:0] valid, last;
  logic [ADDRESS_BITS-1:0] address, write_address;
  logic [16*LANES-1:0] data;
  logic [16*WRITE_LANES-1:0] held;
  logic [PARTS-1:0] writing;

  assign enable = !valid[1] || room;
  always_ff @(posedge clk) begin
    if (!rst_n) valid <= '0;
    else if (enable) valid <= {valid[0], issue};
  end
  always_ff @(posedge clk) begin
    if (enable) begin
      last    <= {last[0], job_end};
      address <= place(job.bank, row_base + 17'(row), first + word);
    end
    h_free        <= rst_n && enable && valid[0] && last[0];
    for (int unsigned p = 0; p < PARTS; p++) writing[p] <= write && write_word % 16'(PARTS) == 16'(p);
    write_address <= place(write_side, 17'(write_row), write_word / 16'(PARTS));
    held          <= write_data;
  end

  for (genvar p = 0; p < PARTS; p++) begin : g_part
    sdp_ram #(
        .WIDTH(16 * WRITE_LANES),
        .DEPTH(DEPTH)
    ) u_memory (
        .clk,
        .write        (writing[p]),
        .write_address,
        .write_data   (held),
        .read         (enable),
        .read_address (address),
        .read_data    (data[16*WRITE_LANES*p+:16*WRITE_LANES])
    );
  end

  axis_register #(
      .WIDTH(16 * LANES + 1)
  ) u_slice (
      .clk,
      .rst_n,
      .in_valid (valid[1]),
      .in_ready (room),
      .in_data  ({last[1], data}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );
endmodule
