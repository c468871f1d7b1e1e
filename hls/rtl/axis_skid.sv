// SPDX-License-Identifier: Apache-2.0
// AXI4-Stream register slice of two entries. Every output is a register, so no combinational path
// joins the two sides; a beat stays unchanged until it is taken; throughput one beat per clock,
// latency one clock. The second entry catches the beat that is under way when `out_ready` falls.
module axis_skid #(
    parameter int unsigned WIDTH  // bits of TDATA and TLAST together
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
  logic             spare_valid;
  logic [WIDTH-1:0] spare_data;
  logic             advance;
  logic             live;  // 0 during reset, so that no beat is taken and lost

  assign in_ready = live && !spare_valid;
  assign advance  = out_ready || !out_valid;

  always_ff @(posedge clk) begin
    live <= rst_n;
    if (!rst_n) begin
      out_valid   <= 1'b0;
      spare_valid <= 1'b0;
    end else if (advance) begin
      out_valid   <= spare_valid || (in_valid && in_ready);
      spare_valid <= 1'b0;
    end else if (in_valid && in_ready) begin
      spare_valid <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (advance) out_data <= spare_valid ? spare_data : in_data;
    if (in_ready) spare_data <= in_data;
  end
endmodule
