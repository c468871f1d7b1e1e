// SPDX-License-Identifier: Apache-2.0
// Product jobs of attention, in order: Q, K, V, S0, S1, C0, S2, C1, ..., S(H-1), C(H-2), C(H-1), O;
// with one head S0, C0. So a head's softmax runs while the engine has the next head's scores.
// Beside them the softmax configs, one a head, and LN's config, each a stream of its own.
// One job a clock; the first comes 2 clocks after the layer. Source: ours.
module mha_jobs
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
    output logic                     softmax_valid,
    input  logic                     softmax_ready,
    output softmax_pkg::config_t     softmax,
    output logic                     norm_valid,
    input  logic                     norm_ready,
    output vector_pkg::norm_job_t    norm,
    output logic                     idle            // no layer is here
);
  localparam int unsigned LOG2_OUTPUTS = $clog2(OUTPUTS);
  localparam int unsigned LOG2_SIMD = $clog2(SIMD);

  typedef enum logic [2:0] {
    Q,
    K,
    V,
    SCORES,
    CONTEXT,
    OUT
  } stage_t;

  stage_t stage;
  logic busy, advance, jobs_left;
  /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
  layer_t now;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [15:0] rows, tiles;
  logic side;
  logic [15:0] score_head, context_head, softmax_heads;  // softmax: heads whose config is to come
  logic [15:0] score_word, context_base;
  logic [15:0] head_words;  // SIMD words of a head's row
  logic more_scores;

  assign layer_ready   = !busy;
  assign idle          = !busy && !job_valid;
  assign advance       = !job_valid || job_ready;
  assign softmax_valid = softmax_heads != '0;
  assign more_scores   = score_head + 16'(stage == SCORES) != shape.heads;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      busy          <= 1'b0;
      jobs_left     <= 1'b0;
      job_valid     <= 1'b0;
      norm_valid    <= 1'b0;
      softmax_heads <= '0;
    end else begin
      if (layer_valid && layer_ready) begin
        busy          <= 1'b1;
        jobs_left     <= 1'b1;
        norm_valid    <= 1'b1;
        softmax_heads <= shape.heads;
      end else begin
        if (busy && !jobs_left && !norm_valid && !softmax_valid) busy <= 1'b0;
        if (advance && stage == OUT) jobs_left <= 1'b0;
        if (norm_ready) norm_valid <= 1'b0;
        if (softmax_valid && softmax_ready) softmax_heads <= softmax_heads - 16'd1;
      end
      if (advance) job_valid <= jobs_left;
    end
  end

  always_ff @(posedge clk) begin
    if (layer_valid && layer_ready) begin
      now          <= layer;
      rows         <= item.rows;
      tiles        <= token_tiles;
      side         <= bank;
      stage        <= Q;
      score_head   <= '0;
      context_head <= '0;
      score_word   <= '0;
      context_base <= '0;
    end else if (advance && jobs_left) begin
      case (stage)
        Q:       stage <= K;
        K:       stage <= V;
        V:       stage <= SCORES;
        SCORES:  stage <= (score_head == '0 && more_scores) ? SCORES : CONTEXT;
        CONTEXT: stage <= more_scores ? SCORES : (context_head + 16'd1 != shape.heads) ? CONTEXT : OUT;
        default: stage <= OUT;
      endcase
      if (stage == SCORES) begin
        score_head <= score_head + 16'd1;
        score_word <= score_word + head_words;
      end
      if (stage == CONTEXT) begin
        context_head <= context_head + 16'd1;
        context_base <= context_base + shape.head_channels;
      end
    end
  end

  // The job of the stage.
  logic [3:0] result_bits;  // of q, k or v
  logic [7:0] source;       // kind and shift of the matrix
  job_t next;
  assign head_words = units_of(shape.head_channels, LOG2_SIMD);
  always_comb begin
    case (stage)
      Q:       {source, result_bits} = {now.matrix[0].kind, now.matrix[0].shift, now.bits[image_pkg::D_Q_BITS[2:0]]};
      K:       {source, result_bits} = {now.matrix[1].kind, now.matrix[1].shift, now.bits[image_pkg::D_K_BITS[2:0]]};
      V:       {source, result_bits} = {now.matrix[2].kind, now.matrix[2].shift, now.bits[image_pkg::D_V_BITS[2:0]]};
      default: {source, result_bits} = {now.matrix[3].kind, now.matrix[3].shift, 4'd0};
    endcase
    case (stage)
      SCORES: begin
        next            = activation_job(WEIGHT_K, now.bits[image_pkg::D_K_BITS[2:0]], shape.head_channels,
                                         rows, LOG2_OUTPUTS, LOG2_SIMD);
        next.act        = ACT_Q;
        next.act_planes = now.bits[image_pkg::D_Q_BITS[2:0]];
        next.target     = TO_SOFTMAX;
        next.head       = score_head[7:0];
        next.act_word   = score_word;
        next.scale.bits = now.bits[image_pkg::D_PROBS_BITS[2:0]];
      end
      CONTEXT: begin
        next                 = activation_job(WEIGHT_V, now.bits[image_pkg::D_V_BITS[2:0]], rows,
                                              shape.head_channels, LOG2_OUTPUTS, LOG2_SIMD);
        next.act             = ACT_P;
        next.act_planes      = now.bits[image_pkg::D_PROBS_BITS[2:0]];
        next.target          = TO_CTX;
        next.head            = context_head[7:0];
        next.channel_base    = context_base;
        next.scale.m         = now.ctx.m;
        next.scale.c         = now.ctx.c;
        next.scale.shift     = now.ctx.shift;
        next.scale.bits      = now.bits[image_pkg::D_CTX_BITS[2:0]];
        next.scale.is_signed = 1'b1;
        next.scale.common    = 1'b1;
      end
      OUT: begin
        next            = memory_job(source[7:6], source[5:0], shape.hidden, shape.hidden, LOG2_OUTPUTS,
                                          LOG2_SIMD);
        next.act        = ACT_CTX;
        next.act_planes = now.bits[image_pkg::D_CTX_BITS[2:0]];
        next.target     = TO_RESIDUAL;
      end
      default: begin
        next                 = memory_job(source[7:6], source[5:0], shape.hidden, shape.hidden, LOG2_OUTPUTS,
                                          LOG2_SIMD);
        next.act             = ACT_X;
        next.act_planes      = now.bits[image_pkg::D_ATTN_IN_BITS[2:0]];
        next.target          = (stage == Q) ? TO_Q : (stage == K) ? TO_K : TO_V;
        next.scale.bits      = result_bits;
        next.scale.is_signed = 1'b1;
        if (stage != V) begin
          next.head_channels = shape.head_channels;
          next.head_stride   = head_words << LOG2_SIMD;
        end
      end
    endcase
    next.act_kind    = (stage == CONTEXT) ? qmm_pkg::KIND_UNSIGNED : signed_kind(next.act_planes);
    next.rows        = rows;
    next.token_tiles = tiles;
    next.bank        = side;
    next.first       = stage == Q;
    next.last        = stage == OUT;
  end
  always_ff @(posedge clk) if (advance) job <= next;

  // Configs of softmax and LN.
  assign softmax.spare       = '0;
  assign softmax.bits        = now.bits[image_pkg::D_PROBS_BITS[2:0]];
  assign softmax.reciprocal  = now.softmax.reciprocal;
  assign softmax.shift       = now.softmax.shift;
  assign softmax.scale_shift = now.softmax.scale_shift;
  assign softmax.scale       = now.softmax.scale;
  assign softmax.rows        = rows;
  assign softmax.keys        = rows;
  assign norm.epsilon        = now.norm.epsilon;
  assign norm.rows           = rows;
  assign norm.words          = units_of(shape.hidden, $clog2(LANES));
  assign norm.channels       = shape.hidden;
  assign norm.shift          = 8'(now.norm.shift);
endmodule
