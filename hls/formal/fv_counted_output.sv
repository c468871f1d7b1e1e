// SPDX-License-Identifier: Apache-2.0
// counted_output.sv: both of its streams keep stream_order.sv, each against what should enter it.
//   every result of the pipeline leaves once, in order, and with it each job's count, in order
//   the count of a job is the number of values changed in it
//   no deadlock: the pipeline waits only for a stream that is full
module fv_counted_output (
    input logic        clk,
    input logic        rst_n,
    input logic        mark,
    input logic        valid,
    input logic        last,
    input logic [15:0] data,
    input logic        changed,
    input logic        m_axis_tready,
    input logic        m_axis_s_tready
);
  logic enable, job_left, m_axis_tvalid, m_axis_tlast, m_axis_s_tvalid, m_axis_s_tlast;
  logic [15:0] m_axis_tdata;
  logic [31:0] m_axis_s_tdata;

  counted_output #(.LANES(1)) dut (.*);

  // The pipeline moves when `enable`; its last stage leaves then.
  logic leave, past, running;
  logic [31:0] total, so_far;
  logic [1:0] held, count_held;
  assign leave = valid && enable && running;
  assign total = so_far + 32'(changed);
  always_ff @(posedge clk) begin
    if (!rst_n || (leave && last)) so_far <= '0;
    else if (leave) so_far <= total;
  end

  // Only beats that enter: `in_ready` of the checker is whether this stream has room.
  logic tracked, count_tracked;
  logic [1:0] ahead, count_ahead;
  logic [16:0] payload;
  logic [31:0] count_payload;
  stream_order #(.WIDTH(17), .CAPACITY(2)) results (
      .clk, .rst_n, .mark, .in_valid(leave), .in_ready(dut.room), .in_data({last, data}),
      .out_valid(m_axis_tvalid), .out_ready(m_axis_tready), .out_data({m_axis_tlast, m_axis_tdata}), .past,
      .running, .held, .tracked, .ahead, .payload
  );
  stream_order #(.WIDTH(32), .CAPACITY(2)) counts (
      .clk, .rst_n, .mark, .in_valid(leave && last), .in_ready(dut.count_room), .in_data(total),
      .out_valid(m_axis_s_tvalid), .out_ready(m_axis_s_tready), .out_data(m_axis_s_tdata), .past(),
      .running(), .held(count_held), .tracked(count_tracked), .ahead(count_ahead), .payload(count_payload)
  );

  always_comb begin
    if (past) begin
      assert (m_axis_s_tlast);
      if (leave) assert (held < 2'd2 && (!last || count_held < 2'd2));
      if (leave && last) assert (job_left);
      if (running && held < 2'd2 && count_held < 2'd2) assert (enable);
      // Invariants.
      assert (dut.u_result_slice.live == running && dut.u_count_slice.live == running);
      assert (held == 2'(m_axis_tvalid) + 2'(dut.u_result_slice.spare_valid));
      assert (count_held == 2'(m_axis_s_tvalid) + 2'(dut.u_count_slice.spare_valid));
      assert (dut.count == so_far);
      if (tracked) assert (ahead < held);
      if (tracked && ahead == 2'd1) assert (dut.u_result_slice.spare_data == payload);
      if (count_tracked) assert (count_ahead < count_held);
      if (count_tracked && count_ahead == 2'd1) assert (dut.u_count_slice.spare_data == count_payload);
    end
    cover (past && job_left && total == 32'd2);
  end
endmodule
