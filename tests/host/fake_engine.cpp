// SPDX-License-Identifier: Apache-2.0
//
// A stand-in engine for tests of the host: it checks the image's magic and hash, then adds a
// constant to every int16 of the stream. FAKE_MODE in the environment chooses a fault:
// stall (never answers), slow (1000 advances), short (drops the last 8 bytes), tag (wrong tag),
// deadlock (fails with a text).
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "engine_abi.h"
#include "registers.hpp"

#ifndef FAKE_CONFIG_HASH
#error "FAKE_CONFIG_HASH"
#endif

namespace reg = bat::reg;
static constexpr int kAdd = 3;
static constexpr uint64_t kMagic = 0x32474F5250544142ULL;

struct bf_engine {
  uint8_t* ddr;
  uint64_t base, bytes;
  std::map<uint32_t, uint32_t> regs;
  std::vector<uint8_t> in, out;
  bool in_last = false, on = false, done = false;
  uint64_t cycles = 0;
  std::string error;

  std::string mode() const {
    const char* text = std::getenv("FAKE_MODE");
    return text ? text : "";
  }
  uint64_t wide(uint32_t at) { return uint64_t(regs[at + 4]) << 32 | regs[at]; }
  void finish(uint32_t code) {
    if (code || regs[reg::ERROR] != reg::E_BUSY) regs[reg::ERROR] = code;
    on = false;
    done = true;
    in.clear();
  }
  void start() {
    if (on) {
      regs[reg::ERROR] = reg::E_BUSY;
      return;
    }
    regs[reg::ERROR] = 0;
    on = true;
    done = false;
    cycles = 0;
    uint64_t at = wide(reg::PROGRAM_ADDR), head[3];
    if (regs[reg::BATCH] == 0) return finish(reg::E_BAD_BATCH);
    if (at < base || at + 128 > base + bytes) return finish(reg::E_BUS_ERROR);
    std::memcpy(head, ddr + (at - base), sizeof head);
    if (at % 64 != 0 || head[0] != kMagic) return finish(reg::E_BAD_MAGIC);
    if (head[2] != wide(reg::PROGRAM_HASH)) return finish(reg::E_HASH_MISMATCH);
  }
  void compute() {
    size_t at = 0;
    uint32_t batch = 0;
    uint64_t hidden;
    std::memcpy(&hidden, ddr + (wide(reg::PROGRAM_ADDR) - base) + 32, 8);
    while (at < in.size()) {
      uint32_t head[2];
      if (at + 16 > in.size()) return finish(reg::E_SHORT_INPUT);
      std::memcpy(head, &in[at], 8);
      size_t end = at + 16 + 2 * hidden * head[1];
      if (end > in.size()) return finish(reg::E_SHORT_INPUT);
      for (size_t i = at + 16; i < end; i += 2) {
        int16_t value;
        std::memcpy(&value, &in[i], 2);
        value = int16_t(value + kAdd);
        std::memcpy(&in[i], &value, 2);
      }
      if (mode() == "tag") in[at] ^= 0x80;
      at = end;
      ++batch;
    }
    if (batch != regs[reg::BATCH]) return finish(reg::E_SHORT_INPUT);
    out = in;
    if (mode() == "short") out.resize(out.size() - 8);
    regs[reg::CYCLES_TOTAL] = uint32_t(100 * in.size());
    finish(0);
  }
  void reset(bool all) {
    if (all) regs.clear();
    regs[reg::ERROR] = 0;
    in.clear();
    out.clear();
    in_last = on = done = false;
    error.clear();
  }
};

extern "C" {
uint32_t bf_abi_version(void) { return BF_ABI_VERSION; }
const char* bf_engine_info(void) {
  return "{\"kind\": \"csim\", \"cycles_source\": \"estimate\", \"config\": {}}";
}
bf_engine* bf_open(uint8_t* ddr, uint64_t base, uint64_t bytes) {
  bf_engine* e = new bf_engine();
  e->ddr = ddr;
  e->base = base;
  e->bytes = bytes;
  return e;
}
void bf_close(bf_engine* e) { delete e; }
void bf_reset(bf_engine* e) { e->reset(true); }
int32_t bf_reg_write(bf_engine* e, uint32_t offset, uint32_t value) {
  if (offset == reg::CTRL) {
    if (value & reg::AP_START) e->start();
  } else if (offset == reg::SOFT_RESET) {
    if (value & 1) e->reset(false);
  } else {
    e->regs[offset] = value;
  }
  return 0;
}
int32_t bf_reg_read(bf_engine* e, uint32_t offset, uint32_t* value) {
  const uint64_t hash = FAKE_CONFIG_HASH;
  if (offset == reg::CTRL) {
    *value = (e->done ? reg::AP_DONE : 0u) | (e->on ? 0u : uint32_t(reg::AP_IDLE | reg::AP_READY));
    e->done = false;
  } else if (offset == reg::VERSION) {
    *value = reg::kVersion;
  } else if (offset == reg::CONFIG_HASH) {
    *value = uint32_t(hash);
  } else if (offset == reg::CONFIG_HASH + 4) {
    *value = uint32_t(hash >> 32);
  } else {
    *value = e->regs[offset];
  }
  return 0;
}
// Takes a part only, so that the caller's handling of backpressure is tried.
int64_t bf_stream_push(bf_engine* e, const uint8_t* data, uint64_t bytes, int32_t last) {
  if (!e->on) return 0;
  uint64_t taken = bytes > 1000 ? 1000 : bytes;
  e->in.insert(e->in.end(), data, data + taken);
  if (last && taken == bytes) e->in_last = true;
  return int64_t(taken);
}
int64_t bf_stream_pop(bf_engine* e, uint8_t* out, uint64_t capacity, int32_t* last) {
  uint64_t given = e->out.size() < capacity ? e->out.size() : capacity;
  if (given > 700) given = 696;
  std::memcpy(out, e->out.data(), given);
  e->out.erase(e->out.begin(), e->out.begin() + long(given));
  *last = given > 0 && e->out.empty();
  return int64_t(given);
}
int32_t bf_advance(bf_engine* e, uint64_t) {
  if (!e->on) return 0;
  if (e->mode() == "deadlock") {
    e->error = "streams blocked: softmax.out is full, qmm.in is empty";
    e->finish(reg::E_DEADLOCK);
    return -1;
  }
  if (!e->in_last || e->mode() == "stall") return 1;
  if (e->mode() == "slow" && ++e->cycles < 1000) return 1;
  e->in_last = false;
  e->compute();
  return e->on;
}
void bf_trace_enable(bf_engine*, int32_t) {}
int64_t bf_trace(bf_engine*, uint32_t, uint32_t, uint32_t, int32_t*, uint64_t) { return -1; }
const char* bf_last_error(bf_engine* e) { return e ? e->error.c_str() : "out of memory"; }
}
