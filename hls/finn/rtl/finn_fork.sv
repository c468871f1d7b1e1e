// SPDX-License-Identifier: Apache-2.0
// Copies one stream to COPIES streams. II = 1 beat per clock, no latency.
//
// A beat leaves when every copy has been taken; a copy taken early is not offered again. TREADY of the input
// follows the outputs' TREADY through logic, so a FIFO belongs behind each copy (the graph puts one there).
module finn_fork #(
    parameter int unsigned WIDTH,  // bits of TDATA
    parameter int unsigned COPIES  // output streams, >= 2
) (
    input  logic              clk,
    input  logic              rst_n,      // synchronous, active low
    input  logic              in_valid,
    output logic              in_ready,
    input  logic [WIDTH-1:0]  in_data,
    output logic [COPIES-1:0] out_valid,
    input  logic [COPIES-1:0] out_ready,
    output logic [WIDTH-1:0]  out_data
);
  if (COPIES < 2) begin : g_check_copies
    $error("finn_fork: COPIES %0d must be at least 2", COPIES);
  end

  logic [COPIES-1:0] taken;  // copies of the offered beat that have gone

  assign out_data  = in_data;
  assign out_valid = in_valid ? ~taken : '0;
  assign in_ready  = &(taken | out_ready);
  always_ff @(posedge clk) begin
    if (!rst_n) taken <= '0;
    else if (in_valid) taken <= in_ready ? '0 : taken | out_ready;
  end
endmodule
