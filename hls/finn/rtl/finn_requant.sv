// SPDX-License-Identifier: Apache-2.0
// QU (hls/rtl/qu.sv) between FINN streams, for the two accumulators of a WTWS matrix, which no threshold on one
// value can requantize: accumulators of ACC_BITS bits in on two streams, q of OUT_BITS bits out, LANES a beat,
// frames of ROWS rows of CHANNELS. The constants come again for each frame, CHANNELS + 1 beats beside the data.
//
// II and latency are the unit's; frames take max(ROWS*CHANNELS/LANES, CHANNELS + 2) clocks.
module finn_requant #(
    parameter int unsigned LANES,     // divides CHANNELS, and is below it
    parameter int unsigned ACC_BITS,  // 2..32
    parameter int unsigned OUT_BITS,  // of an output element, at most 8
    parameter int unsigned CHANNELS,
    parameter int unsigned ROWS,
    parameter logic [(CHANNELS+1)*128-1:0] CONSTANTS
) (
    input  logic                             clk,
    input  logic                             rst_n,      // synchronous, active low
    input  logic [1:0]                       acc_valid,
    output logic [1:0]                       acc_ready,
    input  logic [1:0][LANES*ACC_BITS-1:0]   acc_data,
    output logic                             out_valid,
    input  logic                             out_ready,
    output logic [LANES*OUT_BITS-1:0]        out_data
);
  if (CHANNELS % LANES != 0) begin : g_check_lanes
    $error("finn_requant: LANES %0d must divide CHANNELS %0d", LANES, CHANNELS);
  end

  logic constants_valid, constants_ready, constants_last, frame_end, result_last, both, ready;
  logic [127:0] constants;
  logic [2:0] error_code;
  logic [LANES-1:0][1:0][31:0] acc;
  logic [LANES-1:0][7:0] q;
  assign both      = &acc_valid;
  assign acc_ready = {2{both && ready}};
  for (genvar l = 0; l < LANES; l++) begin : g_lane
    for (genvar p = 0; p < 2; p++) begin : g_part
      assign acc[l][p] = 32'($signed(acc_data[p][ACC_BITS*l+:ACC_BITS]));
    end
    assign out_data[OUT_BITS*l+:OUT_BITS] = q[l][OUT_BITS-1:0];
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
  ) u_beats (
      .clk,
      .rst_n,
      .taken(both && ready),
      .last (frame_end)
  );
  qu #(
      .LANES(LANES),
      .PARTS(2),
      .ACC_BITS(ACC_BITS),
      .MAX_CHANNELS(CHANNELS),
      .COMMON(1'b0)
  ) u_qu (
      .clk,
      .rst_n,
      .s_axis_c_tvalid(constants_valid),
      .s_axis_c_tready(constants_ready),
      .s_axis_c_tdata(constants),
      .s_axis_c_tlast(constants_last),
      .s_axis_a_tvalid(both),
      .s_axis_a_tready(ready),
      .s_axis_a_tdata(acc),
      .s_axis_a_tlast(frame_end),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .m_axis_tdata(q),
      .m_axis_tlast(result_last),
      .error_code
  );
endmodule
