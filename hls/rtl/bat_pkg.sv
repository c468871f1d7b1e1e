// SPDX-License-Identifier: Apache-2.0
// Types that join the units of an accelerator module: work items, product jobs, memory commands.
//
// A WORK ITEM is one layer of one sequence. A module's sequencer turns it into PRODUCT JOBS, in order:
//   MHA: Q, K, V, then S0, S1, C0, S2, C1, ..., C(H-1), then O       (S scores, C context of a head)
//   FFN: F1, F2
// Every job goes to all stages that act on it, each through a FIFO of its own; every stage works in
// job order. docs/accelerator.md has the picture. Source: ours.
package bat_pkg;
  import qmm_pkg::*;

  // One layer of one sequence.
  typedef struct packed {
    logic        from_input;  // MHA: its rows come from the input stream, else from FFN
    logic        last_layer;  // FFN: its rows go to the output stream, else to MHA
    logic        slot;        // which of the two sequences in flight
    logic [7:0]  layer;
    logic [15:0] rows;        // true length l
  } work_t;

  typedef enum logic [2:0] {
    ACT_X   = 3'd0,  // quantized module input; bank = work item's ping-pong side
    ACT_Q   = 3'd1,
    ACT_P   = 3'd2,  // probabilities; bank = head % 2
    ACT_CTX = 3'd3,
    ACT_MID = 3'd4
  } act_source_t;

  typedef enum logic [1:0] {
    WEIGHT_MEMORY = 2'd0,
    WEIGHT_K      = 2'd1,
    WEIGHT_V      = 2'd2
  } weight_source_t;

  typedef enum logic [2:0] {
    TO_Q        = 3'd0,
    TO_K        = 3'd1,
    TO_V        = 3'd2,
    TO_SOFTMAX  = 3'd3,
    TO_CTX      = 3'd4,
    TO_MID      = 3'd5,
    TO_RESIDUAL = 3'd6  // VU, then LN
  } target_t;

  // y = (a*M + C) >> n and the format of q; M and C count only where they are common.
  typedef struct packed {
    logic [45:0] c;
    logic [15:0] m;
    logic [5:0]  shift;
    logic [3:0]  bits;       // QU: 1..8
    logic        is_signed;
    logic        common;     // M and C of this record serve all channels; else they come from memory
  } scale_t;

  // One product: rows x k_bits times k_bits x outputs.
  typedef struct packed {
    act_source_t    act;
    weight_source_t weight;
    target_t        target;
    kind_t          act_kind;
    logic [3:0]     act_planes;
    kind_t          weight_kind;
    logic [3:0]     weight_planes;
    logic           two_part;       // outputs are pairs of accumulators (WTWS): row 2*channel + part
    logic           bank;           // side of the ping-pong that holds x and h
    logic           first;          // of the work item
    logic           last;           // of the work item
    logic [7:0]     head;           // S and C
    logic [15:0]    rows;           // l
    logic [15:0]    k_bits;
    logic [15:0]    k_words;        // ceil(k_bits / SIMD)
    logic [15:0]    channels;       // values of an output row
    logic [15:0]    token_tiles;    // ceil(rows / TOKENS)
    logic [15:0]    output_tiles;   // ceil(channels * parts / OUTPUTS)
    logic [15:0]    act_word;       // first SIMD word of the operand in a row of the source: head * ceil(e/SIMD) for S, else 0
    logic [15:0]    channel_base;   // C: head * e, first channel of V and of ctx; else 0
    logic [15:0]    head_channels;  // Q, K: e; else channels
    logic [15:0]    head_stride;    // Q, K: e rounded up to SIMD bits; else channels
    scale_t         scale;          // QU or VU
  } job_t;

  // A run of bytes of memory and where its beats go. All runs are multiples of 64 bytes, 64-aligned.
  typedef enum logic [2:0] {
    DATA_DESCRIPTOR   = 3'd0,
    DATA_WEIGHT       = 3'd1,
    DATA_QU_CONSTANT  = 3'd2,
    DATA_VU_CONSTANT  = 3'd3,
    DATA_LN_CONSTANT  = 3'd4
  } data_t;

  typedef struct packed {
    data_t       data;
    logic [63:0] address;
    logic [31:0] bytes;
  } read_t;

  // The checked header of the image: what a run's work items have in common.
  typedef struct packed {
    logic [63:0] base;           // bus address of the image
    logic [31:0] image_bytes;
    logic [31:0] table_offset;   // byte offset of layer descriptor 0
    logic [7:0]  layers;
    logic [15:0] hidden;         // d
    logic [15:0] heads;
    logic [15:0] ffn;            // F
    logic [15:0] head_channels;  // e = d / heads
    logic [15:0] max_len;
  } program_t;

  // A work item as the quantization at a module's entry sees it.
  typedef struct packed {
    work_t       work;
    logic        bank;      // side of the ping-pong for x and h
    logic [15:0] channels;  // d
    scale_t      scale;     // attn_in or ffn_in, common
  } entry_t;

  // One job of a constants stream (constant_feed.sv).
  typedef struct packed {
    logic [95:0] unit_config;  // vector_pkg::job_t or norm_job_t
    logic [15:0] channels;
    logic        two_part;
    logic        common;       // c and m serve all channels; no words of memory
    logic [45:0] c;
    logic [15:0] m;
  } constant_job_t;
endpackage
