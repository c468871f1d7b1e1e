// SPDX-License-Identifier: Apache-2.0
// axis_register.sv keeps stream_order.sv with one entry. Invariants: where the entry is.
module fv_axis_register (
    input logic       clk,
    input logic       rst_n,
    input logic       mark,
    input logic       in_valid,
    input logic [2:0] in_data,
    input logic       out_ready
);
  logic in_ready, out_valid, past, running, tracked;
  logic [2:0] out_data, payload;
  logic [1:0] held, ahead;

  axis_register #(.WIDTH(3)) dut (.*);
  stream_order #(.WIDTH(3), .CAPACITY(1)) order (.*);

  always_comb begin
    if (past) begin
      assert (dut.live == running);
      assert (held == 2'(out_valid));
      if (tracked) assert (ahead < held);
    end
  end
endmodule
