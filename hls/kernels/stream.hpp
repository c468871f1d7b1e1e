// SPDX-License-Identifier: Apache-2.0
// hls::stream<T, DEPTH>: bounded and blocking in csim, the vendor's own under __SYNTHESIS__.
//
// A write to a full and a read from an empty stream block the process (region.hpp); when no process can
// advance, sim::Deadlock names each blocked stream, its depth and side; data left in a stream that a region
// owns is sim::Leftover. Interface functions take `hls::stream<T>&`, the base of every depth, as in Vitis
// HLS.
//
// DATAFLOW regions are written once for both:
//   BAT_REGION(region, "name");                    declares it (nothing under synthesis)
//   BAT_OWNS(region, a, b);                        streams that must be empty at its end
//   BAT_PROCESS(region, "feed", feed(x, a));       a process (a plain call under synthesis)
//   BAT_RUN(region);                               runs it (nothing under synthesis)
// Source: ours.
#ifndef BATFLOW_STREAM_HPP
#define BATFLOW_STREAM_HPP
#ifdef __SYNTHESIS__
#include <hls_stream.h>
#define BAT_REGION(region, name)
#define BAT_OWNS(region, ...)
#define BAT_PROCESS(region, name, ...) __VA_ARGS__
#define BAT_RUN(region)
#else
#include "region.hpp"

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
