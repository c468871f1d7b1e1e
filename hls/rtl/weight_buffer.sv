// SPDX-License-Identifier: Apache-2.0
// Memory of weight words, a word being SIMD bits of each of OUTPUTS outputs; read a whole word a clock, latency one
// clock. Written in narrower beats, 64 bits of a group of outputs: a column is a group's COLUMN_BITS/64 outputs, each
// column and each 64-bit part of it a memory of its own. A beat may cover several columns side by side (SLICES).
// A write of part 0 writes `write_rest` into the other parts, so a word whose later parts never come is complete.
module weight_buffer #(
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned COLUMN_BITS,  // of a group of outputs, 64 an output
    parameter int unsigned SLICES,       // columns of the widest beat
    parameter int unsigned WORDS,        // >= 2
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned COLUMNS = 64 * OUTPUTS / COLUMN_BITS,
    localparam int unsigned PARTS = SIMD / 64,
    localparam int unsigned PART_BITS = (PARTS > 1) ? $clog2(PARTS) : 1
) (
    input  logic                                clk,
    input  logic [COLUMNS-1:0]                  write,         // by column
    input  logic [ADDRESS_BITS-1:0]             write_address,
    input  logic [PART_BITS-1:0]                write_part,
    input  logic [SLICES-1:0][COLUMN_BITS-1:0]  write_data,
    input  logic [SLICES-1:0][COLUMN_BITS-1:0]  write_rest,
    input  logic                                read,
    input  logic [ADDRESS_BITS-1:0]             read_address,
    output logic [OUTPUTS-1:0][SIMD-1:0]        word
);
  localparam int unsigned MEMBERS = COLUMN_BITS / 64;  // outputs of a group

  for (genvar c = 0; c < COLUMNS; c++) begin : g_column
    for (genvar s = 0; s < PARTS; s++) begin : g_part
      logic [MEMBERS-1:0][63:0] read_data;
      sdp_ram #(
          .WIDTH(COLUMN_BITS),
          .DEPTH(WORDS)
      ) u_ram (
          .clk,
          .write(write[c] && (write_part == PART_BITS'(s) || write_part == '0)),
          .write_address,
          .write_data((s == 0) ? write_data[c%SLICES] : write_rest[c%SLICES]),
          .read,
          .read_address,
          .read_data
      );
      for (genvar m = 0; m < MEMBERS; m++) begin : g_member
        assign word[c*MEMBERS+m][64*s+:64] = read_data[m];
      end
    end
  end
endmodule
