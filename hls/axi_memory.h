// SPDX-License-Identifier: Apache-2.0
// A memory behind an AXI4 read port, clock by clock: latency, bandwidth, random stalls, and faults on
// request. It knows nothing of the simulator: once a clock, give the master's signals to step(); until
// the next step(), response() is what the slave drives. It also checks what AXI4 asks of a read master
// (violation()). Bursts are answered in order, as with one ID. Source: ours.
#ifndef BATFLOW_AXI_MEMORY_H
#define BATFLOW_AXI_MEMORY_H

#include <cstdint>
#include <cstring>
#include <deque>

#include "chance.h"

namespace batflow {

constexpr uint64_t kNowhere = ~uint64_t(0);

// What a master drives in a clock.
struct AxiReadRequest {
  bool arvalid;
  uint64_t araddr;
  uint32_t arlen, arsize, arburst;
  bool rready;
};

// What the memory drives in a clock. `rdata`: one beat, little-endian.
struct AxiReadResponse {
  bool arready, rvalid, rlast;
  uint32_t rresp;
  const uint8_t* rdata;
};

// Same layout as the ctypes structure in hls/axi_sim.py.
struct AxiTiming {
  int32_t latency = 1;      // clocks from a taken address to its first beat, >= 1
  int32_t outstanding = 8;  // bursts that the memory holds, >= 1
  int32_t stall_ar = 0;     // per cent of clocks in which no address is taken
  int32_t stall_r = 0;      // per cent of clocks in which no new beat is offered
  uint32_t seed = 1;        // of the stalls, not 0
  int32_t bandwidth = 0;    // bytes per 1024 clocks; 0: a beat a clock
};

// Byte addresses of beats that go wrong; kNowhere: none. Same layout as in hls/axi_sim.py.
struct AxiFaults {
  uint64_t error = kNowhere;        // RRESP is SLVERR
  uint64_t short_burst = kNowhere;  // RLAST, and the burst ends here
  uint64_t long_burst = kNowhere;   // the burst of this beat has one beat more, RLAST on that one
};

enum AxiViolation : uint32_t {
  kAxiFine = 0,
  kAxiUnstable = 1,   // an offered address changed or vanished
  kAxiBoundary = 2,   // a burst crosses 4 KB
  kAxiForm = 3,       // not INCR, not full width, or not aligned to its width
  kAxiAbandoned = 4,  // reset with a burst in flight
};

// Bytes that all ports of one memory may move; call tick() once a clock where ports share it.
class AxiBandwidth {
 public:
  void set(int32_t bytes_per_1024) { rate_ = bytes_per_1024; }
  void tick() {
    if (rate_ != 0 && credit_ < kBurst) credit_ += rate_;
  }
  bool take(int bytes) {
    if (rate_ == 0) return true;
    if (credit_ < int64_t(bytes) * 1024) return false;
    credit_ -= int64_t(bytes) * 1024;
    return true;
  }

 private:
  static constexpr int64_t kBurst = 2 * 64 * 1024;  // two of the widest beats
  int64_t rate_ = 0, credit_ = 0;
};

class AxiMemory {
 public:
  explicit AxiMemory(int bus_bytes) : bus_(bus_bytes) { prepare(); }

  // `data` stays the caller's. Reads outside [base, base + bytes) answer DECERR and zeros.
  void attach(const uint8_t* data, uint64_t base, uint64_t bytes) {
    data_ = data;
    base_ = base;
    bytes_ = bytes;
  }
  void configure(const AxiTiming& timing, const AxiFaults& faults) {
    timing_ = timing;
    faults_ = faults;
    chance_ = Chance(timing.seed);
    own_.set(timing.bandwidth);
  }
  // Shares `bandwidth` with other ports, instead of timing.bandwidth; its owner ticks it.
  void share(AxiBandwidth* bandwidth) { shared_ = bandwidth; }

  const AxiReadResponse& response() const { return out_; }

