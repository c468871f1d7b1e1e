// SPDX-License-Identifier: Apache-2.0
// Types that join control, registers and streams of the accelerator. Source: ours.
package control_pkg;
  // Cycle counters of the register map, in the order of `increments_t` and `counts_t`.
  typedef enum logic [3:0] {
    COUNT_TOTAL         = 4'd0,
    COUNT_MHA_BUSY      = 4'd1,
    COUNT_FFN_BUSY      = 4'd2,
    COUNT_QMM_BUSY      = 4'd3,  // both modules together
    COUNT_WEIGHT_WAIT   = 4'd4,
    COUNT_INPUT_WAIT    = 4'd5,
    COUNT_STALL_SOFTMAX = 4'd6,
    COUNT_STALL_LN      = 4'd7,
    COUNT_MHA_QMM       = 4'd8,
    COUNT_FFN_QMM       = 4'd9
  } counter_t;
  localparam int unsigned COUNTERS = 10;
  // A run of 2^48 clocks lasts 16 days at 200 MHz; the registers show 64 bits.
  localparam int unsigned COUNT_BITS = 48;

  typedef logic [COUNTERS-1:0][1:0] increments_t;  // 0..2 in one clock
  typedef logic [COUNTERS-1:0][COUNT_BITS-1:0] counts_t;

  // The header of a sequence in the input and output streams.
  typedef struct packed {
    logic [31:0] tag;
    logic [15:0] rows;  // l
  } sequence_t;
endpackage
