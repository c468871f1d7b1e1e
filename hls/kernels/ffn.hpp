// SPDX-License-Identifier: Apache-2.0
// FFN: the feed-forward module, one QMM engine time-shared over its two products.
//
//   x = QU(h); mid = QU(x W1), unsigned, which is ReLU; r = LN(VU(h, mid W2))
//
// Tensor order: h and r [l][d]; x and mid planes [token][bit][words]. Regions and buffers as in mha.hpp.
// Only the l true rows are computed. Latency: the sum of product.hpp, qu.hpp and layernorm.hpp formulas.
// Cfg: all members (types.hpp). Source: BAT's FFN module; form ours.
#ifndef BATFLOW_FFN_HPP
#define BATFLOW_FFN_HPP
#include "descriptor.hpp"
#include "product.hpp"
#include "trace.hpp"

namespace bat {

template <class Cfg>
struct FfnBuffers {
  static_assert(ConfigCheck<Cfg>::kDone, "Config: a size is out of range");
  Planes<Cfg::kMaxTokens, Cfg::kMaxBits, div_up(Cfg::kMaxHidden, Cfg::kSimd), Cfg::kSimd> x;
  Planes<Cfg::kMaxTokens, Cfg::kMaxBits, div_up(Cfg::kMaxFfn, Cfg::kSimd), Cfg::kSimd> mid;
  NormConstants<Cfg> norm;
};

// One product of the module: `up` is FFN1.
struct FfnStep {
  bool up;
  QmmJob job;
  MatrixAt at;
  Format out;
};

template <class Cfg>
void ffn_rows(const FfnStep& step, const FfnBuffers<Cfg>& f, hls::stream<AVec<Cfg>>& out) {
  if (step.up) {
    feed_rows<Cfg>(step.job, f.x, 0, out);
  } else {
    feed_rows<Cfg>(step.job, f.mid, 0, out);
  }
}

template <class Cfg>
void ffn_post(const FfnStep& step, const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden],
              hls::stream<AccTile<Cfg>>& acc, hls::stream<Channel>& constants, hls::stream<QTile<Cfg>>& out,
              h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden], std::uint32_t& saturations) {
  if (step.up) {
    qu_tiles<Cfg>(step.job, true, Channel(), step.at.shift, step.out, acc, constants, out);
  } else {
    vu_tiles<Cfg>(step.job, step.at.shift, h, acc, constants, r, saturations);
  }
}

template <class Cfg>
void ffn_pack(const FfnStep& step, hls::stream<QTile<Cfg>>& in, FfnBuffers<Cfg>& f) {
  if (step.up) {
    pack_tiles<Cfg>(step.job, step.out, in, f.mid, [](int row, int column) { return Place{row, 0, column}; });
  }
}

// One product as a DATAFLOW region around the module's QMM engine.
template <class Cfg, class Memory>
void ffn_product(const FfnStep& step, Memory image, const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden],
                 FfnBuffers<Cfg>& f, h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden], std::uint32_t& saturations) {
#pragma HLS DATAFLOW
#pragma HLS STREAM variable = f.mid.words type = unsync
  hls::stream<AVec<Cfg>, 16> a("ffn.a");                               // covers the buffer's read latency
  hls::stream<WVec<Cfg>, QmmSizes<Cfg>::kTileWords> w("ffn.w");        // a whole tile: the second buffer
  hls::stream<Channel, 2 * Cfg::kOutputs> constants("ffn.constants");  // those of two column tiles
  hls::stream<AccTile<Cfg>, 2> acc("ffn.acc");                         // one is written while one is read
  hls::stream<QTile<Cfg>, 2> q("ffn.q");                               // as acc
  BAT_REGION(region, "ffn");
  BAT_OWNS(region, a, w, constants, acc, q);
  BAT_PROCESS(region, "rows", ffn_rows<Cfg>(step, f, a));
  BAT_PROCESS(region, "columns", feed_weights<Cfg>(step.job, image, step.at, w, constants));
  BAT_PROCESS(region, "qmm", qmm<Cfg>(step.job, a, w, acc));
  BAT_PROCESS(region, "post", ffn_post<Cfg>(step, h, acc, constants, q, r, saturations));
  BAT_PROCESS(region, "pack", ffn_pack<Cfg>(step, q, f));
  BAT_RUN(region);
}

inline FfnStep ffn_step(bool up, const ProgramShape& shape, int l, const Descriptor& d) {
  const unsigned first = up ? image::D_FFN1_KIND : image::D_FFN2_KIND;
  const Format in = d.format(image::D_FFN_IN_BITS, true), middle = d.format(image::D_FFN_MID_BITS, false);
  FfnStep step;
  step.up = up;
  step.job = {l,
              up ? shape.hidden : shape.ffn,
              up ? shape.ffn : shape.hidden,
              up ? in : middle,
              {1, true},
              d.mode(first),
              false};
  step.at = d.matrix(first);
  step.out = middle;
  return step;
}

// One layer's feed-forward part: h [l][d] to r [l][d], normalized. Adds to the counters. The call of
// ffn_product stands once, so that synthesis makes one engine.
template <class Cfg, class Memory>
void ffn(Memory image, const ProgramShape& shape, int layer, int l, const Descriptor& d,
         const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden], FfnBuffers<Cfg>& f,
         h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden], Counters& counters) {
  const Format in = d.format(image::D_FFN_IN_BITS, true);
  const int width = shape.hidden;
  qu_rows<Cfg>(h, l, width, d.dyadic(image::D_FFN_IN_M), in, f.x);
  BAT_TRACE(layer, BF_TAP_FFN_IN, l, width, f.x.get(row, 0, column, in));
  std::uint64_t cycles = qu_rows_cycles<Cfg>(l, width);
  for (int index = 0; index < 2; ++index) {
    const FfnStep step = ffn_step(index == 0, shape, l, d);
    ffn_product<Cfg>(step, image, h, f, r, counters.saturations);
    cycles += product_cycles<Cfg>(step.job, true, counters);
  }
  BAT_TRACE(layer, BF_TAP_FFN_MID, l, shape.ffn,
            f.mid.get(row, 0, column, d.format(image::D_FFN_MID_BITS, false)));
  BAT_TRACE(layer, BF_TAP_FFN_SUM, l, width, r[row][column]);
  load_norm<Cfg>(image, d.norm(image::D_LN2_CONSTANTS), width, f.norm);
  ln_rows<Cfg>(r, l, width, f.norm, counters.saturations);
  BAT_TRACE(layer, BF_TAP_FFN_OUT, l, width, r[row][column]);
  counters.stall_ln += ln_cycles<Cfg>(l, width);
  counters.ffn_busy += cycles + ln_cycles<Cfg>(l, width);
}

}  // namespace bat
#endif
