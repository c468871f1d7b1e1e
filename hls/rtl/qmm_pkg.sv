// SPDX-License-Identifier: Apache-2.0
// Types of the QMM engine: the job's config beat, what travels with a step through the
// pipeline, and the error codes.
//
// BEAT PROTOCOL. All words little-endian in lanes: lane 0 is the lowest SIMD bits of a beat.
// Weight stream (s_axis_w, W_LANES words of SIMD bits a beat), for each job:
//   1 config beat (config_t in bits 127:0), then
//   for output tile, for weight plane group, for word of K: OUTPUTS x W_PLANES words,
//   index output * W_PLANES + plane, in OUTPUTS*W_PLANES/W_LANES beats. TLAST on the job's last.
// Activation stream (s_axis_a, A_LANES words a beat), for each job and token tile:
//   for activation plane group, for word of K: TOKENS x A_PLANES words, index token * A_PLANES +
//   plane, in TOKENS*A_PLANES/A_LANES beats. TLAST on the job's last beat.
// Weights are sent once and serve all token tiles of the job; two jobs and two token tiles are
// buffered, so loading hides behind computing. Unused planes, tokens, outputs and bits are 0.
// Results (m_axis, OUT_LANES int32 a beat), for token tile, for output tile: index
//   token * OUTPUTS + output, in TOKENS*OUTPUTS/OUT_LANES beats. TLAST on the job's last beat.
// A bad config, length or TLAST sets error_code (error_t) until reset; the engine then
// takes no more beats.
package qmm_pkg;
  // How the bit planes of an operand make its value. Plane p is {0,1} and weighs 2^p, but:
  typedef enum logic [3:0] {
    KIND_UNSIGNED = 4'd0,
    KIND_SIGNED   = 4'd1,  // two's complement: the top plane weighs -2^(planes-1)
    KIND_BIPOLAR  = 4'd2,  // one plane of {-1,+1}: value = 2*plane - 1
    KIND_TERNARY  = 4'd3   // weights alone: plane 0 weighs +1 (P), plane 1 weighs -1 (N)
  } kind_t;

  // The config beat: bits [127:96] are zero, then these fields, first field in the highest bits.
  typedef struct packed {
    kind_t       weight_kind;    // [95:92]
    logic [3:0]  weight_planes;  // [91:88]
    kind_t       act_kind;       // [87:84]
    logic [3:0]  act_planes;     // [83:80]
    logic [15:0] output_tiles;   // [79:64] tiles of OUTPUTS outputs whose weights follow
    logic [15:0] token_tiles;    // [63:48] tiles of TOKENS tokens that use these weights
    logic [15:0] k_words;        // [47:32] words of SIMD bits in one row of one plane
    logic [31:0] k_bits;         // [31:0]  true row length, 1..k_words*SIMD; the bits beyond it are 0
  } config_t;

  typedef enum logic [2:0] {
    ERROR_NONE       = 3'd0,
    ERROR_CONFIG     = 3'd1,  // a field of the config beat is out of range
    ERROR_CAPACITY   = 3'd2,  // weights or one token tile exceed their buffer
    ERROR_WEIGHT_END = 3'd3,  // TLAST of the weight stream is not on the job's last beat
    ERROR_ACT_END    = 3'd4   // TLAST of the activation stream is not on the job's last beat
  } error_t;

  localparam logic [3:0] NO_PLANE = 4'd15;

  // One step: all dot-product units take one word of every plane of one plane group.
  typedef struct packed {
    logic        valid;
    logic        first;              // first step of an output tile: accumulators restart
    logic        last;               // last step of an output tile: results leave
    logic        job_last;           // with last: the last tile of the job
    logic        act_row;            // counts once into the sum of each token's row
    logic        weight_row;         // counts once into the sum of each output's row
    logic [3:0]  act_shift;          // place value of the group's lowest plane is 2^shift
    logic [3:0]  weight_shift;
    logic [3:0]  act_negative;       // plane of the group that counts negatively, or NO_PLANE
    logic [3:0]  weight_negative;
    logic        weight_flat;        // ternary: the planes of the group all have place value 1
    logic        act_bipolar;
    logic        weight_bipolar;
    logic [31:0] k_bits;
  } step_t;
endpackage
