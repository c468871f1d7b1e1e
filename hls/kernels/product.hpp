// SPDX-License-Identifier: Apache-2.0
// Latency of one product of a module: QMM with the units that stream before and behind it.
//
//   from memory   W + (C-1)*max(0, W - R*s) + C*R*s + kQmmDepth + p, where W is weight_tile_cycles, C
//                 column tiles, R row tiles, s = max(QMM steps of a tile, p), p = post_tile_cycles
//   from a buffer the same with W = 0
//   scores        outer*q + (outer-1)*max(0, x - q) + x + kQmmDepth, where q = QMM steps of a token tile and
//                 x = softmax_tile_cycles of T rows: softmax works on one token tile while QMM takes the next
// Adds QMM busy cycles, weight waits and softmax stalls to the counters. Source: ours.
#ifndef BATFLOW_PRODUCT_HPP
#define BATFLOW_PRODUCT_HPP
#include "feed.hpp"
#include "softmax.hpp"
#include "vu.hpp"

namespace bat {

template <class Cfg>
std::uint64_t product_cycles(const QmmJob& job, bool from_memory, Counters& counters) {
  const QmmLoops<Cfg> loops(job);
  const std::uint64_t steps = std::uint64_t(job.a.bits) * job.passes() * loops.words;
  const std::uint64_t post = post_tile_cycles<Cfg>();
  const std::uint64_t column = loops.row_tiles * (steps > post ? steps : post);
  const std::uint64_t load = from_memory ? weight_tile_cycles<Cfg>(job) : 0;
  const std::uint64_t wait = load + (loops.column_tiles - 1) * (load > column ? load - column : 0);
  counters.qmm_busy += qmm_cycles<Cfg>(job);
  counters.weight_wait += wait;
  return wait + loops.column_tiles * column + kQmmDepth + post;
}

template <class Cfg>
std::uint64_t scores_cycles(const QmmJob& job, Counters& counters) {
  const QmmLoops<Cfg> loops(job);
  const std::uint64_t tile =
      std::uint64_t(loops.column_tiles) * job.a.bits * job.passes() * loops.words;  // row_tiles is 1
  const std::uint64_t soft = softmax_tile_cycles<Cfg>(min_of(Cfg::kTokens, job.rows), job.columns);
  const std::uint64_t stall = (loops.outer - 1) * (soft > tile ? soft - tile : 0) + soft;
  counters.qmm_busy += qmm_cycles<Cfg>(job);
  counters.stall_softmax += stall;
  return loops.outer * tile + stall + kQmmDepth;
}

}  // namespace bat
#endif
