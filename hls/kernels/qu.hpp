// SPDX-License-Identifier: Apache-2.0
// QU: the quantization unit, q = clip((a*M + C) >> n) to 1..8 bits (docs/numerics.md, "Activations").
//
// to_format: clip to the format's bounds; for {-1,+1} the sign, with sign(0) = +1. ReLU is the bound 0.
// qu_tiles: accumulator tiles of a product to q tiles, constants per channel; reads O channels at a column
//   tile's first row tile, or takes one constant for all. qu_rows: residual rows [l][d] to planes.
// pack_tiles: q tiles to planes, II 2 for one value, which the latency formulas leave out.
// Tensor order: tiles as qmm.hpp gives them; rows ascending, columns ascending.
// II 1 over kVuLanes values. Latency: qu_tiles ceil(T*O/lanes) a tile, hidden behind QMM where that is no
// shorter; qu_rows l * ceil(d/lanes) + kQuDepth.
// Bit growth: a 32, M 16, C 46 bits -> sum of two products 50 bits. Cfg: kTokens, kOutputs, kVuLanes. Source:
// BiT's elastic quantizer with fixed coefficient and bias; the integer form is ours.
#ifndef BATFLOW_QU_HPP
#define BATFLOW_QU_HPP
#include "planes.hpp"
#include "qmm.hpp"

namespace bat {

constexpr int kQuDepth = 6;

inline q_t to_format(dyadic_t level, const Format& format) {
#pragma HLS INLINE
  if (format.bipolar()) return level >= 0 ? q_t(1) : q_t(-1);
  if (level < format.low()) return q_t(format.low());
  if (level > format.high()) return q_t(format.high());
  return q_t(level);
}

template <class Cfg>
struct QTile {
  q_t q[Cfg::kTokens][Cfg::kOutputs];
};

template <class Cfg>
void read_channels(const QmmJob& job, int column_tile, hls::stream<Channel>& in,
                   Channel channels[Cfg::kOutputs]) {
  const int first = column_tile * Cfg::kOutputs;
  for (int o = 0; o < min_of(Cfg::kOutputs, job.columns - first); ++o) {
#pragma HLS PIPELINE II = 1
    channels[o] = in.read();
  }
}

// Requantizes every tile of `job`. `common` replaces the channel stream when `per_channel` is false.
template <class Cfg>
void qu_tiles(const QmmJob& job, bool per_channel, const Channel& common, int shift, const Format& format,
              hls::stream<AccTile<Cfg>>& in, hls::stream<Channel>& constants, hls::stream<QTile<Cfg>>& out) {
  const QmmLoops<Cfg> loops(job);
  Channel channels[Cfg::kOutputs];
#pragma HLS ARRAY_PARTITION variable = channels complete dim = 1
  for (int o = 0; o < Cfg::kOutputs; ++o) channels[o] = common;
  for (int ot = 0; ot < loops.column_tiles; ++ot) {
    if (per_channel) read_channels<Cfg>(job, ot, constants, channels);
    for (int rt = 0; rt < loops.row_tiles; ++rt) {
      const AccTile<Cfg> tile = in.read();
      QTile<Cfg> result;
      for (int t = 0; t < Cfg::kTokens; ++t) {
        for (int o = 0; o < Cfg::kOutputs; ++o) {
#pragma HLS PIPELINE II = 1
#pragma HLS UNROLL factor = Cfg::kVuLanes
          const Channel& k = channels[o];
          result.q[t][o] =
              to_format(dyadic(tile.acc[0][t][o], tile.acc[1][t][o], k.m[0], k.m[1], k.c, shift), format);
        }
      }
      out.write(result);
    }
  }
}

// Writes q tiles into planes. `place(row, column)` says where: {row, base, column} of Planes::put.
template <class Cfg, class P, class PlaceOf>
void pack_tiles(const QmmJob& job, const Format& format, hls::stream<QTile<Cfg>>& in, P& planes,
                PlaceOf place) {
  const QmmLoops<Cfg> loops(job);
  for (int ot = 0; ot < loops.column_tiles; ++ot) {
    for (int rt = 0; rt < loops.row_tiles; ++rt) {
      const QTile<Cfg> tile = in.read();
      for (int t = 0; t < Cfg::kTokens; ++t) {
        for (int o = 0; o < Cfg::kOutputs; ++o) {
#pragma HLS PIPELINE II = 2
          const int row = rt * Cfg::kTokens + t, column = ot * Cfg::kOutputs + o;
          if (row < job.rows && column < job.columns) {
            const auto at = place(row, column);
            planes.put(at.row, at.base, at.column, tile.q[t][o], format);
          }
        }
      }
    }
  }
}

// Quantizes residual rows h [rows][d] with one set of constants into planes.
template <class Cfg, class P>
void qu_rows(const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden], int rows, int d, const Dyadic& k,
             const Format& format, P& planes) {
  static_assert(Cfg::kVuLanes >= 1 && Cfg::kVuLanes <= 256, "QU: kVuLanes must be 1..256");
  for (int t = 0; t < rows; ++t) {
    for (int i = 0; i < d; ++i) {
#pragma HLS PIPELINE II = 1
#pragma HLS UNROLL factor = Cfg::kVuLanes
      planes.put(t, 0, i, to_format(dyadic(h[t][i], 0, k.m, 0, k.c, k.shift), format), format);
    }
  }
}

template <class Cfg>
std::uint64_t qu_rows_cycles(int rows, int d) {
  return std::uint64_t(rows) * div_up(d, Cfg::kVuLanes) + kQuDepth;
}

}  // namespace bat
#endif
