// SPDX-License-Identifier: Apache-2.0
// Follows a matrix through its beats: for row tile, for column tile, for row of the tile, for word.
// This is the order of the QMM engine's results; one column tile of one row is row order. `address`
// is the word's place in its row. No multiplier: every index counts.
module tile_walk #(
    parameter int unsigned WORDS,  // most words of a row, >= 2
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS)
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    advance,    // a beat is taken in this clock
    input  logic [15:0]             rows,       // as in job_t, stable during the job
    input  logic [15:0]             tile_rows,
    input  logic [15:0]             tiles,
    input  logic [15:0]             words,
    output logic [ADDRESS_BITS-1:0] address,
    output logic                    row_valid,  // 0: this row is padding of the last row tile
    output logic                    last,       // last beat of the job
    output logic                    overflow    // this word is the table's last, but the row has more
);
  logic [15:0] word, row, tile, next_word, next_row, next_tile;
  logic [16:0] row_base, next_base;
  logic [ADDRESS_BITS-1:0] tile_base;
  logic word_end, row_end, tile_end, job_end;

  assign next_word = 16'd1 + word;
  assign next_row  = 16'd1 + row;
  assign next_tile = 16'd1 + tile;
  assign next_base = row_base + 17'(tile_rows);
  assign word_end  = next_word == words;
  assign row_end   = next_row == tile_rows;
  assign tile_end  = next_tile == tiles;
  assign job_end   = next_base >= 17'(rows);
  assign row_valid = row_base + 17'(row) < 17'(rows);
  assign last      = word_end && row_end && tile_end && job_end;
  assign overflow  = address == ADDRESS_BITS'(WORDS - 1) && !(word_end && tile_end);

  always_ff @(posedge clk) begin
    if (!rst_n || (advance && last)) begin
      word      <= '0;
      row       <= '0;
      tile      <= '0;
      row_base  <= '0;
      tile_base <= '0;
      address   <= '0;
    end else if (advance && !word_end) begin
      word    <= next_word;
      address <= address + 1'b1;
    end else if (advance && !row_end) begin
      word    <= '0;
      row     <= next_row;
      address <= tile_base;
    end else if (advance) begin
      word      <= '0;
      row       <= '0;
      tile      <= tile_end ? '0 : next_tile;
      tile_base <= tile_end ? '0 : address + 1'b1;
      address   <= tile_end ? '0 : address + 1'b1;
      if (tile_end) row_base <= next_base;
    end
  end
endmodule
