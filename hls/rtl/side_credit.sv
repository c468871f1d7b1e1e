// SPDX-License-Identifier: Apache-2.0
// Free sides of a double buffer whose sides are filled and emptied in turn: `free` while a writer may begin
// the next side. `take`: it begins. `give`: the oldest filled side has been read for the last time.
module side_credit #(
    parameter int unsigned SIDES  // 1 or 2
) (
    input  logic clk,
    input  logic rst_n,  // synchronous, active low
    input  logic take,   // only while `free`
    input  logic give,
    output logic free
);
  logic [1:0] count;
  assign free = count != '0;
  always_ff @(posedge clk) begin
    if (!rst_n) count <= 2'(SIDES);
    else count <= count + 2'(give) - 2'(take);
  end
endmodule
