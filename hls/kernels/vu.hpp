// SPDX-License-Identifier: Apache-2.0
// VU: the vector unit, r = sat16(h + ((acc*M + C) >> n)) (docs/numerics.md, "Residual").
//
// Takes the accumulator tiles of a product, adds h [l][d] and writes r [l][d] of the same fraction bits.
// Adds to `saturations` how many values saturation changed. Tensor order: tiles as qmm.hpp gives them.
// II 1 over kVuLanes values. Latency: ceil(T*O/lanes) cycles a tile, hidden behind QMM where that is no
// shorter.
// Bit growth: 50 bits + 16 bits -> 51, saturated to 16. Cfg: kTokens, kOutputs, kVuLanes, kMaxHidden.
// Source: design of the dyadic residual is ours.
#ifndef BATFLOW_VU_HPP
#define BATFLOW_VU_HPP
#include "qmm.hpp"
#include "qu.hpp"

namespace bat {

template <class Cfg>
void vu_tiles(const QmmJob& job, int shift, const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden],
              hls::stream<AccTile<Cfg>>& in, hls::stream<Channel>& constants,
              h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden], std::uint32_t& saturations) {
  static_assert(Cfg::kVuLanes >= 1 && Cfg::kVuLanes <= 256, "VU: kVuLanes must be 1..256");
  const QmmLoops<Cfg> loops(job);
  Channel channels[Cfg::kOutputs];
#pragma HLS ARRAY_PARTITION variable = channels complete dim = 1
  for (int ot = 0; ot < loops.column_tiles; ++ot) {
    read_channels<Cfg>(job, ot, constants, channels);
    for (int rt = 0; rt < loops.row_tiles; ++rt) {
      const AccTile<Cfg> tile = in.read();
      for (int t = 0; t < Cfg::kTokens; ++t) {
        for (int o = 0; o < Cfg::kOutputs; ++o) {
#pragma HLS PIPELINE II = 1
#pragma HLS UNROLL factor = Cfg::kVuLanes
          const int row = rt * Cfg::kTokens + t, column = ot * Cfg::kOutputs + o;
          if (row < job.rows && column < job.columns) {
            const Channel& k = channels[o];
            const dyadic_t level = dyadic(tile.acc[0][t][o], tile.acc[1][t][o], k.m[0], k.m[1], k.c, shift);
            r[row][column] = saturate(h[row][column] + level, saturations);
          }
        }
      }
    }
  }
}

// Cycles that QU or VU needs for one tile.
template <class Cfg>
std::uint64_t post_tile_cycles() {
  return div_up(Cfg::kTokens * Cfg::kOutputs, Cfg::kVuLanes);
}

}  // namespace bat
#endif
