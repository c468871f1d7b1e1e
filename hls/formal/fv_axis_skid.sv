// SPDX-License-Identifier: Apache-2.0
// axis_skid.sv keeps stream_order.sv with two entries. Invariants: where the entries are.
module fv_axis_skid (
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

  axis_skid #(.WIDTH(3)) dut (.*);
  stream_order #(.WIDTH(3), .CAPACITY(2)) order (.*);

  always_comb begin
    if (past) begin
      assert (dut.live == running);
      assert (held == 2'(out_valid) + 2'(dut.spare_valid));
      if (tracked) begin
        assert (ahead < held);
        if (ahead == 2'd1) assert (dut.spare_data == payload);
      end
    end
  end
endmodule
