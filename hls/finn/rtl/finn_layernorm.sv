// SPDX-License-Identifier: Apache-2.0
// LN (hls/rtl/layernorm.sv) between FINN streams: int16 values, LANES a beat, frames of ROWS rows of CHANNELS.
// A frame is a job of the unit: its constants come again for each, CHANNELS + 1 beats beside the data.
//
// II and latency are the unit's; frames take max(ROWS*CHANNELS/LANES, CHANNELS + 2) clocks where BANKS suffice.
module finn_layernorm #(
    parameter int unsigned LANES,     // divides CHANNELS, and is below it
    parameter int unsigned CHANNELS,
    parameter int unsigned ROWS,
    parameter int unsigned BANKS,     // row buffers, see layernorm.sv
    parameter logic [(CHANNELS+1)*128-1:0] CONSTANTS
) (
    input  logic                clk,
    input  logic                rst_n,      // synchronous, active low
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [LANES*16-1:0] in_data,
    output logic                out_valid,
    input  logic                out_ready,
    output logic [LANES*16-1:0] out_data
);
  if (CHANNELS % LANES != 0) begin : g_check_lanes
    $error("finn_layernorm: LANES %0d must divide CHANNELS %0d", LANES, CHANNELS);
  end

  logic constants_valid, constants_ready, constants_last, frame_end, result_last, count_valid, count_last;
  logic [127:0] constants;
  logic [31:0] count;
  logic [2:0] error_code;
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
  ) u_beats (
      .clk,
      .rst_n,
      .taken(in_valid && in_ready),
      .last (frame_end)
  );
  layernorm #(
      .LANES(LANES),
      .MAX_HIDDEN(CHANNELS),
      .BANKS(BANKS)
  ) u_layernorm (
      .clk,
      .rst_n,
      .s_axis_c_tvalid(constants_valid),
      .s_axis_c_tready(constants_ready),
      .s_axis_c_tdata(constants),
      .s_axis_c_tlast(constants_last),
      .s_axis_r_tvalid(in_valid),
      .s_axis_r_tready(in_ready),
      .s_axis_r_tdata(in_data),
      .s_axis_r_tlast(frame_end),
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
