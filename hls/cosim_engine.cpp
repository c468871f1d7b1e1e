// SPDX-License-Identifier: Apache-2.0
// hls/engine_abi.h over the cosim engine, and functions beside it for figures and tests.
#include "cosim_engine.hpp"

#include <new>

#include "engine_abi.h"

struct bf_engine {
  batflow::CosimEngine engine;
  std::string timeline;
};

namespace {

constexpr std::uint32_t kAperture = 1 << 16;  // bytes of the register bus
const char* g_open_error = "";

// Runs a bus access; a model that breaks its rules is a failure with a text.
template <class Access>
int32_t access(bf_engine* e, uint32_t offset, Access&& run) {
  try {
    if (offset < kAperture && run()) {
      e->engine.explain();
      return 0;
    }
    e->engine.error_text() = "register offset " + std::to_string(offset) +
                             (offset % 4 != 0 ? " is not 32-bit aligned" : " holds no register");
  } catch (const batflow::ModelError& error) {
    e->engine.error_text() = error.what();
  }
  return -1;
}

}  // namespace

extern "C" {

uint32_t bf_abi_version(void) { return BF_ABI_VERSION; }

const char* bf_engine_info(void) { return batflow::kEngineInfo; }

bf_engine* bf_open(uint8_t* ddr, uint64_t base, uint64_t bytes) {
  if (ddr == nullptr && bytes != 0) {
    g_open_error = "bf_open: no memory was given";
    return nullptr;
  }
  try {
    return new bf_engine{{ddr, base, bytes}, {}};
  } catch (const std::bad_alloc&) {
    g_open_error = "bf_open: out of memory for the model";
  } catch (const batflow::ModelError&) {
    g_open_error = "bf_open: the model does not come out of reset";
  }
  return nullptr;
}

void bf_close(bf_engine* e) { delete e; }

void bf_reset(bf_engine* e) {
  try {
    e->engine.reset();
  } catch (const batflow::ModelError& error) {
    e->engine.error_text() = error.what();
  }
}

int32_t bf_reg_write(bf_engine* e, uint32_t offset, uint32_t value) {
  return access(e, offset, [&] { return e->engine.write(offset, value); });
}

int32_t bf_reg_read(bf_engine* e, uint32_t offset, uint32_t* value) {
  return access(e, offset, [&] { return e->engine.read(offset, value); });
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

int32_t bf_advance(bf_engine* e, uint64_t cycles) {
  try {
    if (e->engine.advance(cycles)) return 1;
    e->engine.explain();
    return 0;
  } catch (const batflow::ModelError& error) {
    e->engine.error_text() = error.what();
    return -1;
  }
}

void bf_trace_enable(bf_engine* e, int32_t on) { e->engine.watch().set_tracing(on != 0); }

int64_t bf_trace(bf_engine* e, uint32_t seq, uint32_t layer, uint32_t tap, int32_t* out, uint64_t capacity) {
  const std::vector<int32_t>* values = e->engine.watch().tap(seq, layer, tap);
  if (values == nullptr) {
    e->engine.error_text() = "no tap " + std::to_string(tap) + " of layer " + std::to_string(layer) +
                             " and sequence " + std::to_string(seq) +
                             " in the last run; RTL shows attn_out and ffn_out alone";
    return -1;
  }
  if (values->size() <= capacity) std::copy(values->begin(), values->end(), out);
  return int64_t(values->size());
}

const char* bf_last_error(bf_engine* e) {
  return e == nullptr ? g_open_error : e->engine.error_text().c_str();
}

/* When the modules worked in the last run, as JSON (cosim_watch.hpp); valid until the next call. */
const char* bf_timeline(bf_engine* e) {
  e->timeline = e->engine.watch().json();
  return e->timeline.c_str();
}

/* Lets the memory beat at bus address `address` answer SLVERR; all ones: none does. */
void bf_memory_fault(bf_engine* e, uint64_t address) { e->engine.fault(address); }

/* Level of the interrupt output. */
int32_t bf_interrupt(bf_engine* e) { return e->engine.interrupt() ? 1 : 0; }

}  // extern "C"
