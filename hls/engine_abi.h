/* SPDX-License-Identifier: Apache-2.0
 *
 * The one C ABI of every emulated engine (csim and cosim). A shared library with these symbols
 * is the "bitstream" of an emulation bundle. All calls are made from one thread. Source: ours.
 *
 * Status: 0 is success, negative is failure; bf_last_error() then tells why.
 */
#ifndef BATFLOW_ENGINE_ABI_H
#define BATFLOW_ENGINE_ABI_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BF_ABI_VERSION 1

typedef struct bf_engine bf_engine;

/* Returns BF_ABI_VERSION of the library. */
uint32_t bf_abi_version(void);

/* JSON text: {"kind": "csim"|"cosim", "cycles_source": "estimate"|"cosim", "config": {...},
 * "config_hash": "16 hex digits"}. Valid as long as the library is loaded. */
const char* bf_engine_info(void);

/* Opens an engine over `bytes` bytes of memory that appear at bus address `base`.
 * The caller owns the memory and keeps it alive. Returns NULL when out of memory. */
bf_engine* bf_open(uint8_t* ddr, uint64_t base, uint64_t bytes);
void bf_close(bf_engine* e);

/* As a power-on reset: registers, streams, traces and counters return to their first state. */
void bf_reset(bf_engine* e);

/* AXI4-Lite access, 32 bits, `offset` in bytes from the register table. */
int32_t bf_reg_write(bf_engine* e, uint32_t offset, uint32_t value);
int32_t bf_reg_read(bf_engine* e, uint32_t offset, uint32_t* value);

/* AXI4-Stream into the engine. `last` != 0 puts TLAST on the last byte. Returns bytes accepted. */
int64_t bf_stream_push(bf_engine* e, const uint8_t* data, uint64_t bytes, int32_t last);

/* AXI4-Stream out of the engine: up to `capacity` bytes, stopping after TLAST, which sets *last.
 * Returns the bytes given, 0 when none is ready. */
int64_t bf_stream_pop(bf_engine* e, uint8_t* out, uint64_t capacity, int32_t* last);

/* Lets a started engine work for at most `cycles` clock cycles (an untimed engine runs to its end
 * when all input has come). Returns 1 while a run is on, 0 when idle, negative on failure. */
int32_t bf_advance(bf_engine* e, uint64_t cycles);

/* Debug taps: keep every tensor of docs/contracts.md of the next runs. */
void bf_trace_enable(bf_engine* e, int32_t on);

/* Copies tap `tap` (BF_TAP_*) of sequence `seq` (0-based in the last run) and `layer` into `out`
 * as int32, row major. Returns the number of values (also when `capacity` is too small and nothing
 * was copied), or negative when there is no such tap. */
int64_t bf_trace(bf_engine* e, uint32_t seq, uint32_t layer, uint32_t tap, int32_t* out, uint64_t capacity);

enum {
  BF_TAP_ATTN_IN = 0,
  BF_TAP_Q = 1,
  BF_TAP_K = 2,
  BF_TAP_V = 3,
  BF_TAP_PROBS = 4,
  BF_TAP_CTX = 5,
  BF_TAP_ATTN_SUM = 6,
  BF_TAP_ATTN_OUT = 7,
  BF_TAP_FFN_IN = 8,
  BF_TAP_FFN_MID = 9,
  BF_TAP_FFN_SUM = 10,
  BF_TAP_FFN_OUT = 11
};

/* Text of the last failure of `e` (of bf_open when e is NULL); never NULL. */
const char* bf_last_error(bf_engine* e);

#ifdef __cplusplus
}
#endif
#endif
