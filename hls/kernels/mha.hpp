// SPDX-License-Identifier: Apache-2.0
// MHA: the multi-head attention module, one QMM engine time-shared over all its products.
//
//   x = QU(h); q, k, v = QU(x W); for each head: p = softmax(q k^T), ctx = QU(p v); r = LN(VU(h, ctx Wo))
//
// Tensor order: h and r [l][d]; q and k planes [token][bit][head-aligned words], v transposed
// [channel][bit][words over tokens], p [query][bit][words over keys] of one head at a time.
// Each product is a DATAFLOW region: operands -> QMM -> QU, VU or softmax -> buffer. A buffer is read by one
// process and written by another of the same region only in different calls (STREAM type=unsync in
// synthesis). Only the l true rows are computed. Latency: the sum of product.hpp, qu.hpp and layernorm.hpp
// formulas. Cfg: all members (types.hpp); kMaxHeads sizes the head-aligned words. Source: BAT's MHA module;
// form ours.
#ifndef BATFLOW_MHA_HPP
#define BATFLOW_MHA_HPP
#include "descriptor.hpp"
#include "product.hpp"
#include "trace.hpp"

namespace bat {

template <class Cfg>
struct MhaBuffers {
  static_assert(ConfigCheck<Cfg>::kDone, "Config: a size is out of range");
  static constexpr int kWords = div_up(Cfg::kMaxHidden, Cfg::kSimd);
  static constexpr int kHeadWords = Cfg::kMaxHeads + kWords;  // H*ceil(e/S) <= H + d/S
  static constexpr int kTokenWords = div_up(Cfg::kMaxTokens, Cfg::kSimd);
  Planes<Cfg::kMaxTokens, Cfg::kMaxBits, kWords, Cfg::kSimd> x, ctx;
  Planes<Cfg::kMaxTokens, Cfg::kMaxBits, kHeadWords, Cfg::kSimd> q, k;
  Planes<Cfg::kMaxHidden, Cfg::kMaxBits, kTokenWords, Cfg::kSimd> v;
  Planes<Cfg::kMaxTokens, Cfg::kMaxBits, kTokenWords, Cfg::kSimd> p;
  NormConstants<Cfg> norm;
};

enum MhaStage : int { kProjectQ, kProjectK, kProjectV, kScores, kContext, kProjectOut };

// One product of the module.
struct MhaStep {
  MhaStage stage;
  QmmJob job;
  MatrixAt at;     // weights, for the projections
  Format out;      // format of the result (not kProjectOut)
  Channel common;  // constants of ctx
  int shift;
  SoftmaxConstants softmax;
  int head, head_size, head_words;
  bool from_memory() const { return stage != kScores && stage != kContext; }
};

template <class Cfg>
void mha_rows(const MhaStep& step, const MhaBuffers<Cfg>& m, hls::stream<AVec<Cfg>>& out) {
  switch (step.stage) {
    case kScores:
      return feed_rows<Cfg>(step.job, m.q, step.head * step.head_words, out);
    case kContext:
      return feed_rows<Cfg>(step.job, m.p, 0, out);
    case kProjectOut:
      return feed_rows<Cfg>(step.job, m.ctx, 0, out);
    default:
      return feed_rows<Cfg>(step.job, m.x, 0, out);
  }
}

template <class Cfg, class Memory>
void mha_columns(const MhaStep& step, Memory image, const MhaBuffers<Cfg>& m, hls::stream<WVec<Cfg>>& out,
                 hls::stream<Channel>& constants) {
  if (step.stage == kScores) {
    feed_columns<Cfg>(step.job, m.k, 0, step.head * step.head_words, out);
  } else if (step.stage == kContext) {
    feed_columns<Cfg>(step.job, m.v, step.head * step.head_size, 0, out);
  } else {
    feed_weights<Cfg>(step.job, image, step.at, out, constants);
  }
}

template <class Cfg>
void mha_post(const MhaStep& step, const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden],
              hls::stream<AccTile<Cfg>>& acc, hls::stream<Channel>& constants, hls::stream<QTile<Cfg>>& out,
              MhaBuffers<Cfg>& m, h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden], std::uint32_t& saturations) {
  if (step.stage == kScores) {
    softmax_tiles<Cfg>(step.job, step.softmax, step.out.bits, acc, m.p);
  } else if (step.stage == kProjectOut) {
    vu_tiles<Cfg>(step.job, step.shift, h, acc, constants, r, saturations);
  } else {
    qu_tiles<Cfg>(step.job, step.from_memory(), step.common, step.shift, step.out, acc, constants, out);
  }
}

