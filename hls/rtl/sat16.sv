// SPDX-License-Identifier: Apache-2.0
// Saturation to int16 in one clock; `changed` says that the value was outside (docs/numerics.md).
module sat16 (
    input  logic        clk,
    input  logic        enable,
    input  logic        count,     // 0: padding, which becomes 0 and never counts
    input  logic [15:0] value,
    input  logic        outside,   // the true value is no int16, and has the sign `negative`
    input  logic        negative,
    output logic [15:0] result,
    output logic        changed
);
  always_ff @(posedge clk) begin
    if (enable) begin
      changed <= count && outside;
      if (!count) result <= '0;
      else result <= outside ? {negative, {15{!negative}}} : value;
    end
  end
endmodule
