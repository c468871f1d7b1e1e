// SPDX-License-Identifier: Apache-2.0
// QMM: the quantized matrix product on bit planes, one engine for every product of a module.
//
// acc[p][t][o] = sum_i a[t,i] * w_p[o,i], exact, for tiles of T rows by O columns. Both operands come as
// planes: a of k_a bits; w as passes: binary 1, ternary 2 (P, then N), WTWS 2 (two accumulators), or the k_w
// planes of another activation. Each cycle multiplies one S-bit word of T rows with one of O columns:
//   plane x plane     d = pc(a & w)                bipolar a x plane     d = 2 pc(a & w) - pc(w)
//   plane x bipolar   d = 2 pc(a & w) - pc(a)      bipolar x bipolar     d = n - 2 pc(a ^ w)
// (n true bits of the word, pc = popcount), and adds +-d << (b_a + b_w): the top plane of a signed operand
// and the N pass of a ternary weight are negative. The identities are those of docs/numerics.md, "Weights".
//
// Tensor order. for outer { for column tile { for row tile { for plane b_a { for pass { for word }}}}}:
//   token_major false: outer 1, row tiles ceil(rows/T); the w words of a column tile come once, with its
//     first row tile and plane, and are kept for the others. A w stream that holds a whole tile (kTileWords)
//     makes the fetch of the next tile overlap: it is the second buffer.
//   token_major true: outer ceil(rows/T), one row tile each; w comes again for each (scores: whole rows
//     first).
// Streams: a one AVec per step, w one WVec per (column tile, pass, word) of each outer, out one AccTile per
// tile. II 1. Latency in cycles: outer*ceil(columns/O)*row_tiles*k_a*passes*ceil(inputs/S) + kQmmDepth.
// Bit growth: |acc| <= inputs * max|a| * max|w| < 2^31 (range analysis at lowering; acc_t is 32 bits).
// Cfg: kTokens T, kOutputs O, kSimd S, kMaxHidden, kMaxFfn, kMaxTokens, kMaxBits (types.hpp).
// Source: COBRA's operand identity; the plane schedule is ours.
#ifndef BATFLOW_QMM_HPP
#define BATFLOW_QMM_HPP
#include "popcount.hpp"
#include "stream.hpp"
#include "types.hpp"

namespace bat {

constexpr int kQmmDepth = 8;  // pipeline registers between the operand streams and an accumulator

enum PassMode : int { kBinary = 0, kTernary = 1, kWtws = 2, kActivation = 3 };

// One product.
struct QmmJob {
  int rows;
  int inputs;
  int columns;
  Format a;
  Format w;  // kActivation: the other operand's format; else unused
  PassMode mode;
  bool token_major;

