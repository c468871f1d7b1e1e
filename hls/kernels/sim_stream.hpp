// SPDX-License-Identifier: Apache-2.0
// hls::stream<T, DEPTH> of csim: bounded and blocking.
//
// A write to a full and a read from an empty stream block the process (sim_region.hpp); when no process can
// advance, sim::Deadlock names each blocked stream, its depth and side; data left in a stream that a region
// owns is sim::Leftover. Never compiled under __SYNTHESIS__. Source: ours.
#ifndef BATFLOW_SIM_STREAM_HPP
#define BATFLOW_SIM_STREAM_HPP
#ifndef __SYNTHESIS__
#include "sim_region.hpp"

namespace hls {

// T: element type. DEPTH: capacity in elements, at least 1; 0 is the base that functions refer to.
template <class T, int DEPTH = 0>
class stream;

template <class T>
class stream<T, 0> : public bat::sim::Channel {
 public:
  T read() {
    while (count_ == 0) bat::sim::block(*this, true);
    T value = ring_[head_];
    head_ = head_ + 1 == depth_ ? 0 : head_ + 1;
    --count_;
    return value;
  }
  void read(T& value) { value = read(); }
  void write(const T& value) {
    while (count_ == depth_) bat::sim::block(*this, false);
    const std::size_t tail = head_ + count_;
    ring_[tail < depth_ ? tail : tail - depth_] = value;
    ++count_;
  }
  // Drops what is stored (reset).
  void clear() { count_ = 0; }

 protected:
  stream(const char* name, std::size_t depth) : Channel(name, depth), ring_(depth) {}

 private:
  std::vector<T> ring_;
  std::size_t head_ = 0;
};

template <class T, int DEPTH>
class stream : public stream<T, 0> {
  static_assert(DEPTH >= 1, "hls::stream: DEPTH must be at least 1");

 public:
  explicit stream(const char* name) : stream<T, 0>(name, DEPTH) {}
};

}  // namespace hls

#define BAT_REGION(region, name) bat::sim::Region region(name)
#define BAT_OWNS(region, ...) region.owns(__VA_ARGS__)
#define BAT_PROCESS(region, name, ...) region.add(name, [&] { __VA_ARGS__; })
#define BAT_RUN(region) region.run()
#endif
#endif
