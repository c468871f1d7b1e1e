// SPDX-License-Identifier: Apache-2.0
// Changes the number of int16 values in a beat from IN_LANES to OUT_LANES, in order, lane 0 first.
// The counts are powers of two; a stream holds whole beats of the wider side.
//
// II = 1 on the narrower side. Latency: wider output, one clock after its last input beat; narrower
// output, one clock; equal, none (wires). Source: ours.
module lane_gearbox #(
    parameter int unsigned IN_LANES,
    parameter int unsigned OUT_LANES
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    in_valid,
    output logic                    in_ready,
    input  logic [16*IN_LANES-1:0]  in_data,
    output logic                    out_valid,
    input  logic                    out_ready,
    output logic [16*OUT_LANES-1:0] out_data
);
  localparam int unsigned IN_BITS = 16 * IN_LANES;
  localparam int unsigned OUT_BITS = 16 * OUT_LANES;

  if (IN_LANES == OUT_LANES) begin : g_equal
    logic unused;
    assign unused    = &{clk, rst_n};
    assign out_valid = in_valid;
    assign in_ready  = out_ready;
    assign out_data  = in_data;
  end else if (IN_LANES < OUT_LANES) begin : g_gather
    localparam int unsigned STEPS = OUT_LANES / IN_LANES;
    localparam int unsigned INDEX_BITS = $clog2(STEPS);
    logic [INDEX_BITS-1:0] index;

    assign in_ready = !out_valid || out_ready;
    always_ff @(posedge clk) begin
      if (!rst_n) begin
        index     <= '0;
        out_valid <= 1'b0;
      end else if (in_valid && in_ready) begin
        index     <= index + 1'b1;
        out_valid <= &index;
      end else if (out_ready) begin
        out_valid <= 1'b0;
      end
    end
    always_ff @(posedge clk) begin
      if (in_valid && in_ready) out_data <= {in_data, out_data[OUT_BITS-1:IN_BITS]};
    end
  end else begin : g_scatter
    localparam int unsigned STEPS = IN_LANES / OUT_LANES;
    localparam int unsigned INDEX_BITS = $clog2(STEPS);
    logic [INDEX_BITS-1:0] index;
    logic [IN_BITS-1:0] held;

    assign in_ready = !out_valid || (out_ready && &index);
    assign out_data = held[OUT_BITS-1:0];
    always_ff @(posedge clk) begin
      if (!rst_n) begin
        index     <= '0;
        out_valid <= 1'b0;
      end else begin
        if (in_ready) out_valid <= in_valid;
        if (out_valid && out_ready) index <= index + 1'b1;
      end
    end
    always_ff @(posedge clk) begin
      if (in_ready) held <= in_data;
      else if (out_ready) held <= held >> OUT_BITS;
    end
  end
endmodule
