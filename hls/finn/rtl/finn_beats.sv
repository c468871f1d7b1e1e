// SPDX-License-Identifier: Apache-2.0
// TLAST for a stream that has none: high on every COUNT-th beat.
module finn_beats #(
    parameter int unsigned COUNT  // beats from one TLAST to the next, >= 1
) (
    input  logic clk,
    input  logic rst_n,  // synchronous, active low
    input  logic taken,  // a beat moves
    output logic last
);
  localparam int unsigned INDEX_BITS = $clog2(COUNT + 1);

  logic [INDEX_BITS-1:0] index;
  assign last = index == INDEX_BITS'(COUNT - 1);
  always_ff @(posedge clk) begin
    if (!rst_n) index <= '0;
    else if (taken) index <= last ? '0 : index + 1'b1;
  end
endmodule
