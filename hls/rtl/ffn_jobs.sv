// SPDX-License-Identifier: Apache-2.0
// Product jobs of the feed-forward module, in order: F1, F2; beside them LN's config. One job a clock;
// the first comes 2 clocks after the layer. Source: ours.
module ffn_jobs
  import bat_pkg::*;
  import layer_pkg::*;
#(
    parameter int unsigned OUTPUTS,  // outputs of a tile, a power of two
    parameter int unsigned SIMD,     // bits of a word, a power of two
    parameter int unsigned LANES     // values of a beat of LN, a power of two
) (
    input  logic                     clk,
    input  logic                     rst_n,          // synchronous, active low
    /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
    input  program_t                 shape,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                     layer_valid,
    output logic                     layer_ready,
    input  layer_t                   layer,
    /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
    input  work_t                    item,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                     bank,
    input  logic [15:0]              token_tiles,
    output logic                     job_valid,
    input  logic                     job_ready,
    output job_t                     job,
    output logic                     norm_valid,
    input  logic                     norm_ready,
    output vector_pkg::norm_job_t    norm,
    output logic                     idle            // no layer is here
);
  localparam int unsigned LOG2_OUTPUTS = $clog2(OUTPUTS);
  localparam int unsigned LOG2_SIMD = $clog2(SIMD);

  logic busy, second, advance, jobs_left, side;
  /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
  layer_t now;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [15:0] rows, tiles;
  job_t next;

  assign layer_ready = !busy;
  assign idle        = !busy && !job_valid;
  assign advance     = !job_valid || job_ready;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      busy       <= 1'b0;
      jobs_left  <= 1'b0;
      job_valid  <= 1'b0;
      norm_valid <= 1'b0;
    end else begin
      if (layer_valid && layer_ready) begin
        busy       <= 1'b1;
        jobs_left  <= 1'b1;
        norm_valid <= 1'b1;
      end else begin
        if (busy && !jobs_left && !norm_valid) busy <= 1'b0;
        if (advance && second) jobs_left <= 1'b0;
        if (norm_ready) norm_valid <= 1'b0;
      end
      if (advance) job_valid <= jobs_left;
    end
  end
  always_ff @(posedge clk) begin
    if (layer_valid && layer_ready) begin
      now    <= layer;
      rows   <= item.rows;
      tiles  <= token_tiles;
      side   <= bank;
      second <= 1'b0;
    end else if (advance && jobs_left) second <= 1'b1;
  end

  always_comb begin
    if (second) begin
      next            = memory_job(now.matrix[1].kind, now.matrix[1].shift, shape.ffn, shape.hidden,
                                   LOG2_OUTPUTS, LOG2_SIMD);
      next.act        = ACT_MID;
      next.act_planes = now.bits[image_pkg::D_FFN_MID_BITS[2:0]];
      next.act_kind   = qmm_pkg::KIND_UNSIGNED;
      next.target     = TO_RESIDUAL;
    end else begin
      next            = memory_job(now.matrix[0].kind, now.matrix[0].shift, shape.hidden, shape.ffn,
                                   LOG2_OUTPUTS, LOG2_SIMD);
      next.act        = ACT_X;
      next.act_planes = now.bits[image_pkg::D_FFN_IN_BITS[2:0]];
      next.act_kind   = signed_kind(next.act_planes);
      next.target     = TO_MID;
      next.scale.bits = now.bits[image_pkg::D_FFN_MID_BITS[2:0]];
    end
    next.rows        = rows;
    next.token_tiles = tiles;
    next.bank        = side;
    next.first       = !second;
    next.last        = second;
  end
  always_ff @(posedge clk) if (advance) job <= next;

  assign norm.epsilon  = now.norm.epsilon;
  assign norm.rows     = rows;
  assign norm.words    = units_of(shape.hidden, $clog2(LANES));
  assign norm.channels = shape.hidden;
  assign norm.shift    = 8'(now.norm.shift);
endmodule
