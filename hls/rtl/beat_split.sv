// SPDX-License-Identifier: Apache-2.0
// A wide beat as FACTOR narrow ones, lowest part first: results of the engine for a unit of fewer lanes. TLAST
// goes with the last part of a beat. II = 1 beat out, no register: the choice stands between those of the two sides.
// Source: ours.
module beat_split #(
    parameter int unsigned WIDTH,  // bits of a beat out
    parameter int unsigned FACTOR  // beats out of one in, a power of two
) (
    input  logic                    clk,
    input  logic                    rst_n,      // synchronous, active low
    input  logic                    in_valid,
    output logic                    in_ready,
    input  logic [FACTOR*WIDTH-1:0] in_data,
    input  logic                    in_last,
    output logic                    out_valid,
    input  logic                    out_ready,
    output logic [WIDTH-1:0]        out_data,
    output logic                    out_last
);
  if (FACTOR < 1 || 2 ** $clog2(FACTOR) != FACTOR) begin : g_check_factor
    $error("beat_split: FACTOR %0d must be a power of two: give lanes that divide each other", FACTOR);
  end

  assign out_valid = in_valid;
  if (FACTOR == 1) begin : g_same
    logic unused;
    assign unused   = &{1'b0, clk, rst_n};
    assign in_ready = out_ready;
    assign out_data = in_data;
    assign out_last = in_last;
  end else begin : g_parts
    logic [FACTOR-1:0][WIDTH-1:0] parts;
    logic [$clog2(FACTOR)-1:0] part;
    logic ends;
    assign parts    = in_data;
    assign ends     = part == '1;
    assign in_ready = out_ready && ends;
    assign out_data = parts[part];
    assign out_last = in_last && ends;
    always_ff @(posedge clk) begin
      if (!rst_n) part <= '0;
      else if (in_valid && out_ready) part <= part + 1'b1;
    end
  end
endmodule
