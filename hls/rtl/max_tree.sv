// SPDX-License-Identifier: Apache-2.0
// Largest of those of COUNT signed values that `keep` marks, as a tree of ceil(log2(COUNT)) comparisons.
// The kept ones are the first n, n >= 1: a half is left out where its first value is. Combinational.
module max_tree #(
    parameter int unsigned COUNT,  // >= 1
    parameter int unsigned WIDTH
) (
    input  logic [COUNT-1:0][WIDTH-1:0] values,   // two's complement
    input  logic [COUNT-1:0]            keep,
    output logic signed [WIDTH-1:0]     largest
);
  if (COUNT < 1) begin : g_check
    $error("max_tree: COUNT is %0d, must be at least 1", COUNT);
  end

  if (COUNT == 1) begin : g_leaf
    logic unused;
    assign unused  = keep[0];
    assign largest = values[0];
  end else begin : g_node
    localparam int unsigned LOW = COUNT / 2;
    logic signed [WIDTH-1:0] low, high;
    max_tree #(
        .COUNT(LOW),
        .WIDTH(WIDTH)
    ) u_low (
        .values(values[LOW-1:0]),
        .keep(keep[LOW-1:0]),
        .largest(low)
    );
    max_tree #(
        .COUNT(COUNT - LOW),
        .WIDTH(WIDTH)
    ) u_high (
        .values(values[COUNT-1:LOW]),
        .keep(keep[COUNT-1:LOW]),
        .largest(high)
    );
    assign largest = (keep[LOW] && high > low) ? high : low;
  end
endmodule
