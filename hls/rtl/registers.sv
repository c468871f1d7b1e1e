// SPDX-License-Identifier: Apache-2.0
// Delay of STAGES clocks in which `enable` is high, in flip-flops: what delay.sv does where these are
// plentiful and LUTs are not.
module registers #(
    parameter int unsigned WIDTH,
    parameter int unsigned STAGES  // >= 1
) (
    input  logic             clk,
    input  logic             enable,
    input  logic [WIDTH-1:0] in,
    output logic [WIDTH-1:0] out
);
  (* shreg_extract = "no", keep *) logic [STAGES-1:0][WIDTH-1:0] held;
  assign out = held[STAGES-1];

  always_ff @(posedge clk) begin
    if (enable) begin
      held[0] <= in;
      for (int unsigned s = 1; s < STAGES; s++) held[s] <= held[s-1];
    end
  end
endmodule
