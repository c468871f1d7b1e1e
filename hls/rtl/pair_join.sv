// SPDX-License-Identifier: Apache-2.0
// Results of the QMM engine as accumulators of PARTS parts for QU and VU: value v, part p of a beat in
// word PARTS*v + p, LANES values a beat.
//   two_part 0: a beat holds LANES values of one part; part 1 is 0; one beat in, one out.
//   two_part 1 (WTWS, PARTS 2 alone): a beat holds LANES words, parts side by side; two beats in, one out.
// Jobs (two_part, number of beats in) come in order in a queue of their own. TLAST on a job's last
// beat out. II = 1 beat in. Latency PARTS clocks from the beat that completes a value: with one part
// there is nothing to wait for, and the slice at the input is left out.
module pair_join #(
    parameter int unsigned LANES,  // words of a beat in
    parameter int unsigned BITS,   // of a word
    parameter int unsigned PARTS,  // 1, or 2 where WTWS is built
    parameter int unsigned JOBS    // depth of the job queue, >= 2
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                s_job_tvalid,
    output logic                s_job_tready,
    input  logic [32:0]         s_job_tdata,  // {two_part, beats[31:0]}
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    input  logic [BITS*LANES-1:0] s_axis_tdata,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [PARTS*BITS*LANES-1:0] m_axis_tdata,
    output logic                m_axis_tlast
);
  logic job_valid, two_part, in_valid, in_ready, out_valid, out_ready, last, take;
  logic [31:0] beats, count;
  logic [$clog2(JOBS + 1)-1:0] count_unused;
  logic [LANES-1:0][BITS-1:0] in_data;
  logic [LANES-1:0][PARTS-1:0][BITS-1:0] out_data;

  sync_fifo #(
      .WIDTH(33),
      .DEPTH(JOBS),
      .REGISTERED(1'b1)
  ) u_jobs (
      .clk,
      .rst_n,
      .in_valid(s_job_tvalid),
      .in_ready(s_job_tready),
      .in_data(s_job_tdata),
      .out_valid(job_valid),
      .out_ready(take && last),
      .out_data({two_part, beats}),
      .count(count_unused)
  );
  axis_skid #(
      .WIDTH(PARTS * BITS * LANES + 1)
  ) u_out (
      .clk,
      .rst_n,
      .in_valid (out_valid),
      .in_ready (out_ready),
      .in_data  ({last, out_data}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );

  assign take = in_valid && in_ready;
  assign last = count == beats - 32'd1;
  always_ff @(posedge clk) begin
    if (!rst_n) count <= '0;
    else if (take) count <= last ? '0 : count + 32'd1;
  end

  if (PARTS == 1) begin : g_one
    logic unused;
    assign unused        = two_part;
    assign in_valid      = s_axis_tvalid;
    assign s_axis_tready = in_ready;
    assign in_data       = s_axis_tdata;
    assign in_ready      = job_valid && out_ready;
    assign out_valid     = job_valid && in_valid;
    assign out_data      = in_data;
  end else begin : g_two
    logic odd;
    logic [LANES-1:0][BITS-1:0] kept;
    logic [LANES-1:0][1:0][BITS-1:0] single, joined;
    axis_skid #(
        .WIDTH(BITS * LANES)
    ) u_in (
        .clk,
        .rst_n,
        .in_valid(s_axis_tvalid),
        .in_ready(s_axis_tready),
        .in_data(s_axis_tdata),
        .out_valid(in_valid),
        .out_ready(in_ready),
        .out_data(in_data)
    );
    assign out_valid = job_valid && in_valid && (odd || !two_part);
    assign in_ready  = job_valid && (out_ready || (two_part && !odd));
    assign joined    = {in_data, kept};
    assign out_data  = two_part ? joined : single;
    for (genvar l = 0; l < LANES; l++) begin : g_lane
      assign single[l] = {BITS'(0), in_data[l]};
    end
    always_ff @(posedge clk) begin
      if (!rst_n) odd <= 1'b0;
      else if (take) odd <= two_part && !odd;
      if (take) kept <= in_data;
    end
  end
endmodule
