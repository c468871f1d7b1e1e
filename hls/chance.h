// SPDX-License-Identifier: Apache-2.0
// Random stalls of a simulation's surroundings. Source: xorshift32 (Marsaglia).
#ifndef BATFLOW_CHANCE_H
#define BATFLOW_CHANCE_H
#include <cstdint>

namespace batflow {

// True in `per_cent` of the calls.
class Chance {
 public:
  explicit Chance(std::uint32_t seed = 1) : seed_(seed ? seed : 1) {}
  bool operator()(int per_cent) {
    if (per_cent == 0) return false;
    seed_ ^= seed_ << 13;
    seed_ ^= seed_ >> 17;
    seed_ ^= seed_ << 5;
    return int(seed_ % 100) < per_cent;
  }

 private:
  std::uint32_t seed_;
};

}  // namespace batflow
#endif