template <class Cfg>
void mha_pack(const MhaStep& step, hls::stream<QTile<Cfg>>& in, MhaBuffers<Cfg>& m) {
  const int size = step.head_size, words = step.head_words;
  const auto by_head = [&](int row, int column) { return Place{row, column / size * words, column % size}; };
  switch (step.stage) {
    case kProjectQ:
      return pack_tiles<Cfg>(step.job, step.out, in, m.q, by_head);
    case kProjectK:
      return pack_tiles<Cfg>(step.job, step.out, in, m.k, by_head);
    case kProjectV:
      return pack_tiles<Cfg>(step.job, step.out, in, m.v,
                             [](int row, int column) { return Place{column, 0, row}; });
    case kContext:
      return pack_tiles<Cfg>(step.job, step.out, in, m.ctx,
                             [&](int row, int column) { return Place{row, 0, step.head * size + column}; });
    default:
      return;
  }
}

// One product as a DATAFLOW region around the module's QMM engine.
template <class Cfg, class Memory>
void mha_product(const MhaStep& step, Memory image, const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden],
                 MhaBuffers<Cfg>& m, h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden], std::uint32_t& saturations) {
#pragma HLS DATAFLOW
#pragma HLS STREAM variable = m.q.words type = unsync
#pragma HLS STREAM variable = m.k.words type = unsync
#pragma HLS STREAM variable = m.v.words type = unsync
#pragma HLS STREAM variable = m.p.words type = unsync
#pragma HLS STREAM variable = m.ctx.words type = unsync
  hls::stream<AVec<Cfg>, 16> a("mha.a");                               // covers the buffer's read latency
  hls::stream<WVec<Cfg>, QmmSizes<Cfg>::kTileWords> w("mha.w");        // a whole tile: the second buffer
  hls::stream<Channel, 2 * Cfg::kOutputs> constants("mha.constants");  // those of two column tiles
  hls::stream<AccTile<Cfg>, 2> acc("mha.acc");                         // one is written while one is read
  hls::stream<QTile<Cfg>, 2> q("mha.q");                               // as acc
  BAT_REGION(region, "mha");
  BAT_OWNS(region, a, w, constants, acc, q);
  BAT_PROCESS(region, "rows", mha_rows<Cfg>(step, m, a));
  BAT_PROCESS(region, "columns", mha_columns<Cfg>(step, image, m, w, constants));
  BAT_PROCESS(region, "qmm", qmm<Cfg>(step.job, a, w, acc));
  BAT_PROCESS(region, "post", mha_post<Cfg>(step, h, acc, constants, q, m, r, saturations));
  BAT_PROCESS(region, "pack", mha_pack<Cfg>(step, q, m));
  BAT_RUN(region);
}

struct MhaFormats {
  Format attn_in, q, k, v, probs, ctx;
  explicit MhaFormats(const Descriptor& d)
      : attn_in(d.format(image::D_ATTN_IN_BITS, true)),
        q(d.format(image::D_Q_BITS, true)),
        k(d.format(image::D_K_BITS, true)),
        v(d.format(image::D_V_BITS, true)),
        probs(d.format(image::D_PROBS_BITS, false)),
        ctx(d.format(image::D_CTX_BITS, true)) {}
};

// The steps of a layer: q, k, v; scores and context of each head; the output projection.
inline int mha_steps(const ProgramShape& shape) { return 4 + 2 * shape.heads; }

// `first` is the descriptor field of the matrix.
inline MhaStep mha_projection(MhaStage stage, const ProgramShape& shape, int l, const Descriptor& d,
                              unsigned first, const Format& in, const Format& out) {
  MhaStep step = {};
  step.stage = stage;
  step.job = {l, shape.hidden, shape.hidden, in, {1, true}, d.mode(first), false};
  step.at = d.matrix(first);
  step.out = out;
  step.shift = step.at.shift;
  return step;
}

