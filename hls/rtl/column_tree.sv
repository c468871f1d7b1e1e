// SPDX-License-Identifier: Apache-2.0
// Sum of columns of bits: count = sum_c 2^c popcount(bits[c]), by layers of compressors until two rows
// are left and one carry chain adds them. Combinational. Bits above a column's height are 0. Read with
// the hierarchy kept (yosys: read_slang --keep-hierarchy).
module column_tree
  import column_pkg::*;
#(
    parameter heights_t    HEIGHTS,
    parameter int unsigned COUNT_BITS,
    localparam int unsigned ROWS = highest(HEIGHTS)
) (
    input  logic [COLUMNS-1:0][ROWS-1:0] bits,
    output logic [COUNT_BITS-1:0]        count
);
  logic unused;
  assign unused = &{1'b0, bits};  // columns beyond the highest count

  if (ROWS == 1) begin : g_done
    assign count = COUNT_BITS'(bits);
  end else if (ROWS == 2) begin : g_add
    logic [1:0][COLUMNS-1:0] row;
    for (genvar c = 0; c < COLUMNS; c++) begin : g_column
      assign {row[1][c], row[0][c]} = bits[c];
    end
    logic unused_row;
    assign unused_row = &{1'b0, row};
    assign count = COUNT_BITS'(row[0]) + COUNT_BITS'(row[1]);
  end else begin : g_layer
    localparam heights_t NEXT = next_heights(HEIGHTS);
    logic [COLUMNS-1:0][highest(NEXT)-1:0] next;
    column_layer #(
        .HEIGHTS(HEIGHTS)
    ) u_layer (
        .bits,
        .next
    );
    column_tree #(
        .HEIGHTS(NEXT),
        .COUNT_BITS(COUNT_BITS)
    ) u_rest (
        .bits(next),
        .count
    );
  end
endmodule
