// SPDX-License-Identifier: Apache-2.0
// Generated from hls/registers/table.py by `python -m batflow.hls.generate`; do not edit.
#ifndef BATFLOW_REGISTERS_HPP
#define BATFLOW_REGISTERS_HPP
#include <cstdint>
namespace bat {
namespace reg {
constexpr std::uint32_t kVersion = 0x00010001;
enum Offset : std::uint32_t {
  CTRL = 0x00,  // Start and status, as Vitis HLS ap_ctrl_hs
  GIE = 0x04,  // bit 0: global interrupt enable
  IER = 0x08,  // bit 0: interrupt on done; bit 1: interrupt on error
  ISR = 0x0C,  // interrupt status; write 1 to toggle
  PROGRAM_ADDR = 0x10,  // physical byte address of image.bin, 64-byte aligned
  PROGRAM_HASH = 0x20,  // low 64 bits of the program hash that the host expects
  BATCH = 0x30,  // sequences in the run's input stream
  SOFT_RESET = 0x40,  // write 1 to drop a run and empty the streams
  VERSION = 0x50,  // register map version: major << 16 | minor
  CONFIG_HASH = 0x60,  // low 64 bits of the accelerator config's hash
  ERROR = 0x70,  // error code of the last run; 0 is none
  CYCLES_TOTAL = 0x80,  // cycles from start to done of the last run
  CYCLES_MHA_BUSY = 0x90,  // cycles in which the MHA module worked
  CYCLES_FFN_BUSY = 0xA0,  // cycles in which the FFN module worked
  CYCLES_QMM_BUSY = 0xB0,  // cycles in which a QMM engine took operands, both modules
  CYCLES_WEIGHT_WAIT = 0xC0,  // cycles a QMM engine waited for weights
  CYCLES_INPUT_WAIT = 0xD0,  // cycles the input stream was awaited
  STALL_SOFTMAX = 0xE0,  // cycles a QMM engine waited for softmax
  STALL_LN = 0xF0,  // cycles a QMM engine waited for LayerNorm
  SATURATIONS = 0x100,  // values that residual or LN saturation changed
  CYCLES_MHA_QMM = 0x110,  // cycles in which the QMM engine of MHA took operands
  CYCLES_FFN_QMM = 0x120,  // cycles in which the QMM engine of FFN took operands
};
enum FieldBit : std::uint32_t {
  AP_START = 1u,  // write 1 to start; refused with ERROR busy while a run is on
  AP_DONE = 2u,  // a run has ended; cleared by reading
  AP_IDLE = 4u,  // no run is on
  AP_READY = 8u,  // the next start is accepted
};
enum Error : std::uint32_t {
  E_NONE = 0,  // no error
  E_BAD_MAGIC = 1,  // no program image lies at PROGRAM_ADDR; load image.bin and set the address
  E_HASH_MISMATCH = 2,  // the image in memory is not the program that the host expects; load it again
  E_UNSUPPORTED_SHAPE = 3,  // the program exceeds the built maxima; build a larger config
  E_BAD_LENGTH = 4,  // a sequence is empty or longer than the program's max_len
  E_SHORT_INPUT = 5,  // the input stream ended inside a sequence; send whole sequences
  E_BUSY = 6,  // start was written during a run; wait for AP_DONE
  E_BAD_DESCRIPTOR = 7,  // a layer descriptor points outside the image; write the image again
  E_BUS_ERROR = 8,  // a memory read failed; check PROGRAM_ADDR and the buffer's size
  E_DEADLOCK = 9,  // streams blocked each other; see the engine's last error for their names
  E_BAD_BATCH = 10,  // BATCH is 0; write the number of sequences
  E_INTERNAL = 11,  // a unit refused its data; load image.bin again, and report it if it comes back
};
struct Entry {
  std::uint32_t offset;
  std::uint32_t words;
  bool writable;
};
constexpr Entry kTable[22] = {
    {CTRL, 1, true},
    {GIE, 1, true},
    {IER, 1, true},
    {ISR, 1, true},
    {PROGRAM_ADDR, 2, true},
    {PROGRAM_HASH, 2, true},
    {BATCH, 1, true},
    {SOFT_RESET, 1, true},
    {VERSION, 1, false},
    {CONFIG_HASH, 2, false},
    {ERROR, 1, false},
    {CYCLES_TOTAL, 2, false},
    {CYCLES_MHA_BUSY, 2, false},
    {CYCLES_FFN_BUSY, 2, false},
    {CYCLES_QMM_BUSY, 2, false},
    {CYCLES_WEIGHT_WAIT, 2, false},
    {CYCLES_INPUT_WAIT, 2, false},
    {STALL_SOFTMAX, 2, false},
    {STALL_LN, 2, false},
    {SATURATIONS, 1, false},
    {CYCLES_MHA_QMM, 2, false},
    {CYCLES_FFN_QMM, 2, false},
};
}  // namespace reg
}  // namespace bat
#endif
