// SPDX-License-Identifier: Apache-2.0
// Leaving side of VU and LN: the result stream, and a second stream of one 32-bit beat a job, the
// number of values that saturation changed in it. The job's last result waits until both have room.
module counted_output #(
    parameter int unsigned LANES,
    localparam int unsigned WIDTH = 16 * LANES
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             valid,     // of the pipeline's last stage, as the four below
    input  logic             last,      // last beat of the job
    input  logic [WIDTH-1:0] data,
    input  logic [LANES-1:0] changed,
    output logic             enable,    // the pipeline may move
    output logic             job_left,  // the job's last beat leaves in this clock
    output logic             m_axis_tvalid,
    input  logic             m_axis_tready,
    output logic [WIDTH-1:0] m_axis_tdata,
    output logic             m_axis_tlast,
    output logic             m_axis_s_tvalid,
    input  logic             m_axis_s_tready,
    output logic [31:0]      m_axis_s_tdata,
    output logic             m_axis_s_tlast
);
  logic room, count_room, leave;
  logic [31:0] count, total;

  assign leave    = valid && room && (!last || count_room);
  assign enable   = !valid || leave;
  assign job_left = leave && last;
  assign total    = count + 32'($countones(changed));

  always_ff @(posedge clk) begin
    if (!rst_n || job_left) count <= '0;
    else if (leave) count <= total;
  end

  axis_skid #(
      .WIDTH(WIDTH + 1)
  ) u_result_slice (
      .clk,
      .rst_n,
      .in_valid (leave),
      .in_ready (room),
      .in_data  ({last, data}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );

  axis_skid #(
      .WIDTH(32)
  ) u_count_slice (
      .clk,
      .rst_n,
      .in_valid (job_left),
      .in_ready (count_room),
      .in_data  (total),
      .out_valid(m_axis_s_tvalid),
      .out_ready(m_axis_s_tready),
      .out_data (m_axis_s_tdata)
  );
  assign m_axis_s_tlast = 1'b1;  // every beat is a packet
endmodule
