// SPDX-License-Identifier: Apache-2.0
// Clock loop around a Verilated module with AXI4-Stream ports, behind a C interface for ctypes.
// A generated file binds the ports (hls/verilator.py) and ends with BATFLOW_AXIS_HARNESS(Ports).
// The loop checks what AXI4-Stream asks of the module: a beat once offered stays until it is taken,
// and TREADY and TVALID follow from registers alone, not from this clock's inputs.
#ifndef BATFLOW_AXIS_HARNESS_H
#define BATFLOW_AXIS_HARNESS_H

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "verilated.h"

namespace batflow {

// Same layout as the ctypes structure in hls/verilator.py.
struct Stream {
  uint8_t* data;  // beats * bytes: to send, or room for what comes
  uint8_t* last;  // one byte a beat
  int64_t beats;  // beats to send or expected
  int64_t done;   // beats moved
  int32_t bytes;  // bytes of one beat
  int32_t stall;  // per cent of clocks in which the harness side holds back
  uint32_t seed;  // of the stalls, not 0
  uint32_t spare;
};

enum Outcome : int32_t {
  kDone = 0,
  kStalled = 1,
  kTooLong = 2,
  kUnstable = 3,
  kCombinational = 4,
  kStatus = 5
};

// A port of any width: CData to QData, or VlWide. Beats are little-endian, as the host is.
template <class Field>
void put(Field& field, const uint8_t* bytes, size_t count) {
  std::memcpy(static_cast<void*>(&field), bytes, count);
}
template <class Field>
void get(const Field& field, uint8_t* bytes, size_t count) {
  std::memcpy(bytes, static_cast<const void*>(&field), count);
}

template <class Ports>
class Harness {
 public:
  Harness() : top_(new typename Ports::Top(prepare(context_), "top")) { reset(4); }
  ~Harness() { top_->final(); }

  void reset(int clocks) {
    top_->rst_n = 0;
    for (int s = 0; s < Ports::kInputs; s++) Ports::drive(*top_, s, false, nullptr, 0, false);
    for (int s = 0; s < Ports::kOutputs; s++) Ports::accept(*top_, s, false);
    for (int i = 0; i < clocks; i++) clock();
    top_->rst_n = 1;
    clock();  // the register slices open one clock after reset
  }

  // Move all beats of `in` and `out` (one entry a port, in port order). Returns an Outcome.
  int32_t run(Stream* in, Stream* out, int64_t max_clocks, int64_t idle_limit, int64_t* clocks) {
    bool offered[Ports::kInputs] = {};
    bool refused[Ports::kOutputs] = {};
    std::vector<uint8_t> kept[Ports::kOutputs], now;
    int64_t idle = 0;
    for (*clocks = 0; *clocks < max_clocks; ++*clocks) {
      if (complete(in, out)) return kDone;
      if (Ports::status(*top_) != 0) return kStatus;
      if (idle >= idle_limit) return kStalled;
      bool ready[Ports::kInputs], valid[Ports::kOutputs], open[Ports::kOutputs];
      for (int s = 0; s < Ports::kInputs; s++) ready[s] = Ports::ready(*top_, s);
      for (int s = 0; s < Ports::kOutputs; s++) valid[s] = Ports::valid(*top_, s);
      for (int s = 0; s < Ports::kInputs; s++) offer(in[s], s, offered[s]);
      for (int s = 0; s < Ports::kOutputs; s++) {
        open[s] = out[s].done < out[s].beats && !chance(out[s]);
        Ports::accept(*top_, s, open[s]);
      }
      top_->clk = 0;
      top_->eval();
      for (int s = 0; s < Ports::kInputs; s++)
        if (ready[s] != bool(Ports::ready(*top_, s))) return kCombinational;
      idle++;
      for (int s = 0; s < Ports::kOutputs; s++) {
        if (valid[s] != bool(Ports::valid(*top_, s))) return kCombinational;
        if (refused[s]) {
          now.assign(out[s].bytes + 1, 0);
          Ports::take(*top_, s, now.data(), out[s].bytes, now.data() + out[s].bytes);
          if (!valid[s] || now != kept[s]) return kUnstable;
        }
        refused[s] = valid[s] && !open[s];
        if (refused[s]) {
          kept[s].assign(out[s].bytes + 1, 0);
          Ports::take(*top_, s, kept[s].data(), out[s].bytes, kept[s].data() + out[s].bytes);
        } else if (valid[s]) {
          Ports::take(*top_, s, out[s].data + out[s].done * out[s].bytes, out[s].bytes,
                      out[s].last + out[s].done);
          out[s].done++;
          idle = 0;
        }
      }
      for (int s = 0; s < Ports::kInputs; s++) {
        if (!offered[s] || !ready[s]) continue;
        in[s].done++;
        offered[s] = false;
        idle = 0;
      }
      top_->clk = 1;
      top_->eval();
    }
    return complete(in, out) ? kDone : kTooLong;
  }

  uint32_t status() const { return Ports::status(*top_); }
  typename Ports::Top& top() { return *top_; }

 private:
  // Registers without reset start at random values, so that nothing can depend on them.
  static VerilatedContext* prepare(VerilatedContext& context) {
    context.randReset(2);
    context.randSeed(1);
    return &context;
  }

  void clock() {
    top_->clk = 0;
    top_->eval();
    top_->clk = 1;
    top_->eval();
  }

  static bool complete(const Stream* in, const Stream* out) {
    for (int s = 0; s < Ports::kInputs; s++)
      if (in[s].done < in[s].beats) return false;
    for (int s = 0; s < Ports::kOutputs; s++)
      if (out[s].done < out[s].beats) return false;
    return true;
  }

  // True in `stall` per cent of the calls (xorshift32).
  static bool chance(Stream& stream) {
    if (stream.stall == 0) return false;
    stream.seed ^= stream.seed << 13;
    stream.seed ^= stream.seed >> 17;
    stream.seed ^= stream.seed << 5;
    return int32_t(stream.seed % 100) < stream.stall;
  }

  void offer(Stream& stream, int port, bool& offered) {
    if (offered) return;  // a beat that was offered stays
    offered = stream.done < stream.beats && !chance(stream);
    const uint8_t* beat = offered ? stream.data + stream.done * stream.bytes : nullptr;
    Ports::drive(*top_, port, offered, beat, stream.bytes, offered && stream.last[stream.done]);
  }

  VerilatedContext context_;
  std::unique_ptr<typename Ports::Top> top_;
};

}  // namespace batflow

#define BATFLOW_AXIS_HARNESS(Ports)                                                                  \
  extern "C" {                                                                                       \
  void* axis_new() { return new batflow::Harness<Ports>; }                                           \
  void axis_delete(void* sim) { delete static_cast<batflow::Harness<Ports>*>(sim); }                 \
  void axis_reset(void* sim) { static_cast<batflow::Harness<Ports>*>(sim)->reset(4); }               \
  uint32_t axis_status(void* sim) { return static_cast<batflow::Harness<Ports>*>(sim)->status(); }   \
  int32_t axis_run(void* sim, batflow::Stream* in, batflow::Stream* out, int64_t max_clocks,         \
                   int64_t idle_limit, int64_t* clocks) {                                            \
    return static_cast<batflow::Harness<Ports>*>(sim)->run(in, out, max_clocks, idle_limit, clocks); \
  }                                                                                                  \
  }

#endif
