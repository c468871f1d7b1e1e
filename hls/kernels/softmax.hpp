// SPDX-License-Identifier: Apache-2.0
// Softmax unit: base-2 exponent by table and shift, one division a row, output in k unsigned bits
// (docs/numerics.md, "Scores, softmax, context").
//
//   m = max_j s_j;  x_j = ((m - s_j)*Ms + 2^(ns-1)) >> ns;  e_j = EXP2[x_j & 63] >> (x_j >> 6), 0 past 15
//   D = sum e_j;  R = Kp / D;  p_j = min((e_j*R + 2^(np-1)) >> np, 2^k - 1)
//
// Tensor order: score tiles token-major (qmm.hpp): all ceil(l/O) column tiles of T rows, then the next T
// rows. The maximum streams with the tiles; a row then takes an exponent pass, a division, an output pass.
// II 1 over kSoftmaxLanes. Latency of one row: 2*ceil(l/lanes) + kDivideCycles; of T rows, T times that.
// Bit growth: m - s 33 bits, times 15 bits; D <= 2^15 * l; e*R <= Kp < 2^39.
// Cfg: kTokens, kOutputs, kMaxTokens, kSoftmaxLanes. Source: ITA's streaming softmax; the exact integer form
// is ours.
#ifndef BATFLOW_SOFTMAX_HPP
#define BATFLOW_SOFTMAX_HPP
#include "planes.hpp"
#include "qmm.hpp"
#include "tables.hpp"

namespace bat {

constexpr int kDivideCycles = 40;  // a 39-bit restoring divider, one bit a cycle, and one to start

struct SoftmaxConstants {
  ap_int<16> scale;        // Ms
  int scale_shift;         // ns
  ap_uint<39> reciprocal;  // Kp
  int shift;               // np
};

// 2^15 * 2^(-(top - score) * alpha) of one score.
inline ap_uint<16> exponent(acc_t score, acc_t top, const SoftmaxConstants& k) {
#pragma HLS INLINE
  const ap_int<33> drop = top - score;
  const ap_int<50> x = (ap_int<50>(drop * k.scale) + (ap_int<50>(1) << (k.scale_shift - 1))) >> k.scale_shift;
  const ap_int<50> halvings = x >> 6;
  if (halvings > 15) return 0;
  return ap_uint<16>(kExp2[(x & 63).to_int()]) >> halvings.to_int();
}

// Softmax of one row of `l` scores; `put(j, p)` takes the results in order.
template <class Cfg, class Put>
void softmax_row(const acc_t scores[Cfg::kMaxTokens], int l, acc_t top, const SoftmaxConstants& k, int bits,
                 Put put) {
  static_assert(Cfg::kSoftmaxLanes >= 1 && Cfg::kSoftmaxLanes <= 256,
                "softmax: kSoftmaxLanes must be 1..256");
  ap_uint<16> e[Cfg::kMaxTokens];
#pragma HLS ARRAY_PARTITION variable = e cyclic factor = Cfg::kSoftmaxLanes dim = 1
  ap_uint<32> sum = 0;
  for (int j = 0; j < l; ++j) {
#pragma HLS PIPELINE II = 1
#pragma HLS UNROLL factor = Cfg::kSoftmaxLanes
    e[j] = exponent(scores[j], top, k);
    sum += e[j];
  }
  const ap_uint<39> reciprocal = k.reciprocal / sum;
  const ap_uint<48> half = ap_uint<48>(1) << (k.shift - 1);
  for (int j = 0; j < l; ++j) {
#pragma HLS PIPELINE II = 1
#pragma HLS UNROLL factor = Cfg::kSoftmaxLanes
    const ap_uint<48> level = (ap_uint<48>(e[j] * reciprocal) + half) >> k.shift;
    const int most = (1 << bits) - 1;
    put(j, level > most ? q_t(most) : q_t(level));
  }
}

// Score tiles of `job` (token_major, columns = rows = l) to probability planes [row][bit][word].
template <class Cfg, class P>
void softmax_tiles(const QmmJob& job, const SoftmaxConstants& k, int bits, hls::stream<AccTile<Cfg>>& in,
                   P& planes) {
  const QmmLoops<Cfg> loops(job);
  const Format format = {bits, false};
  acc_t scores[Cfg::kTokens][Cfg::kMaxTokens];
#pragma HLS ARRAY_PARTITION variable = scores cyclic factor = Cfg::kSoftmaxLanes dim = 2
  for (int first = 0; first < job.rows; first += Cfg::kTokens) {
    acc_t top[Cfg::kTokens];
    for (int ot = 0; ot < loops.column_tiles; ++ot) {
      const AccTile<Cfg> tile = in.read();
      for (int t = 0; t < Cfg::kTokens; ++t) {
        for (int o = 0; o < Cfg::kOutputs; ++o) {
#pragma HLS PIPELINE II = 1
          const int column = ot * Cfg::kOutputs + o;
          if (column < job.columns) {
            scores[t][column] = tile.acc[0][t][o];
            if (column == 0 || tile.acc[0][t][o] > top[t]) top[t] = tile.acc[0][t][o];
          }
        }
      }
    }
    for (int t = 0; t < min_of(Cfg::kTokens, job.rows - first); ++t) {
      softmax_row<Cfg>(scores[t], job.columns, top[t], k, bits,
                       [&](int j, q_t p) { planes.put(first + t, 0, j, p, format); });
    }
  }
}

// Cycles for the `rows` rows of one token tile.
template <class Cfg>
std::uint64_t softmax_tile_cycles(int rows, int l) {
  return std::uint64_t(rows) * (2 * div_up(l, Cfg::kSoftmaxLanes) + kDivideCycles);
}

}  // namespace bat
#endif
