// SPDX-License-Identifier: Apache-2.0
// Results of Q, K, V and contexts in MHA, quantized, to the buffer of their job: q, K, ctx row by row, V transposed.
//
//   s_axis_a (values of PARTS accumulators, the engine's tile order) -> QU -> plane_writer of q, K, ctx, or tile_transpose
// JOBS: those with targets TO_Q, TO_K, TO_V, TO_CTX, in order; `job` is held to its last beat, `job_taken`.
// s_axis_c: their constants (vector_pkg.sv). A write comes one clock after QU's beat; V's 3 clocks after its tile. Each
// buffer's progress counts its own jobs: q, K, V one a work item, ctx one a head. II = 1. Source: ours.
module head_results
  import bat_pkg::*;
  import module_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned TOKENS,     // rows of a result tile
    parameter int unsigned OUTPUTS,    // accumulators of a row of a result tile
    parameter int unsigned LANES,
    parameter int unsigned PARTS,      // 1, or 2 where WTWS is built
    parameter int unsigned ACC_BITS,   // of an accumulator
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned PLANES,     // of the buffers, 1..8
    parameter int unsigned V_SEGMENT,  // tokens that V^T is written at once: gcd(TOKENS, 64)
    parameter int unsigned V_CHANNELS, // channels that it is written at once: divides LANES
    parameter int unsigned LUT_WORDS   // of constant_table.sv
) (
    input  logic                              clk,
    input  logic                              rst_n,        // synchronous, active low
    input  logic                              job_valid,
    output logic                              job_taken,
    input  job_t                              job,
    input  logic                              s_axis_c_tvalid,
    output logic                              s_axis_c_tready,
    input  logic [127:0]                      s_axis_c_tdata,
    input  logic                              s_axis_c_tlast,
    input  logic                              s_axis_a_tvalid,
    output logic                              s_axis_a_tready,
    input  logic [LANES-1:0][PARTS-1:0][ACC_BITS-1:0] s_axis_a_tdata,
    input  logic                              s_axis_a_tlast,
    output logic [2:0]                        write,        // 0 q, 1 K, 2 ctx; SEGMENT = LANES, as the three below
    output logic [2:0][15:0]                  write_row,
    output logic [2:0][15:0]                  write_segment,
    output logic [2:0][PLANES-1:0][LANES-1:0] write_data,
    output progress_t [2:0]                   progress,
    output logic                              v_write,      // V^T: row = channel
    output logic [15:0]                       v_row,        // first of V_CHANNELS
    output logic [15:0]                       v_segment,
    output logic [V_CHANNELS-1:0][PLANES-1:0][V_SEGMENT-1:0] v_data,
    output progress_t                         v_progress,
    output logic [2:0]                        error_code    // vector_pkg::vector_error_t
);
  logic q_valid, q_ready, unused_last;
  logic [8*LANES-1:0] q;
  logic [LANES-1:0][PARTS-1:0][31:0] values;
  for (genvar v = 0; v < LANES * PARTS; v++) begin : g_value
    assign values[v/PARTS][v%PARTS] = 32'($signed(s_axis_a_tdata[v/PARTS][v%PARTS]));
  end
  qu #(
      .LANES(LANES), .PARTS(PARTS), .ACC_BITS(ACC_BITS), .MAX_CHANNELS(up(MAX_HIDDEN, OUTPUTS) * OUTPUTS),
      .COMMON(1'b0), .LUT_WORDS(LUT_WORDS)
  ) u_qu (
      .clk, .rst_n, .s_axis_c_tvalid, .s_axis_c_tready, .s_axis_c_tdata, .s_axis_c_tlast,
      .s_axis_a_tvalid, .s_axis_a_tready, .s_axis_a_tdata(values), .s_axis_a_tlast,
      .m_axis_tvalid(q_valid), .m_axis_tready(q_ready), .m_axis_tdata(q), .m_axis_tlast(unused_last), .error_code
  );

  write_job_t place;
  logic [3:0] mine, taken, ready;  // as `write`; 3 V
  logic [2:0] unused_side;
  assign place     = tile_write(job, 16'(TOKENS), tile_words(job, OUTPUTS, LANES));
  assign mine      = {job.target == TO_V, job.target == TO_CTX, job.target == TO_K, job.target == TO_Q}
                   & {4{job_valid}};
  assign job_taken = |taken;
  assign q_ready   = |(mine & ready);

  for (genvar w = 0; w < 3; w++) begin : g_writer
    plane_writer #(
        .LANES(LANES), .PLANES(PLANES)
    ) u_writer (
        .clk, .rst_n, .job_valid(mine[w]), .job_taken(taken[w]), .job(place),
        .s_axis_tvalid(q_valid), .s_axis_tready(ready[w]), .s_axis_tdata(q),
        .write(write[w]), .write_side(unused_side[w]), .write_row(write_row[w]), .write_segment(write_segment[w]), .write_data(write_data[w]),
        .progress(progress[w])
    );
  end
  tile_transpose #(
      .TOKENS(TOKENS), .LANES(LANES), .MAX_WORDS(OUTPUTS / LANES), .PLANES(PLANES), .SEGMENT(V_SEGMENT),
      .CHANNELS(V_CHANNELS)
  ) u_transpose (
      .clk, .rst_n, .job_valid(mine[3]), .job_taken(taken[3]), .job(place),
      .s_axis_tvalid(q_valid), .s_axis_tready(ready[3]), .s_axis_tdata(q),
      .write(v_write), .write_row(v_row), .write_segment(v_segment), .write_data(v_data), .progress(v_progress)
  );
endmodule
