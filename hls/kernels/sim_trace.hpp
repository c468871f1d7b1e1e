// SPDX-License-Identifier: Apache-2.0
// Debug taps of csim: every tensor of docs/contracts.md, as int32, row major.
//
// The macros of trace.hpp, and where the values go. Never compiled under __SYNTHESIS__. Source: ours.
#ifndef BATFLOW_SIM_TRACE_HPP
#define BATFLOW_SIM_TRACE_HPP
#ifndef __SYNTHESIS__
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "../engine_abi.h"

namespace bat {
namespace sim {

struct Trace {
  std::uint32_t sequence = 0;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::vector<std::int32_t> > taps;
  std::vector<std::int32_t>& at(std::uint32_t layer, std::uint32_t tap) {
    return taps[{sequence, layer, tap}];
  }
};

// The open trace; null when taps are off.
inline Trace*& trace() {
  static thread_local Trace* open = nullptr;
  return open;
}

}  // namespace sim
}  // namespace bat

#define BAT_TRACE(layer, tap, rows, columns, value)                                               \
  do {                                                                                            \
    if (bat::sim::trace() != nullptr) {                                                           \
      std::vector<std::int32_t>& values = bat::sim::trace()->at(layer, tap);                      \
      for (int row = 0; row < (rows); ++row) {                                                    \
        for (int column = 0; column < (columns); ++column) values.push_back(std::int32_t(value)); \
      }                                                                                           \
    }                                                                                             \
  } while (false)
#define BAT_TRACE_SEQUENCE(n) \
  if (bat::sim::trace() != nullptr) bat::sim::trace()->sequence = (n)
#endif
#endif
