// SPDX-License-Identifier: Apache-2.0
// AXI4-Stream register of one entry: valid and data are registers, ready looks through to `out_ready`.
// A beat stays unchanged until it is taken; throughput one beat per clock, latency one clock. Where
// `out_ready` depends on registers alone, no combinational path joins the two sides, as with
// axis_skid.sv, and no multiplexer is spent on the data.
module axis_register #(
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
  logic live;  // 0 during reset, so that no beat is taken and lost

  assign in_ready = live && (!out_valid || out_ready);

  always_ff @(posedge clk) begin
    live <= rst_n;
    if (!rst_n) out_valid <= 1'b0;
    else if (in_ready) out_valid <= in_valid;
  end
  always_ff @(posedge clk) if (in_ready) out_data <= in_data;
endmodule
