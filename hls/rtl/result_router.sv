// SPDX-License-Identifier: Apache-2.0
// Results of the QMM engine, in job order, to the unit that the job names: softmax (TO_SOFTMAX), VU
// (TO_RESIDUAL), else QU. Accumulators of WTWS come together on the way (pair_join.sv). Source: ours.
//
// JOBS: every job of the module, in order. Its number of beats, token_tiles * output_tiles * TOKENS * OUTPUTS
// / LANES, takes two clocks, which pass while the engine still computes.
// STREAMS (s_axis in, LANES int32, the order of the engine). m_qu and m_vu share m_data: LANES values of PARTS
// words of ACC_BITS, value v part p in word v*PARTS + p. m_softmax has m_scores, the part 0 of each. All share
// m_last, the job's last beat. II = 1; latency PARTS clocks, and one more where two beats make one.
module result_router
  import bat_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned LANES,
    parameter int unsigned PARTS,    // 1, or 2 where WTWS is built
    parameter int unsigned ACC_BITS, // of an accumulator
    parameter int unsigned JOBS      // jobs whose results are awaited, >= 2
) (
    input  logic                      clk,
    input  logic                      rst_n,             // synchronous, active low
    input  logic                      job_valid,
    output logic                      job_ready,
    input  job_t                      job,
    input  logic                      s_axis_tvalid,
    output logic                      s_axis_tready,
    input  logic [32*LANES-1:0]       s_axis_tdata,
    output logic                      m_qu_valid,
    input  logic                      m_qu_ready,
    output logic                      m_vu_valid,
    input  logic                      m_vu_ready,
    output logic                      m_softmax_valid,
    input  logic                      m_softmax_ready,
    output logic [LANES-1:0][PARTS-1:0][ACC_BITS-1:0] m_data,
    output logic [LANES-1:0][ACC_BITS-1:0] m_scores,
    output logic                      m_last
);
  localparam int unsigned TILE_BEATS = TOKENS * OUTPUTS / LANES;

  if (PARTS < 1 || PARTS > 2 || OUTPUTS % (PARTS * LANES) != 0) begin : g_check
    $error("result_router: PARTS %0d must be 1 or 2, and PARTS * LANES %0d divide OUTPUTS %0d",
           PARTS, PARTS * LANES, OUTPUTS);
  end

  // Size of the job.
  logic sized, push, join_room, target_room, two_part;
  logic [31:0] tiles;
  target_t target;
  logic unused_fields;
  assign unused_fields = ^job;
  assign push      = sized && join_room && target_room;
  assign job_ready = !sized || push;
  always_ff @(posedge clk) begin
    if (!rst_n) sized <= 1'b0;
    else if (job_ready) sized <= job_valid;
  end
  always_ff @(posedge clk) begin
    if (job_ready) begin
      tiles    <= 32'(job.token_tiles) * 32'(job.output_tiles);
      target   <= job.target;
      two_part <= job.two_part;
    end
  end

  // Where the results at hand go.
  logic known, leaves, valid, ready;
  target_t now;
  logic [$clog2(JOBS + 1)-1:0] unused_count;
  sync_fifo #(
      .WIDTH($bits(target_t)),
      .DEPTH(JOBS),
      .REGISTERED(1'b1)
  ) u_targets (
      .clk,
      .rst_n,
      .in_valid (push),
      .in_ready (target_room),
      .in_data  (target),
      .out_valid(known),
      .out_ready(leaves && m_last),
      .out_data (now),
      .count    (unused_count)
  );

  logic [LANES-1:0][ACC_BITS-1:0] values;
  logic unused_signs;  // the bits above are copies of the sign
  assign unused_signs = ^s_axis_tdata;
  pair_join #(
      .LANES(LANES),
      .BITS (ACC_BITS),
      .PARTS(PARTS),
      .JOBS (JOBS)
  ) u_join (
      .clk,
      .rst_n,
      .s_job_tvalid (push),
      .s_job_tready (join_room),
      .s_job_tdata  ({two_part, plane_pkg::times(tiles, TILE_BEATS)}),
      .s_axis_tvalid,
      .s_axis_tready,
      .s_axis_tdata (values),
      .m_axis_tvalid(valid),
      .m_axis_tready(ready),
      .m_axis_tdata (m_data),
      .m_axis_tlast (m_last)
  );
  for (genvar l = 0; l < LANES; l++) begin : g_lane
    assign values[l]   = s_axis_tdata[32*l+:ACC_BITS];
    assign m_scores[l] = m_data[l][0];
  end

  assign m_softmax_valid = valid && known && now == TO_SOFTMAX;
  assign m_vu_valid      = valid && known && now == TO_RESIDUAL;
  assign m_qu_valid      = valid && known && now != TO_SOFTMAX && now != TO_RESIDUAL;
  always_comb begin
    case (now)
      TO_SOFTMAX:  ready = known && m_softmax_ready;
      TO_RESIDUAL: ready = known && m_vu_ready;
      default:     ready = known && m_qu_ready;
    endcase
  end
  assign leaves = valid && ready;
endmodule
