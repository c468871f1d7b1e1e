// SPDX-License-Identifier: Apache-2.0
// Types of the QMM engine: its job, what travels with a step through the pipeline, error codes.
//
// BEAT PROTOCOL. Little-endian in lanes: lane 0 is the lowest bits of a beat. For each job, in order:
// Memory weights (s_axis_w, BUS_BITS a beat; jobs with on_chip 0), image order:
//   for block of 16 outputs, for plane, for 64-bit word of the row, for group of BUS_BITS/64 outputs:
//   one beat, a 64-bit word of each output of the group. A row has ceil(k_bits/64) words; the words up
//   to k_words*SIMD/64 take no beats and are 0. Outputs are padded to a multiple of 16.
// On-chip operands (s_axis_kv, KV_BITS a beat; jobs with on_chip 1): the same order, but all
//   k_words*SIMD/64 words of a row are there.
// Activations (s_axis_a, A_TOKENS words of SIMD bits a beat): for token tile, for plane, for word of
//   K, for group of A_TOKENS tokens: one beat.
// Bits beyond k_bits are 0. TLAST on the job's last beat of each stream.
// Results (m_axis, OUT_LANES int32 a beat): for token tile, for output tile: index token * OUTPUTS +
//   output, TOKENS*OUTPUTS/OUT_LANES beats. TLAST on the job's last beat.
// A bad job, capacity or TLAST sets error_code (error_t) until reset; the engine then takes nothing.
package qmm_pkg;
  // How the bit planes of an operand make its value. Plane p is {0,1} and weighs 2^p, but:
  typedef enum logic [3:0] {
    KIND_UNSIGNED = 4'd0,
    KIND_SIGNED   = 4'd1,  // two's complement: the top plane weighs -2^(planes-1)
    KIND_BIPOLAR  = 4'd2,  // one plane of {-1,+1}: value = 2*plane - 1
    KIND_TERNARY  = 4'd3   // weights alone: plane 0 weighs +1 (P), plane 1 weighs -1 (N)
  } kind_t;

  // One job, first field in the highest bits.
  typedef struct packed {
    logic        on_chip;        // [80]    0: binary or ternary weights from memory; 1: K or V
    kind_t       weight_kind;    // [79:76] from memory BIPOLAR or TERNARY, on chip all others
    logic [3:0]  weight_planes;  // [75:72]
    kind_t       act_kind;       // [71:68]
    logic [3:0]  act_planes;     // [67:64]
    logic [15:0] outputs;        // [63:48] true number of outputs; WTWS: two an output channel
    logic [15:0] token_tiles;    // [47:32] tiles of TOKENS tokens that use these weights
    logic [15:0] k_words;        // [31:16] ceil(k_bits / SIMD)
    logic [15:0] k_bits;         // [15:0]  true row length
  } config_t;

  typedef enum logic [2:0] {
    ERROR_NONE       = 3'd0,
    ERROR_CONFIG     = 3'd1,  // a field of the job is out of range
    ERROR_CAPACITY   = 3'd2,  // weights or one token tile exceed their buffer
    ERROR_WEIGHT_END = 3'd3,  // TLAST of the weight stream is not on the job's last beat
    ERROR_ACT_END    = 3'd4,  // TLAST of the activation stream is not on the job's last beat
    ERROR_KV_END     = 3'd5   // TLAST of the on-chip stream is not on the job's last beat
  } error_t;

  // What the results of an output tile need besides the totals.
  typedef struct packed {
    logic        job_last;   // last tile of the job
    logic        inverted;   // the accumulators hold ~total (plane_accumulator.sv)
    logic        act_bipolar;
    logic        weight_bipolar;
    logic [15:0] k_bits;
  } tile_t;

  // One step: all dot-product units take one word of one activation and one weight plane.
  typedef struct packed {
    logic  valid;
    logic  first;     // first step of an output tile: accumulators restart
    logic  last;      // last step of an output tile: results leave
    logic  doubling;  // first step of the next lower place value
    logic  flip;      // the accumulators change between total and ~total
    logic  filler;    // they hold ~total before this step
    tile_t tile;
  } step_t;
endpackage
