// SPDX-License-Identifier: Apache-2.0
// e = EXP2[x & 63] >> (x >> 6) for x = 0..1023, with EXP2[f] = floor(2^15 * 2^(-f/64) + 1/2) (docs/numerics.md),
// of PORTS values at once, one clock; 0 where `clear`. A block RAM, of which a half serves two ports.
// hls/reference/tables.py computes the entries of EXP2 exactly; tests hold this table to it.
module exp2_table #(
    parameter int unsigned PORTS  // 1 or 2
) (
    input  logic                    clk,
    input  logic [PORTS-1:0]        clear,
    input  logic [PORTS-1:0][9:0]   x,
    output logic [PORTS-1:0][15:0]  e
);
  localparam logic [15:0] EXP2[64] = '{
    16'd32768, 16'd32415, 16'd32066, 16'd31720, 16'd31379, 16'd31041, 16'd30706, 16'd30376,
    16'd30048, 16'd29725, 16'd29405, 16'd29088, 16'd28774, 16'd28464, 16'd28158, 16'd27855,
    16'd27554, 16'd27258, 16'd26964, 16'd26674, 16'd26386, 16'd26102, 16'd25821, 16'd25543,
    16'd25268, 16'd24995, 16'd24726, 16'd24460, 16'd24196, 16'd23936, 16'd23678, 16'd23423,
    16'd23170, 16'd22921, 16'd22674, 16'd22430, 16'd22188, 16'd21949, 16'd21713, 16'd21479,
    16'd21247, 16'd21019, 16'd20792, 16'd20568, 16'd20347, 16'd20127, 16'd19911, 16'd19696,
    16'd19484, 16'd19274, 16'd19066, 16'd18861, 16'd18658, 16'd18457, 16'd18258, 16'd18061,
    16'd17867, 16'd17674, 16'd17484, 16'd17296, 16'd17109, 16'd16925, 16'd16743, 16'd16562
  };


  (* ram_style = "block" *) logic [15:0] memory[1024];
  initial begin
    for (int unsigned i = 0; i < 1024; i++) memory[i] = EXP2[i%64] >> (i / 64);
  end

  for (genvar p = 0; p < PORTS; p++) begin : g_port
    always_ff @(posedge clk) begin
      if (clear[p]) e[p] <= '0;
      else e[p] <= memory[x[p]];
    end
  end
endmodule
