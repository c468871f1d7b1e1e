// SPDX-License-Identifier: Apache-2.0
// Properties of a stream element that holds at most CAPACITY beats and gives them out in order:
//   reset      after a clock with reset it offers nothing and takes nothing
//   stability  an offered beat stays, unchanged, until it is taken (AXI4-Stream)
//   bounds     never more than CAPACITY beats inside (overflow), never a beat out of none (underflow)
//   no loss    with a beat inside it offers one
//   no stall   with room for a beat it takes one; with CAPACITY 1 also while its beat leaves
//   order      one beat, chosen freely by `mark`, comes out when all before it have, unchanged
// `held`, `tracked`, `ahead` and `payload` are ghosts for the invariants of the wrappers.
module stream_order #(
    parameter int unsigned WIDTH,
    parameter int unsigned CAPACITY,
    localparam int unsigned BITS = $clog2(CAPACITY + 2)
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             mark,
    input  logic             in_valid,
    input  logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    input  logic             out_valid,
    input  logic             out_ready,
    input  logic [WIDTH-1:0] out_data,
    output logic             past,     // not the first clock
    output logic             running,  // the clock before was none of reset
    output logic [BITS-1:0]  held,
    output logic             tracked,
    output logic [BITS-1:0]  ahead,    // beats that leave before the tracked one
    output logic [WIDTH-1:0] payload
);
  logic push, pop, was_offered;
  logic [WIDTH-1:0] was_data;

  initial past = 1'b0;
  assign push = in_valid && in_ready;
  assign pop  = out_valid && out_ready;

  always_ff @(posedge clk) begin
    past        <= 1'b1;
    running     <= rst_n;
    was_offered <= rst_n && out_valid && !out_ready;
    was_data    <= out_data;
    if (!rst_n) begin
      held    <= '0;
      tracked <= 1'b0;
    end else begin
      held <= held + BITS'(push) - BITS'(pop);
      if (!tracked && push && mark) begin
        tracked <= 1'b1;
        ahead   <= held - BITS'(pop);
        payload <= in_data;
      end else if (tracked && pop) begin
        if (ahead == '0) tracked <= 1'b0;
        ahead <= ahead - 1'b1;
      end
    end
  end

  always_comb begin
    if (!past) assume (!rst_n);
    if (past) begin
      if (!running) assert (!in_ready && !out_valid);
      if (was_offered) assert (out_valid && out_data == was_data);
      assert (held <= BITS'(CAPACITY));
      assert (out_valid == (held != '0));
      if (running) assert (in_ready == (held != BITS'(CAPACITY) || (CAPACITY == 1 && pop)));
      if (tracked && out_valid && ahead == '0) assert (out_data == payload);
    end
    cover (past && held == BITS'(CAPACITY) && tracked && ahead == BITS'(CAPACITY - 1));
    cover (past && tracked && ahead == '0 && pop);
  end
endmodule
