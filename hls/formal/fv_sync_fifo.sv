// SPDX-License-Identifier: Apache-2.0
// sync_fifo.sv keeps stream_order.sv. Invariants: the pointers, the count, and the place of the
// tracked entry in the memory or in the output register.
module fv_sync_fifo #(
    parameter int unsigned DEPTH,
    parameter bit REGISTERED
) (
    input logic       clk,
    input logic       rst_n,
    input logic       mark,
    input logic       in_valid,
    input logic [1:0] in_data,
    input logic       out_ready
);
  localparam int unsigned BITS = $clog2(DEPTH + 2);
  localparam int unsigned COUNT_BITS = $clog2(DEPTH + 1);
  logic in_ready, out_valid, past, running, tracked;
  logic [1:0] out_data, payload;
  logic [COUNT_BITS-1:0] count;
  logic [BITS-1:0] held, ahead;

  sync_fifo #(.WIDTH(2), .DEPTH(DEPTH), .REGISTERED(REGISTERED)) dut (.*);
  stream_order #(.WIDTH(2), .CAPACITY(DEPTH)) order (.*);

  logic in_register;
  int unsigned stored, place, distance;  // entries in memory; memory index of the tracked one
  assign in_register = REGISTERED && out_valid;
  assign stored      = 32'(count) - 32'(in_register);
  assign place       = (32'(dut.read_address) + 32'(ahead) - 32'(in_register)) % DEPTH;
  assign distance    = (32'(dut.write_address) + DEPTH - 32'(dut.read_address)) % DEPTH;

  always_comb begin
    if (past) begin
      assert (32'(count) == 32'(held));
      assert (32'(dut.write_address) < DEPTH && 32'(dut.read_address) < DEPTH);
      assert (distance == stored % DEPTH);
      if (tracked) begin
        assert (ahead < held);
        if (!(in_register && ahead == '0)) assert (dut.memory[COUNT_BITS'(place)] == payload);
      end
    end
  end
endmodule