  // One clock: `in` and response() are the signals at its end.
  void step(const AxiReadRequest& in) {
    check_stable(in);
    if (in.arvalid && out_.arready) accept(in);
    if (out_.rvalid && in.rready) {
      beats_++;
      out_.rvalid = false;
      if (out_.rlast) {
        queue_.pop_front();
      } else {
        queue_.front().beat++;
      }
    }
    now_++;
    own_.tick();
    prepare();
  }

  // The master's reset.
  void reset() {
    if (!queue_.empty() && violation_ == kAxiFine) violation_ = kAxiAbandoned;
    queue_.clear();
    waiting_ = false;
    out_.rvalid = false;
    prepare();
  }

  uint32_t violation() const { return violation_; }  // the first one stays
  uint64_t bursts() const { return bursts_; }
  uint64_t beats() const { return beats_; }
  uint64_t outstanding() const { return queue_.size(); }
  uint64_t most_outstanding() const { return most_; }

 private:
  struct Burst {
    uint64_t address, ready_at;
    uint32_t beats, beat;
  };

  void check_stable(const AxiReadRequest& in) {
    const bool changed = !in.arvalid || in.araddr != held_.araddr || in.arlen != held_.arlen ||
                         in.arsize != held_.arsize || in.arburst != held_.arburst;
    if (waiting_ && changed) complain(kAxiUnstable);
    waiting_ = in.arvalid && !out_.arready;
    held_ = in;
  }

  void accept(const AxiReadRequest& in) {
    const uint64_t bytes = uint64_t(in.arlen + 1) * bus_;
    if (in.arburst != 1 || (1 << in.arsize) != bus_ || in.araddr % bus_ != 0) complain(kAxiForm);
    if (in.araddr / 4096 != (in.araddr + bytes - 1) / 4096) complain(kAxiBoundary);
    const bool longer = faults_.long_burst - in.araddr < bytes;
    queue_.push_back({in.araddr, now_ + timing_.latency, in.arlen + 1 + longer, 0});
    bursts_++;
    if (queue_.size() > most_) most_ = queue_.size();
  }

  // Signals of the next clock; a beat that was offered and not taken stays.
  void prepare() {
    out_.arready = queue_.size() < size_t(timing_.outstanding) && !chance_(timing_.stall_ar);
    if (out_.rvalid || queue_.empty()) return;
    const Burst& burst = queue_.front();
    if (now_ < burst.ready_at || chance_(timing_.stall_r)) return;
    if (!(shared_ ? shared_ : &own_)->take(bus_)) return;
    const uint64_t address = burst.address + uint64_t(burst.beat) * bus_, offset = address - base_;
    const bool inside = offset < bytes_ && bytes_ - offset >= uint64_t(bus_);
    if (inside) {
      std::memcpy(beat_, data_ + offset, bus_);
    } else {
      std::memset(beat_, 0, bus_);
    }
    const auto hits = [&](uint64_t place) { return place - address < uint64_t(bus_); };
    out_.rvalid = true;
    out_.rresp = hits(faults_.error) ? 2 : inside ? 0 : 3;
    out_.rlast = burst.beat + 1 == burst.beats || hits(faults_.short_burst);
    out_.rdata = beat_;
  }

  void complain(AxiViolation what) {
    if (violation_ == kAxiFine) violation_ = what;
  }

  const uint64_t bus_;
  const uint8_t* data_ = nullptr;
  uint64_t base_ = 0, bytes_ = 0, now_ = 0, bursts_ = 0, beats_ = 0, most_ = 0;
  uint32_t violation_ = kAxiFine;
  Chance chance_;
  AxiTiming timing_;
  AxiFaults faults_;
  AxiBandwidth own_;
  AxiBandwidth* shared_ = nullptr;
  std::deque<Burst> queue_;
  bool waiting_ = false;
  AxiReadRequest held_ = {};
  AxiReadResponse out_ = {};
  uint8_t beat_[64] = {};
};

}  // namespace batflow

#endif
