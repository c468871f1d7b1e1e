// SPDX-License-Identifier: Apache-2.0
// Saturation to int16 in one clock; `changed` says that the value was outside (docs/numerics.md).
module sat16 #(
    parameter int unsigned WIDTH  // >= 16
) (
    input  logic                    clk,
    input  logic                    enable,
    input  logic                    count,    // 0: padding, which becomes 0 and never counts
    input  logic signed [WIDTH-1:0] value,
    input  logic                    over,       // the true value is far outside, of sign `over_sign`
    input  logic                    over_sign,
    output logic        [15:0]      result,
    output logic                    changed
);
  logic outside, sign;
  assign sign    = over ? over_sign : value[WIDTH-1];
  assign outside = over || value[WIDTH-1:15] != {(WIDTH - 15) {value[WIDTH-1]}};

  always_ff @(posedge clk) begin
    if (enable) begin
      changed <= count && outside;
      if (!count) result <= '0;
      else result <= outside ? {sign, {15{!sign}}} : value[15:0];
    end
  end
endmodule
