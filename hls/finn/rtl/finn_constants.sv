// SPDX-License-Identifier: Apache-2.0
// Offers COUNT beats of constants again and again, TLAST on the last of each round. II = 1 beat per clock.
module finn_constants #(
    parameter int unsigned COUNT,                 // beats of a round, >= 1
    parameter logic [COUNT*128-1:0] CONSTANTS     // beat 0 in the lowest 128 bits
) (
    input  logic         clk,
    input  logic         rst_n,     // synchronous, active low
    output logic         valid,
    input  logic         ready,
    output logic [127:0] data,
    output logic         last
);
  localparam int unsigned INDEX_BITS = $clog2(COUNT + 1);

  logic [INDEX_BITS-1:0] index;
  assign valid = rst_n;
  assign last  = index == INDEX_BITS'(COUNT - 1);
  assign data  = CONSTANTS[128*index+:128];
  always_ff @(posedge clk) begin
    if (!rst_n) index <= '0;
    else if (ready) index <= last ? '0 : index + 1'b1;
  end
endmodule
