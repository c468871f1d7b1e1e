// SPDX-License-Identifier: Apache-2.0
// popcount.sv, synthesis form, with a register behind its first layer: latency one clock, II = 1.
module popcount_stage #(
    parameter int unsigned WIDTH  // bits to count, >= 1
) (
    input  logic                         clk,
    input  logic [WIDTH-1:0]             bits,
    output logic [$clog2(WIDTH + 1)-1:0] count
);
  localparam int unsigned GROUPS = (WIDTH + 5) / 6;
  localparam int unsigned COUNT_BITS = $clog2(WIDTH + 1);
  localparam int unsigned PART_BITS = $clog2(GROUPS + 1);
  logic [2:0][GROUPS-1:0] fresh, column;
  logic [2:0][PART_BITS-1:0] part;

  compressor_layer #(
      .WIDTH(WIDTH)
  ) u_layer (
      .bits,
      .column(fresh)
  );
  always_ff @(posedge clk) column <= fresh;
  for (genvar c = 0; c < 3; c++) begin : g_column
    popcount #(
        .WIDTH(GROUPS),
        .STRUCTURAL(1'b1)
    ) u_column (
        .bits (column[c]),
        .count(part[c])
    );
  end
  assign count = COUNT_BITS'(part[0]) + (COUNT_BITS'(part[1]) << 1) + (COUNT_BITS'(part[2]) << 2);
endmodule
