// SPDX-License-Identifier: Apache-2.0
// The outer ends of an emulated engine's streams: bytes with TLAST marks, for csim and cosim.
//
// Not a kernel: never compiled under __SYNTHESIS__. Source: ours.
#ifndef BATFLOW_BYTE_QUEUE_HPP
#define BATFLOW_BYTE_QUEUE_HPP
#ifndef __SYNTHESIS__
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

namespace bat {
namespace sim {

class ByteQueue {
 public:
  std::uint64_t size() const { return bytes_.size() - head_; }
  void clear() { *this = ByteQueue(); }
  void push(const std::uint8_t* data, std::uint64_t count, bool last) {
    bytes_.insert(bytes_.end(), data, data + count);
    if (last) lasts_.push_back(taken_ + size());
  }
  // Whether a beat of eight bytes, or the shorter one before TLAST, is there.
  bool beat_ready() const { return size() >= 8 || !lasts_.empty(); }
  // Takes up to `capacity` bytes, not beyond TLAST; returns how many.
  std::uint64_t take(std::uint8_t* out, std::uint64_t capacity, bool* last) {
    std::uint64_t count = std::min(capacity, size());
    if (!lasts_.empty()) count = std::min(count, lasts_.front() - taken_);
    if (count != 0) std::memcpy(out, bytes_.data() + head_, count);
    head_ += count;
    taken_ += count;
    *last = !lasts_.empty() && lasts_.front() == taken_;
    if (*last) lasts_.pop_front();
    if (head_ > kKept && head_ * 2 > bytes_.size()) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + std::ptrdiff_t(head_));
      head_ = 0;
    }
    return count;
  }

 private:
  static constexpr std::uint64_t kKept = 1 << 16;  // bytes taken that are worth freeing
  std::vector<std::uint8_t> bytes_;
  std::deque<std::uint64_t> lasts_;  // absolute positions behind a TLAST byte
  std::uint64_t head_ = 0, taken_ = 0;
};

}  // namespace sim
}  // namespace bat
#endif
#endif
