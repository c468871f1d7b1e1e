// SPDX-License-Identifier: Apache-2.0
// Sum of COUNT signed values, one set per clock, in max(1, $clog2(COUNT)) stages, one
// adder each.
module adder_tree #(
    parameter int unsigned COUNT,    // >= 1
    parameter int unsigned IN_BITS,
    parameter int unsigned OUT_BITS  // >= IN_BITS + $clog2(COUNT)
) (
    input  logic                                     clk,
    input  logic signed [COUNT-1:0][IN_BITS-1:0]     in,
    output logic signed [OUT_BITS-1:0]               sum
);
  localparam int unsigned LEAVES = (COUNT > 1) ? 2 ** $clog2(COUNT) : 2;

  // A heap: node 1 is the root, nodes 2i and 2i+1 make node i. Leaves beyond COUNT are 0.
  logic signed [OUT_BITS-1:0] node[1:2*LEAVES-1];

  for (genvar i = 0; i < LEAVES; i++) begin : g_leaf
    if (i < COUNT) begin : g_value
      assign node[LEAVES+i] = OUT_BITS'($signed(in[i]));
    end else begin : g_zero
      assign node[LEAVES+i] = '0;
    end
  end
  for (genvar i = 1; i < LEAVES; i++) begin : g_node
    always_ff @(posedge clk) node[i] <= node[2*i] + node[2*i+1];
  end
  assign sum = node[1];
endmodule
