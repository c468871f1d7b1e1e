// SPDX-License-Identifier: Apache-2.0
// Number of ones in a word: count = sum_i bits[i]. Combinational.
//
// STRUCTURAL 0: $countones, ten to twenty times faster to simulate.
// STRUCTURAL 1: a tree of 6:3 compressors: the columns of compressor_layer.sv are counted the same
//   way, recursively.
// Both forms give the same integer (tests/hls/test_rtl_popcount.py). Read with the hierarchy kept
// (yosys: read_slang --keep-hierarchy); flattened, logic optimization takes the compressors apart.
module popcount #(
    parameter int unsigned WIDTH,      // bits to count, >= 1
    parameter bit          STRUCTURAL  // 0 simulation, 1 synthesis
) (
    input  logic [WIDTH-1:0]             bits,
    output logic [$clog2(WIDTH + 1)-1:0] count
);
  localparam int unsigned COUNT_BITS = $clog2(WIDTH + 1);
  localparam int unsigned GROUPS = (WIDTH + 5) / 6;

  if (WIDTH < 1) begin : g_check
    $error("popcount: WIDTH is %0d, must be at least 1", WIDTH);
  end

  if (!STRUCTURAL || WIDTH <= 3) begin : g_direct
    assign count = COUNT_BITS'($countones(bits));
  end else begin : g_tree
    logic [2:0][GROUPS-1:0] column;
    compressor_layer #(
        .WIDTH(WIDTH)
    ) u_layer (
        .bits,
        .column
    );
    if (GROUPS == 1) begin : g_leaf
      assign count = COUNT_BITS'({column[2], column[1], column[0]});
    end else begin : g_node
      localparam int unsigned PART_BITS = $clog2(GROUPS + 1);
      logic [2:0][PART_BITS-1:0] part;
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
    end
  end
endmodule
