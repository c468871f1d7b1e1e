// SPDX-License-Identifier: Apache-2.0
// VU (hls/rtl/vu.sv) between FINN streams: accumulators of ACC_BITS bits and the int16 residual stream in, int16
// out, LANES a beat, frames of ROWS rows of CHANNELS. PARTS 2 (WTWS) takes a second stream of accumulators.
// A frame is a job of the unit: its constants come again for each, CHANNELS + 1 beats beside the data.
//
// II and latency are the unit's; frames take max(ROWS*CHANNELS/LANES, CHANNELS + 2) clocks.
module finn_residual #(
    parameter int unsigned LANES,     // divides CHANNELS, and is below it
    parameter int unsigned PARTS,     // 1 or 2
    parameter int unsigned ACC_BITS,  // 2..32
    parameter int unsigned CHANNELS,
    parameter int unsigned ROWS,
    parameter logic [(CHANNELS+1)*128-1:0] CONSTANTS
) (
    input  logic                                 clk,
    input  logic                                 rst_n,      // synchronous, active low
    input  logic [PARTS-1:0]                     acc_valid,
    output logic [PARTS-1:0]                     acc_ready,
    input  logic [PARTS-1:0][LANES*ACC_BITS-1:0] acc_data,
    input  logic                                 h_valid,
    output logic                                 h_ready,
    input  logic [LANES*16-1:0]                  h_data,
    output logic                                 out_valid,
    input  logic                                 out_ready,
    output logic [LANES*16-1:0]                  out_data
);
  if (CHANNELS % LANES != 0) begin : g_check_lanes
    $error("finn_residual: LANES %0d must divide CHANNELS %0d", LANES, CHANNELS);
  end

  logic constants_valid, constants_ready, constants_last, acc_end, h_end, result_last, count_valid, count_last;
  logic both, ready;
  logic [127:0] constants;
  logic [31:0] count;
  logic [2:0] error_code;
  logic [LANES-1:0][PARTS-1:0][31:0] acc;
  assign both = &acc_valid;
  for (genvar p = 0; p < PARTS; p++) begin : g_part
    assign acc_ready[p] = both && ready;
    for (genvar l = 0; l < LANES; l++) begin : g_lane
      assign acc[l][p] = 32'($signed(acc_data[p][ACC_BITS*l+:ACC_BITS]));
    end
  end
  finn_constants #(
      .COUNT(CHANNELS + 1),
      .CONSTANTS(CONSTANTS)
  ) u_constants (
      .clk,
      .rst_n,
      .valid(constants_valid),
      .ready(constants_ready),
      .data (constants),
      .last (constants_last)
  );
  finn_beats #(
      .COUNT(ROWS * CHANNELS / LANES)
  ) u_acc_beats (
      .clk,
      .rst_n,
      .taken(both && ready),
      .last (acc_end)
  );
  finn_beats #(
      .COUNT(ROWS * CHANNELS / LANES)
  ) u_h_beats (
      .clk,
      .rst_n,
      .taken(h_valid && h_ready),
      .last (h_end)
  );
  vu #(
      .LANES(LANES),
      .PARTS(PARTS),
      .ACC_BITS(ACC_BITS),
      .MAX_CHANNELS(CHANNELS)
  ) u_vu (
      .clk,
      .rst_n,
      .s_axis_c_tvalid(constants_valid),
      .s_axis_c_tready(constants_ready),
      .s_axis_c_tdata(constants),
      .s_axis_c_tlast(constants_last),
      .s_axis_a_tvalid(both),
      .s_axis_a_tready(ready),
      .s_axis_a_tdata(acc),
      .s_axis_a_tlast(acc_end),
      .s_axis_h_tvalid(h_valid),
      .s_axis_h_tready(h_ready),
      .s_axis_h_tdata(h_data),
      .s_axis_h_tlast(h_end),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .m_axis_tdata(out_data),
      .m_axis_tlast(result_last),
      .m_axis_s_tvalid(count_valid),
      .m_axis_s_tready(1'b1),
      .m_axis_s_tdata(count),
      .m_axis_s_tlast(count_last),
      .error_code
  );
endmodule
