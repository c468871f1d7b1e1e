// SPDX-License-Identifier: Apache-2.0
// count = popcount(a & b), two registers: latency two clocks, II = 1.
//
// STRUCTURAL 1 folds the AND into the first compressor layer: three pairs are six inputs, and
// their number (0..3) is two LUT6. The XNOR product of two {-1,+1} operands needs no gate of its
// own: 2*pc(~(a ^ b)) - N = 4*pc(a & b) - 2*pc(a) - 2*pc(b) + N (see qmm_array.sv), and an
// AND/XNOR select would be a seventh input of every first-layer LUT.
module and_popcount
  import column_pkg::*;
#(
    parameter int unsigned WIDTH,      // pairs, >= 1
    parameter bit          STRUCTURAL  // 0 simulation, 1 synthesis
) (
    input  logic                         clk,
    input  logic [WIDTH-1:0]             a,
    input  logic [WIDTH-1:0]             b,
    output logic [$clog2(WIDTH + 1)-1:0] count
);
  localparam int unsigned COUNT_BITS = $clog2(WIDTH + 1);
  localparam int unsigned GROUPS = (WIDTH + 2) / 3;

  if (!STRUCTURAL) begin : g_simulation
    logic [COUNT_BITS-1:0] count_q;
    always_ff @(posedge clk) begin
      count_q <= COUNT_BITS'($countones(a & b));
      count   <= count_q;
    end
  end else begin : g_tree
    localparam heights_t HEIGHTS = heights_t'({16'(GROUPS), 16'(GROUPS)});
    logic [3*GROUPS-1:0] padded_a, padded_b;
    logic [GROUPS-1:0] ones, twos;
    assign padded_a = (3 * GROUPS)'(a);
    assign padded_b = (3 * GROUPS)'(b);
    for (genvar g = 0; g < GROUPS; g++) begin : g_group
      pair_compressor u_compressor (
          .a(padded_a[3*g+:3]),
          .b(padded_b[3*g+:3]),
          .count({twos[g], ones[g]})
      );
    end
    column_count #(
        .HEIGHTS(HEIGHTS),
        .COUNT_BITS(COUNT_BITS)
    ) u_count (
        .clk,
        .bits((COLUMNS * GROUPS)'({twos, ones})),
        .count
    );
  end
endmodule
