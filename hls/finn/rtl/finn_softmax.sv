// SPDX-License-Identifier: Apache-2.0
// The softmax unit (hls/rtl/softmax.sv) between FINN streams: scores of SCORE_BITS bits in, probabilities of
// BITS bits out, LANES a beat, rows of KEYS. The constants of docs/numerics.md are parameters.
//
// II, latency and pace are the unit's; this module adds none.
module finn_softmax #(
    parameter int unsigned LANES,         // divides KEYS
    parameter int unsigned KEYS,          // scores of a row
    parameter int unsigned SCORE_BITS,
    parameter int unsigned BITS,          // of a probability, 1..8
    parameter int unsigned OUT_BITS,      // of an output element, at least BITS
    parameter int unsigned ROWS,          // of exponentials, see softmax.sv
    parameter int unsigned DIVIDE_STEPS,
    parameter logic [127:0] CONSTANTS     // softmax_pkg::config_t
) (
    input  logic                        clk,
    input  logic                        rst_n,      // synchronous, active low
    input  logic                        in_valid,
    output logic                        in_ready,
    input  logic [LANES*SCORE_BITS-1:0] in_data,
    output logic                        out_valid,
    input  logic                        out_ready,
    output logic [LANES*OUT_BITS-1:0]   out_data
);
  if (KEYS % LANES != 0) begin : g_check_lanes
    $error("finn_softmax: LANES %0d must divide KEYS %0d", LANES, KEYS);
  end

  logic constants_ready, row_end, result_last;
  logic [2:0] error_code;
  logic [LANES-1:0][31:0] scores;
  logic [LANES-1:0][7:0] levels;
  for (genvar l = 0; l < LANES; l++) begin : g_lane
    assign scores[l] = 32'($signed(in_data[SCORE_BITS*l+:SCORE_BITS]));
    assign out_data[OUT_BITS*l+:OUT_BITS] = OUT_BITS'(levels[l][BITS-1:0]);
  end
  finn_beats #(
      .COUNT(KEYS / LANES)
  ) u_beats (
      .clk,
      .rst_n,
      .taken(in_valid && in_ready),
      .last (row_end)
  );
  softmax #(
      .LANES(LANES),
      .MAX_KEYS(KEYS),
      .SCORE_BITS(SCORE_BITS),
      .ROWS(ROWS),
      .DIVIDE_STEPS(DIVIDE_STEPS)
  ) u_softmax (
      .clk,
      .rst_n,
      .s_axis_c_tvalid(rst_n),
      .s_axis_c_tready(constants_ready),
      .s_axis_c_tdata(CONSTANTS),
      .s_axis_c_tlast(1'b1),
      .s_axis_s_tvalid(in_valid),
      .s_axis_s_tready(in_ready),
      .s_axis_s_tdata(scores),
      .s_axis_s_tlast(row_end),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .m_axis_tdata(levels),
      .m_axis_tlast(result_last),
      .error_code
  );
endmodule
