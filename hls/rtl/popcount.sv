// SPDX-License-Identifier: Apache-2.0
// count = number of ones in a word, two registers: latency two clocks, II = 1.
//
// STRUCTURAL 0: $countones, ten to twenty times faster to simulate.
// STRUCTURAL 1: a tree of 6:3 compressors (column_tree.sv), a register behind its first layer.
// Both forms give the same integer (tests/hls/test_rtl_popcount.py).
module popcount
  import column_pkg::*;
#(
    parameter int unsigned WIDTH,      // bits to count, 1 to 1023
    parameter bit          STRUCTURAL  // 0 simulation, 1 synthesis
) (
    input  logic                         clk,
    input  logic [WIDTH-1:0]             bits,
    output logic [$clog2(WIDTH + 1)-1:0] count
);
  localparam int unsigned COUNT_BITS = $clog2(WIDTH + 1);

  if (WIDTH < 1 || WIDTH > 1023) begin : g_check
    $error("popcount: WIDTH is %0d, must be 1 to 1023", WIDTH);
  end

  if (!STRUCTURAL) begin : g_simulation
    logic [COUNT_BITS-1:0] count_q;
    always_ff @(posedge clk) begin
      count_q <= COUNT_BITS'($countones(bits));
      count   <= count_q;
    end
  end else begin : g_tree
    localparam heights_t HEIGHTS = heights_t'(WIDTH);
    column_count #(
        .HEIGHTS(HEIGHTS),
        .COUNT_BITS(COUNT_BITS)
    ) u_count (
        .clk,
        .bits((COLUMNS * WIDTH)'(bits)),
        .count
    );
  end
endmodule