inline MhaStep mha_attention(bool scores, int head, int size, int l, const Descriptor& d,
                             const MhaFormats& f) {
  const Dyadic ctx = d.dyadic(image::D_CTX_M);
  MhaStep step = {};
  step.stage = scores ? kScores : kContext;
  step.head = head;
  step.softmax = d.softmax();
  step.common.m[0] = ctx.m;
  step.common.c = ctx.c;
  step.shift = ctx.shift;
  step.job.rows = l;
  step.job.inputs = scores ? size : l;
  step.job.columns = scores ? l : size;
  step.job.a = scores ? f.q : f.probs;
  step.job.w = scores ? f.k : f.v;
  step.job.mode = kActivation;
  step.job.token_major = scores;
  step.out = scores ? f.probs : f.ctx;
  return step;
}

template <class Cfg>
MhaStep mha_step(int index, const ProgramShape& shape, int l, const Descriptor& d, const MhaFormats& f) {
  MhaStep step;
  if (index == 0) {
    step = mha_projection(kProjectQ, shape, l, d, image::D_Q_KIND, f.attn_in, f.q);
  } else if (index == 1) {
    step = mha_projection(kProjectK, shape, l, d, image::D_K_KIND, f.attn_in, f.k);
  } else if (index == 2) {
    step = mha_projection(kProjectV, shape, l, d, image::D_V_KIND, f.attn_in, f.v);
  } else if (index == mha_steps(shape) - 1) {
    step = mha_projection(kProjectOut, shape, l, d, image::D_O_KIND, f.ctx, f.ctx);
  } else {
    step = mha_attention(index % 2 == 1, (index - 3) / 2, shape.head_size(), l, d, f);
  }
  step.head_size = shape.head_size();
  step.head_words = div_up(step.head_size, Cfg::kSimd);
  return step;
}

// One layer's attention: h [l][d] to r [l][d], normalized. Adds to the counters. The call of mha_product
// stands once, so that synthesis makes one engine.
template <class Cfg, class Memory>
void mha(Memory image, const ProgramShape& shape, int layer, int l, const Descriptor& d,
         const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden], MhaBuffers<Cfg>& m,
         h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden], Counters& counters) {
  const MhaFormats f(d);
  const int width = shape.hidden;
  qu_rows<Cfg>(h, l, width, d.dyadic(image::D_ATTN_IN_M), f.attn_in, m.x);
  std::uint64_t cycles = qu_rows_cycles<Cfg>(l, width);
  for (int index = 0; index < mha_steps(shape); ++index) {
    const MhaStep step = mha_step<Cfg>(index, shape, l, d, f);
    mha_product<Cfg>(step, image, h, m, r, counters.saturations);
    cycles += step.stage == kScores ? scores_cycles<Cfg>(step.job, counters)
                                    : product_cycles<Cfg>(step.job, step.from_memory(), counters);
    if (step.stage == kScores) {
      BAT_TRACE(layer, BF_TAP_PROBS, l, l, m.p.get(row, 0, column, f.probs));
    }
  }
  BAT_TRACE(layer, BF_TAP_ATTN_IN, l, width, m.x.get(row, 0, column, f.attn_in));
  BAT_TRACE(layer, BF_TAP_Q, l, width, m.q.get_head(row, column, shape.head_size(), f.q));
  BAT_TRACE(layer, BF_TAP_K, l, width, m.k.get_head(row, column, shape.head_size(), f.k));
  BAT_TRACE(layer, BF_TAP_V, l, width, m.v.get(column, 0, row, f.v));
  BAT_TRACE(layer, BF_TAP_CTX, l, width, m.ctx.get(row, 0, column, f.ctx));
  BAT_TRACE(layer, BF_TAP_ATTN_SUM, l, width, r[row][column]);
  load_norm<Cfg>(image, d.norm(image::D_LN1_CONSTANTS), width, m.norm);
  ln_rows<Cfg>(r, l, width, m.norm, counters.saturations);
  BAT_TRACE(layer, BF_TAP_ATTN_OUT, l, width, r[row][column]);
  counters.stall_ln += ln_cycles<Cfg>(l, width);
  counters.mha_busy += cycles + ln_cycles<Cfg>(l, width);
}

}  // namespace bat
#endif
