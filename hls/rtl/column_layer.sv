// SPDX-License-Identifier: Apache-2.0
// One layer of a compressor tree (column_pkg.sv). Combinational. Bits above a column's height are 0.
module column_layer
  import column_pkg::*;
#(
    parameter heights_t HEIGHTS,
    localparam int unsigned ROWS = highest(HEIGHTS),
    localparam int unsigned NEXT_ROWS = highest(next_heights(HEIGHTS))
) (
    input  logic [COLUMNS-1:0][ROWS-1:0]      bits,
    output logic [COLUMNS-1:0][NEXT_ROWS-1:0] next
);
  logic [COLUMNS-1:0][2:0][ROWS-1:0] made;  // by place within the column's compressors
  logic unused;
  assign unused = &{1'b0, bits, made};

  for (genvar c = 0; c < COLUMNS; c++) begin : g_column
    localparam int unsigned H = 32'(HEIGHTS[c]);
    localparam int unsigned SIXES = sixes(H);
    for (genvar g = 0; g < SIXES; g++) begin : g_six
      logic [5:0] taken;
      if (6 * g + 6 <= H) begin : g_full
        assign taken = bits[c][6*g+:6];
      end else begin : g_part
        assign taken = 6'(bits[c][H-1:6*g]);
      end
      compressor6 u_compressor (
          .bits (taken),
          .count({made[c][2][g], made[c][1][g], made[c][0][g]})
      );
    end
    if (threes(H) == 1) begin : g_three
      full_adder u_adder (
          .bits (bits[c][6*SIXES+:3]),
          .count({made[c][1][SIXES], made[c][0][SIXES]})
      );
    end
    for (genvar p = 0; p < passes(H); p++) begin : g_pass
      assign made[c][0][own(H)-1-p] = bits[c][H-1-p];
    end
    for (genvar i = own(H); i < ROWS; i++) begin : g_none
      assign made[c][0][i] = 1'b0;
    end
    for (genvar i = SIXES + threes(H); i < ROWS; i++) begin : g_none_2
      assign made[c][1][i] = 1'b0;
    end
    for (genvar i = SIXES; i < ROWS; i++) begin : g_none_4
      assign made[c][2][i] = 1'b0;
    end
  end

  for (genvar c = 0; c < COLUMNS; c++) begin : g_next
    localparam int unsigned OWN = own(32'(HEIGHTS[c]));
    localparam int unsigned TWOS = (c >= 1) ? sixes(32'(HEIGHTS[(c+COLUMNS-1)%COLUMNS]))
        + threes(32'(HEIGHTS[(c+COLUMNS-1)%COLUMNS])) : 0;
    localparam int unsigned FOURS = (c >= 2) ? sixes(32'(HEIGHTS[(c+COLUMNS-2)%COLUMNS])) : 0;
    for (genvar i = 0; i < NEXT_ROWS; i++) begin : g_bit
      if (i < OWN) begin : g_own
        assign next[c][i] = made[c][0][i];
      end else if (i < OWN + TWOS) begin : g_two
        assign next[c][i] = made[c-1][1][i-OWN];
      end else if (i < OWN + TWOS + FOURS) begin : g_four
        assign next[c][i] = made[c-2][2][i-OWN-TWOS];
      end else begin : g_zero
        assign next[c][i] = 1'b0;
      end
    end
  end
endmodule
