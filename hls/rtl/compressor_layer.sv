// SPDX-License-Identifier: Apache-2.0
// First layer of a popcount: six bits become a three-bit number, and bit c of all these numbers is
// a column of place value 2^c: sum_i bits[i] = sum_c 2^c popcount(column[c]). Combinational.
// Three bits or fewer are left to the synthesis tool: a compressor with constant inputs would waste
// a LUT6.
module compressor_layer #(
    parameter  int unsigned WIDTH,                  // bits to count, >= 1
    localparam int unsigned GROUPS = (WIDTH + 5) / 6
) (
    input  logic [WIDTH-1:0]       bits,
    output logic [2:0][GROUPS-1:0] column
);
  for (genvar g = 0; g < GROUPS; g++) begin : g_group
    localparam int unsigned REST = (WIDTH - 6 * g < 6) ? WIDTH - 6 * g : 6;
    logic [2:0] number;
    if (REST <= 3) begin : g_direct
      assign number = 3'($countones(bits[6*g+:REST]));
    end else begin : g_compressor
      compressor6 u_compressor (
          .bits (6'(bits[6*g+:REST])),
          .count(number)
      );
    end
    assign {column[2][g], column[1][g], column[0][g]} = number;
  end
endmodule
