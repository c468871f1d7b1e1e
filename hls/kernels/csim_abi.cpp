// SPDX-License-Identifier: Apache-2.0
// hls/engine_abi.h over the csim engine.
#include <algorithm>
#include <new>

#include "../engine_abi.h"
#include "csim_engine.hpp"

struct bf_engine {
  bat::sim::Engine engine;
};

namespace {

const char* g_open_error = "";

int32_t refuse(bf_engine* e, bat::sim::Access access, uint32_t offset) {
  if (access == bat::sim::Access::kOk) return 0;
  const char* why = access == bat::sim::Access::kUnaligned ? " is not 32-bit aligned" : " holds no register";
  e->engine.error_text() = "register offset " + std::to_string(offset) + why;
  return -1;
}

}  // namespace

extern "C" {

uint32_t bf_abi_version(void) { return BF_ABI_VERSION; }

const char* bf_engine_info(void) { return bat::kEngineInfo; }

bf_engine* bf_open(uint8_t* ddr, uint64_t base, uint64_t bytes) {
  if (ddr == nullptr && bytes != 0) {
    g_open_error = "bf_open: no memory was given";
    return nullptr;
  }
  try {
    return new bf_engine{bat::sim::Engine(ddr, base, bytes)};
  } catch (const std::bad_alloc&) {
    g_open_error = "bf_open: out of memory for the engine's buffers";
    return nullptr;
  }
}

void bf_close(bf_engine* e) { delete e; }

void bf_reset(bf_engine* e) { e->engine.reset(); }

int32_t bf_reg_write(bf_engine* e, uint32_t offset, uint32_t value) {
  const int32_t status = refuse(e, e->engine.registers.write(offset, value), offset);
  if (status != 0) return status;
  if (offset == bat::reg::CTRL) e->engine.write_control(value);
  if (offset == bat::reg::SOFT_RESET && (value & 1) != 0) e->engine.drop();
  return 0;
}

int32_t bf_reg_read(bf_engine* e, uint32_t offset, uint32_t* value) {
  return refuse(e, e->engine.registers.read(offset, value), offset);
}

int64_t bf_stream_push(bf_engine* e, const uint8_t* data, uint64_t bytes, int32_t last) {
  e->engine.push(data, bytes, last != 0);
  return int64_t(bytes);
}

int64_t bf_stream_pop(bf_engine* e, uint8_t* out, uint64_t capacity, int32_t* last) {
  bool ended = false;
  const uint64_t count = e->engine.pop(out, capacity, &ended);
  *last = ended ? 1 : 0;
  return int64_t(count);
}

int32_t bf_advance(bf_engine* e, uint64_t cycles) { return e->engine.advance(cycles) ? 1 : 0; }

void bf_trace_enable(bf_engine* e, int32_t on) { e->engine.set_tracing(on != 0); }

int64_t bf_trace(bf_engine* e, uint32_t seq, uint32_t layer, uint32_t tap, int32_t* out, uint64_t capacity) {
  const std::vector<int32_t>* values = e->engine.tap(seq, layer, tap);
  if (values == nullptr) {
    e->engine.error_text() = "no tap " + std::to_string(tap) + " of layer " + std::to_string(layer) +
                             " and sequence " + std::to_string(seq) + " in the last run";
    return -1;
  }
  if (values->size() <= capacity) std::copy(values->begin(), values->end(), out);
  return int64_t(values->size());
}

const char* bf_last_error(bf_engine* e) {
  return e == nullptr ? g_open_error : e->engine.error_text().c_str();
}

}  // extern "C"
