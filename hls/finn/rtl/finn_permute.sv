// SPDX-License-Identifier: Apache-2.0
// Reorders the elements of a frame: split of heads, merge of heads, transpose of K.
//
// ORDER. A frame of ROWS * COLUMNS * LAST elements comes in LANES elements a beat, lowest first. It leaves in the
// order of three nested counters, the last one fastest, in which element (i, j, c) is the frame's element
// i*STRIDE_ROW + j*STRIDE_COLUMN + c*STRIDE_LAST.
//
// STORAGE. Two frames, one filling while the other leaves. A word is a beat. With STRIDE_LAST 1 an output beat is a
// word; otherwise the lanes read different words, and each lane has a copy of the memory.
//
// II = 1 beat per clock on both sides. Frames take B = ROWS*COLUMNS*LAST/LANES clocks each; the first beat leaves
// B + 2 clocks after the first one came.
module finn_permute #(
    parameter int unsigned BITS,           // of an element
    parameter int unsigned LANES,          // elements a beat; divides LAST, and the strides other than 1
    parameter int unsigned ROWS,           // outer output dimension
    parameter int unsigned COLUMNS,        // middle output dimension
    parameter int unsigned LAST,           // inner output dimension
    parameter int unsigned STRIDE_ROW,     // input elements from one row to the next
    parameter int unsigned STRIDE_COLUMN,
    parameter int unsigned STRIDE_LAST
) (
    input  logic                  clk,
    input  logic                  rst_n,      // synchronous, active low
    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic [LANES*BITS-1:0] in_data,
    output logic                  out_valid,
    input  logic                  out_ready,
    output logic [LANES*BITS-1:0] out_data
);
  localparam int unsigned ELEMENTS = ROWS * COLUMNS * LAST;
  localparam int unsigned BEATS = ELEMENTS / LANES;
  localparam int unsigned WORD_BITS = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam int unsigned INDEX_BITS = $clog2(ELEMENTS + 1);
  localparam int unsigned COPIES = (STRIDE_LAST == 1) ? 1 : LANES;
  typedef logic [INDEX_BITS-1:0] index_t;

  if (LAST % LANES != 0 || (STRIDE_LAST == 1
      && (STRIDE_ROW % LANES != 0 || STRIDE_COLUMN % LANES != 0))) begin : g_check_lanes
    $error("finn_permute: LANES %0d must divide LAST %0d and the strides", LANES, LAST);
  end

  // Writer.
  logic [1:0] full;
  logic write_bank, read_bank, write, read, last_write, last_read;
  logic [WORD_BITS-1:0] write_word;
  assign in_ready   = rst_n && !full[write_bank];
  assign write      = in_valid && in_ready;
  assign last_write = write_word == WORD_BITS'(BEATS - 1);
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      write_word <= '0;
      write_bank <= 1'b0;
    end else if (write) begin
      write_word <= last_write ? '0 : write_word + 1'b1;
      write_bank <= write_bank ^ last_write;
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) full <= '0;
    else begin
      if (read && last_read) full[read_bank] <= 1'b0;
      if (write && last_write) full[write_bank] <= 1'b1;
    end
  end

  // Reader: counters of the output, and the input element of each level.
  logic valid, advance, end_last, end_column, end_row;
  index_t row, column, last, row_at, column_at, at;
  assign advance    = !valid || !out_valid || out_ready;
  assign read       = full[read_bank] && advance;
  assign end_last   = last == index_t'(LAST - LANES);
  assign end_column = column == index_t'(COLUMNS - 1);
  assign end_row    = row == index_t'(ROWS - 1);
  assign last_read  = end_last && end_column && end_row;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      row       <= '0;
      column    <= '0;
      last      <= '0;
      row_at    <= '0;
      column_at <= '0;
      at        <= '0;
      read_bank <= 1'b0;
    end else if (read) begin
      last <= end_last ? '0 : last + index_t'(LANES);
      if (end_last) column <= end_column ? '0 : column + 1'b1;
      if (end_last && end_column) row <= end_row ? '0 : row + 1'b1;
      if (last_read) begin
        row_at    <= '0;
        column_at <= '0;
        at        <= '0;
        read_bank <= !read_bank;
      end else if (end_last && end_column) begin
        row_at    <= row_at + index_t'(STRIDE_ROW);
        column_at <= row_at + index_t'(STRIDE_ROW);
        at        <= row_at + index_t'(STRIDE_ROW);
      end else if (end_last) begin
        column_at <= column_at + index_t'(STRIDE_COLUMN);
        at        <= column_at + index_t'(STRIDE_COLUMN);
      end else begin
        at <= at + index_t'(STRIDE_LAST * LANES);
      end
    end
  end

  logic [LANES*BITS-1:0] found;
  for (genvar l = 0; l < COPIES; l++) begin : g_copy
    logic [LANES*BITS-1:0] memory[2**(WORD_BITS + 1)];
    logic [LANES*BITS-1:0] word;
    index_t element;
    assign element = at + index_t'(STRIDE_LAST * l);
    always_ff @(posedge clk) begin
      if (write) memory[{write_bank, write_word}] <= in_data;
      if (read) word <= memory[{read_bank, WORD_BITS'(element / index_t'(LANES))}];
    end
    if (COPIES == 1) begin : g_word
      assign found = word;
    end else begin : g_lane
      index_t lane;
      always_ff @(posedge clk) if (read) lane <= element % index_t'(LANES);
      assign found[BITS*l+:BITS] = word[BITS*lane+:BITS];
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid     <= 1'b0;
      out_valid <= 1'b0;
    end else begin
      if (advance) valid <= read;
      if (!out_valid || out_ready) out_valid <= valid;
    end
  end
  always_ff @(posedge clk) if (!out_valid || out_ready) out_data <= found;
endmodule