  int passes() const { return mode == kActivation ? w.bits : (mode == kBinary ? 1 : 2); }
  bool w_bipolar() const { return mode == kActivation ? w.bipolar() : mode != kTernary; }
  bool a_negative(int plane) const { return a.is_signed && !a.bipolar() && plane == a.bits - 1; }
  bool w_negative(int pass) const {
    return mode == kTernary ? pass == 1
                            : mode == kActivation && w.is_signed && !w.bipolar() && pass == w.bits - 1;
  }
  int w_shift(int pass) const { return mode == kActivation ? pass : 0; }
};

template <class Cfg>
struct QmmSizes {
  static_assert(Cfg::kTokens >= 1 && Cfg::kOutputs >= 1, "QMM: kTokens and kOutputs must be at least 1");
  static_assert(Cfg::kSimd >= 8 && Cfg::kSimd <= 512, "QMM: kSimd must be 8..512 bits");
  static constexpr int kWidest = max_of(Cfg::kMaxHidden, Cfg::kMaxFfn);
  static constexpr int kSimdWords = div_up(Cfg::kSimd, 64);  // memory words of a dot-product unit's step
  // The w words of one column tile: weights take two passes at most, activations kMaxBits.
  static constexpr int kTileWords =
      max_of(2 * div_up(kWidest, Cfg::kSimd),
             Cfg::kMaxBits* div_up(max_of(Cfg::kMaxHidden, Cfg::kMaxTokens), Cfg::kSimd));
};

template <class Cfg>
struct AVec {
  ap_uint<Cfg::kSimd> word[Cfg::kTokens];
};
template <class Cfg>
struct WVec {
  ap_uint<Cfg::kSimd> word[Cfg::kOutputs];
};
template <class Cfg>
struct AccTile {
  acc_t acc[2][Cfg::kTokens][Cfg::kOutputs];
};

// Loop bounds of a job; every process of a product walks the same nest.
template <class Cfg>
struct QmmLoops {
  int outer, column_tiles, row_tiles, words;
  explicit QmmLoops(const QmmJob& job)
      : outer(job.token_major ? div_up(job.rows, Cfg::kTokens) : 1),
        column_tiles(div_up(job.columns, Cfg::kOutputs)),
        row_tiles(job.token_major ? 1 : div_up(job.rows, Cfg::kTokens)),
        words(div_up(job.inputs, Cfg::kSimd)) {}
};

// One step of one dot-product unit.
template <int S>
inline int dot(const ap_uint<S>& a, const ap_uint<S>& w, int ones_a, int ones_w, int true_bits,
               bool a_bipolar, bool w_bipolar) {
#pragma HLS INLINE
  if (a_bipolar && w_bipolar) return true_bits - 2 * popcount<S>(a ^ w);
  const int both = popcount<S>(a & w);
  if (w_bipolar) return 2 * both - ones_a;
  return a_bipolar ? 2 * both - ones_w : both;
}

template <class Cfg>
void qmm(const QmmJob& job, hls::stream<AVec<Cfg>>& a_in, hls::stream<WVec<Cfg>>& w_in,
         hls::stream<AccTile<Cfg>>& out) {
  constexpr int T = Cfg::kTokens, O = Cfg::kOutputs, S = Cfg::kSimd;
  const QmmLoops<Cfg> loops(job);
  const bool a_bipolar = job.a.bipolar(), w_bipolar = job.w_bipolar();
  WVec<Cfg> tile[QmmSizes<Cfg>::kTileWords];
#pragma HLS AGGREGATE variable = tile
  for (int ot = 0; ot < loops.outer * loops.column_tiles; ++ot) {
    for (int rt = 0; rt < loops.row_tiles; ++rt) {
      int acc[2][T][O] = {};
#pragma HLS ARRAY_PARTITION variable = acc complete dim = 0
      for (int b = 0; b < job.a.bits; ++b) {
        for (int pass = 0; pass < job.passes(); ++pass) {
          for (int word = 0; word < loops.words; ++word) {
#pragma HLS PIPELINE II = 1
            WVec<Cfg>& w = tile[pass * loops.words + word];
            if (rt == 0 && b == 0) w = w_in.read();
            const AVec<Cfg> a = a_in.read();
            const int true_bits = min_of(S, job.inputs - word * S);
            const int shift = b + job.w_shift(pass);
            const bool negative = job.a_negative(b) != job.w_negative(pass);
            const int part = job.mode == kWtws ? pass : 0;
            for (int t = 0; t < T; ++t) {
#pragma HLS UNROLL
              const int ones_a = popcount<S>(a.word[t]);
              for (int o = 0; o < O; ++o) {
#pragma HLS UNROLL
                const int ones_w = a_bipolar && !w_bipolar ? popcount<S>(w.word[o]) : 0;
                const int d = dot<S>(a.word[t], w.word[o], ones_a, ones_w, true_bits, a_bipolar, w_bipolar);
                const int term = d * (1 << shift);
                acc[part][t][o] += negative ? -term : term;
              }
            }
          }
        }
      }
      AccTile<Cfg> result;
      for (int t = 0; t < T; ++t) {
#pragma HLS UNROLL
        for (int o = 0; o < O; ++o) {
#pragma HLS UNROLL
          result.acc[0][t][o] = acc[0][t][o];
          result.acc[1][t][o] = acc[1][t][o];
        }
      }
      out.write(result);
    }
  }
}

// Cycles in which the engine takes operands: the latency formula above without kQmmDepth.
template <class Cfg>
std::uint64_t qmm_cycles(const QmmJob& job) {
  const QmmLoops<Cfg> loops(job);
  return std::uint64_t(loops.outer) * loops.column_tiles * loops.row_tiles * job.a.bits * job.passes() *
         loops.words;
}

}  // namespace bat
#endif
