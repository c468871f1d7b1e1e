// SPDX-License-Identifier: Apache-2.0
// Sum of COUNT signed values, one set per clock, in max(1, $clog2(COUNT)) stages, one
// adder each, a bit wider in every stage.
module adder_tree #(
    parameter int unsigned COUNT,    // >= 1
    parameter int unsigned IN_BITS,
    parameter int unsigned OUT_BITS  // >= IN_BITS + max(1, $clog2(COUNT))
) (
    input  logic                                     clk,
    input  logic signed [COUNT-1:0][IN_BITS-1:0]     in,
    output logic signed [OUT_BITS-1:0]               sum
);
  localparam int unsigned STAGES = (COUNT > 1) ? $clog2(COUNT) : 1;
  localparam int unsigned LEAVES = 2 ** STAGES;

  for (genvar s = 0; s <= STAGES; s++) begin : g_stage
    localparam int unsigned NODES = LEAVES >> s;
    logic signed [NODES-1:0][IN_BITS+s-1:0] node;
    for (genvar i = 0; i < NODES; i++) begin : g_node
      if (s > 0) begin : g_sum
        always_ff @(posedge clk) begin
          node[i] <= (IN_BITS + s)'($signed(g_stage[s-1].node[2*i]))
                   + (IN_BITS + s)'($signed(g_stage[s-1].node[2*i+1]));
        end
      end else if (i < COUNT) begin : g_value
        assign node[i] = in[i];
      end else begin : g_zero
        assign node[i] = '0;
      end
    end
  end
  assign sum = OUT_BITS'($signed(g_stage[STAGES].node[0]));
endmodule
