// SPDX-License-Identifier: Apache-2.0
// Generated from hls/registers/table.py by `python -m batflow.hls.generate`; do not edit.
package registers_pkg;
  /* verilator lint_off UNUSEDPARAM */
  localparam logic [31:0] REG_VERSION_VALUE = 32'h00010001;
  localparam logic [31:0] REG_CTRL = 32'h00000000;
  localparam logic [31:0] CTRL_AP_START_LSB = 32'h00000000;
  localparam logic [31:0] CTRL_AP_START_MASK = 32'h00000001;
  localparam logic [31:0] CTRL_AP_DONE_LSB = 32'h00000001;
  localparam logic [31:0] CTRL_AP_DONE_MASK = 32'h00000002;
  localparam logic [31:0] CTRL_AP_IDLE_LSB = 32'h00000002;
  localparam logic [31:0] CTRL_AP_IDLE_MASK = 32'h00000004;
  localparam logic [31:0] CTRL_AP_READY_LSB = 32'h00000003;
  localparam logic [31:0] CTRL_AP_READY_MASK = 32'h00000008;
  localparam logic [31:0] REG_GIE = 32'h00000004;
  localparam logic [31:0] REG_IER = 32'h00000008;
  localparam logic [31:0] REG_ISR = 32'h0000000C;
  localparam logic [31:0] REG_PROGRAM_ADDR = 32'h00000010;
  localparam logic [31:0] REG_PROGRAM_ADDR_LO = 32'h00000010;
  localparam logic [31:0] REG_PROGRAM_ADDR_HI = 32'h00000014;
  localparam logic [31:0] REG_PROGRAM_HASH = 32'h00000020;
  localparam logic [31:0] REG_PROGRAM_HASH_LO = 32'h00000020;
  localparam logic [31:0] REG_PROGRAM_HASH_HI = 32'h00000024;
  localparam logic [31:0] REG_BATCH = 32'h00000030;
  localparam logic [31:0] REG_SOFT_RESET = 32'h00000040;
  localparam logic [31:0] REG_VERSION = 32'h00000050;
  localparam logic [31:0] REG_CONFIG_HASH = 32'h00000060;
  localparam logic [31:0] REG_CONFIG_HASH_LO = 32'h00000060;
  localparam logic [31:0] REG_CONFIG_HASH_HI = 32'h00000064;
  localparam logic [31:0] REG_ERROR = 32'h00000070;
  localparam logic [31:0] REG_CYCLES_TOTAL = 32'h00000080;
  localparam logic [31:0] REG_CYCLES_TOTAL_LO = 32'h00000080;
  localparam logic [31:0] REG_CYCLES_TOTAL_HI = 32'h00000084;
  localparam logic [31:0] REG_CYCLES_MHA_BUSY = 32'h00000090;
  localparam logic [31:0] REG_CYCLES_MHA_BUSY_LO = 32'h00000090;
  localparam logic [31:0] REG_CYCLES_MHA_BUSY_HI = 32'h00000094;
  localparam logic [31:0] REG_CYCLES_FFN_BUSY = 32'h000000A0;
  localparam logic [31:0] REG_CYCLES_FFN_BUSY_LO = 32'h000000A0;
  localparam logic [31:0] REG_CYCLES_FFN_BUSY_HI = 32'h000000A4;
  localparam logic [31:0] REG_CYCLES_QMM_BUSY = 32'h000000B0;
  localparam logic [31:0] REG_CYCLES_QMM_BUSY_LO = 32'h000000B0;
  localparam logic [31:0] REG_CYCLES_QMM_BUSY_HI = 32'h000000B4;
  localparam logic [31:0] REG_CYCLES_WEIGHT_WAIT = 32'h000000C0;
  localparam logic [31:0] REG_CYCLES_WEIGHT_WAIT_LO = 32'h000000C0;
  localparam logic [31:0] REG_CYCLES_WEIGHT_WAIT_HI = 32'h000000C4;
  localparam logic [31:0] REG_CYCLES_INPUT_WAIT = 32'h000000D0;
  localparam logic [31:0] REG_CYCLES_INPUT_WAIT_LO = 32'h000000D0;
  localparam logic [31:0] REG_CYCLES_INPUT_WAIT_HI = 32'h000000D4;
  localparam logic [31:0] REG_STALL_SOFTMAX = 32'h000000E0;
  localparam logic [31:0] REG_STALL_SOFTMAX_LO = 32'h000000E0;
  localparam logic [31:0] REG_STALL_SOFTMAX_HI = 32'h000000E4;
  localparam logic [31:0] REG_STALL_LN = 32'h000000F0;
  localparam logic [31:0] REG_STALL_LN_LO = 32'h000000F0;
  localparam logic [31:0] REG_STALL_LN_HI = 32'h000000F4;
  localparam logic [31:0] REG_SATURATIONS = 32'h00000100;
  localparam logic [31:0] REG_CYCLES_MHA_QMM = 32'h00000110;
  localparam logic [31:0] REG_CYCLES_MHA_QMM_LO = 32'h00000110;
  localparam logic [31:0] REG_CYCLES_MHA_QMM_HI = 32'h00000114;
  localparam logic [31:0] REG_CYCLES_FFN_QMM = 32'h00000120;
  localparam logic [31:0] REG_CYCLES_FFN_QMM_LO = 32'h00000120;
  localparam logic [31:0] REG_CYCLES_FFN_QMM_HI = 32'h00000124;
  localparam logic [31:0] ERR_NONE = 32'h00000000;
  localparam logic [31:0] ERR_BAD_MAGIC = 32'h00000001;
  localparam logic [31:0] ERR_HASH_MISMATCH = 32'h00000002;
  localparam logic [31:0] ERR_UNSUPPORTED_SHAPE = 32'h00000003;
  localparam logic [31:0] ERR_BAD_LENGTH = 32'h00000004;
  localparam logic [31:0] ERR_SHORT_INPUT = 32'h00000005;
  localparam logic [31:0] ERR_BUSY = 32'h00000006;
  localparam logic [31:0] ERR_BAD_DESCRIPTOR = 32'h00000007;
  localparam logic [31:0] ERR_BUS_ERROR = 32'h00000008;
  localparam logic [31:0] ERR_DEADLOCK = 32'h00000009;
  localparam logic [31:0] ERR_BAD_BATCH = 32'h0000000A;
  localparam logic [31:0] ERR_INTERNAL = 32'h0000000B;
  /* verilator lint_on UNUSEDPARAM */

  // Whether a register has a word at the byte offset.
  function automatic logic is_register(logic [31:0] offset);
    return offset inside {
      32'h000, 32'h004, 32'h008, 32'h00C, 32'h010, 32'h014, 32'h020, 32'h024, 32'h030, 32'h040,
      32'h050, 32'h060, 32'h064, 32'h070, 32'h080, 32'h084, 32'h090, 32'h094, 32'h0A0, 32'h0A4,
      32'h0B0, 32'h0B4, 32'h0C0, 32'h0C4, 32'h0D0, 32'h0D4, 32'h0E0, 32'h0E4, 32'h0F0, 32'h0F4,
      32'h100, 32'h110, 32'h114, 32'h120, 32'h124
    };
  endfunction
endpackage
