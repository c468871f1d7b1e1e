// SPDX-License-Identifier: Apache-2.0
// Types of the units around the QMM engine (qu.sv, vu.sv, layernorm.sv): the config beat that opens
// a job, the beat of one channel's constants, the widths of docs/numerics.md, the error codes.
//
// CONSTANTS STREAM (s_axis_c, 128 bits a beat), for each job: 1 config beat, then one beat a
// channel, channels ascending (one beat in all where `common` is set). TLAST on the job's last.
// Two jobs are held, so the constants of the next job load while this one runs.
package vector_pkg;
  /* verilator lint_off UNUSEDPARAM */  // not every unit needs each
  localparam int unsigned M_BITS = 16;      // M, G: signed
  localparam int unsigned C_BITS = 46;      // C, B: signed, below 2^45 in magnitude
  localparam logic [7:0] MAX_SHIFT = 8'd40;
  localparam int unsigned STEP = 11;        // places of a coarse step of the shift n (step_shift.sv)
  /* verilator lint_on UNUSEDPARAM */

  // Config of QU and VU: bits [127:96] are zero, then these fields, first field in the highest bits.
  typedef struct packed {
    logic [15:0] rows;       // [95:80] true rows of the matrix
    logic [15:0] tile_rows;  // [79:64] rows of a tile; 1 for a matrix in row order
    logic [15:0] tiles;      // [63:48] tiles beside each other; 1 for a matrix in row order
    logic [15:0] words;      // [47:32] words of LANES values in one row of a tile
    logic [15:0] channels;   // [31:16] true columns; values beyond them are padding
    logic [7:0]  shift;      // [15:8]  n, 0..40
    logic [3:0]  bits;       // [7:4]   QU: bits of q, 1..8. VU: 0
    logic [1:0]  zero;       // [3:2]
    logic        is_signed;  // [1]     QU: q is signed. VU: 0
    logic        common;     // [0]     one M and C for all channels
  } job_t;

  // Config of LN: bits [127:96] are zero.
  typedef struct packed {
    logic [39:0] epsilon;   // [95:56] E >= 1
    logic [15:0] rows;      // [55:40]
    logic [15:0] words;     // [39:24] ceil(channels / LANES)
    logic [15:0] channels;  // [23:8]  d
    logic [7:0]  shift;     // [7:0]   n, 0..40
  } norm_job_t;

  // Constants of a channel: int32, int32, int64.
  typedef struct packed {
    logic [31:0] m2;  // [127:96] second part of WTWS; 0 with one part
    logic [31:0] m1;  // [95:64]  M, or G of LN
    logic [63:0] c;   // [63:0]   C, or B of LN
  } constant_t;

  // The shift n = STEP*coarse + fine, n <= 43, as step_shift.sv takes it.
  typedef struct packed {
    logic [1:0]      coarse;
    logic [STEP-1:0] factor;  // 2^(STEP-1-fine)
  } step_t;

  function automatic step_t step_of(logic [5:0] shift);
    step_of = '0;
    for (int unsigned c = 0; c < 4; c++) begin
      for (int unsigned f = 0; f < STEP; f++) begin
        if (32'(shift) == STEP * c + f) begin
          step_of.coarse               = 2'(c);
          step_of.factor[STEP-1-f] = 1'b1;
        end
      end
    end
  endfunction

  typedef enum logic [2:0] {
    ERROR_NONE         = 3'd0,
    ERROR_CONFIG       = 3'd1,  // a field of the config beat is out of range
    ERROR_CAPACITY     = 3'd2,  // a row has more words than the table
    ERROR_CONSTANT     = 3'd3,  // M or C is out of range
    ERROR_CONSTANT_END = 3'd4,  // TLAST of the constants is not on the job's last beat
    ERROR_DATA_END     = 3'd5,  // TLAST of a data stream is not on the job's last beat
    ERROR_VALUE        = 3'd6   // an accumulator does not fit ACC_BITS
  } vector_error_t;
endpackage
