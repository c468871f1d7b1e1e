// SPDX-License-Identifier: Apache-2.0
// Types of the softmax unit: the job's config beat, the constants that travel with a row, and the
// error codes.
//
// BEAT PROTOCOL. All lanes little-endian: lane 0 is the lowest bits of a beat.
// Config stream (s_axis_c, 128 bits): one beat a job (config_t), with TLAST. Constants change with
//   the job, at no cost in clocks; a job's config is held until its last row is in.
// Score stream (s_axis_s, LANES int32 a beat), for each row of the job: keys 0..keys-1 in
//   ceil(keys/LANES) beats, TLAST on the row's last. Lanes beyond the row may hold anything.
// Probability stream (m_axis, LANES uint8 a beat): the same order, number of beats and TLAST.
//   Lanes beyond the row are 0.
// A bad config, score or TLAST sets error_code (error_t) until reset; the unit then takes no more
// beats.
package softmax_pkg;
  // Constants of docs/numerics.md, in the order of the passes that use them.
  typedef struct packed {
    logic [5:0]  shift;  // ns
    logic [14:0] scale;  // Ms
  } exponent_t;

  typedef struct packed {
    logic [3:0] bits;   // k, 1..8
    logic [5:0] shift;  // np
  } level_t;

  // The config beat, first field in the highest bits.
  typedef struct packed {
    logic [19:0] spare;        // [127:108] zero
    logic [3:0]  bits;         // [107:104] k, 1..8
    logic [39:0] reciprocal;   // [103:64] Kp, 1..2^39-1
    logic [7:0]  shift;        // [63:56] np, 1..60
    logic [7:0]  scale_shift;  // [55:48] ns, 1..40
    logic [15:0] scale;        // [47:32] Ms, 1..2^15-1
    logic [15:0] rows;         // [31:16] rows of the job, >= 1
    logic [15:0] keys;         // [15:0] scores of a row, 1..MAX_KEYS
  } config_t;

  typedef enum logic [2:0] {
    ERROR_NONE   = 3'd0,
    ERROR_CONFIG = 3'd1,  // a field of the config beat is out of range, or it has no TLAST
    ERROR_END    = 3'd2,  // TLAST of the score stream is not on a row's last beat
    ERROR_SCORE  = 3'd3   // a score does not fit SCORE_BITS
  } error_t;

  /* verilator lint_off UNUSEDPARAM */  // not every unit needs each
  localparam int unsigned EXPONENT_BITS = 16;    // e, at most 2^15
  localparam int unsigned RECIPROCAL_BITS = 39;  // Kp
  localparam int unsigned QUOTIENT_BITS = 24;    // R = Kp / D < 2^39 / 2^15
  /* verilator lint_on UNUSEDPARAM */
endpackage
