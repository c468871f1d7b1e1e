// SPDX-License-Identifier: Apache-2.0
// bat_mha and bat_ffn: the two modules of an encoder layer as functions of an hls4ml project (io_stream).
//
// One sequence in, one out, in beats of four int16: {l, 0, 0, 0}, then the d/4 beats of each of the `tokens`
// rows. Only the l true rows are computed; rows beyond are read and dropped, and leave as zeros. l is brought
// into 1..tokens. `image` holds the module's weights and channel constants in the order of image.bin, and the
// descriptor its scalars, with byte offsets into `image` (docs/contracts.md).
//
// The arithmetic is that of mha.hpp and ffn.hpp and of nothing else. In C simulation their streams are
// bounded and blocking and carry the name of the vendor's class, so there they live in namespace bat_hls.
// Latency: 1 + tokens*d/4 beats in, the module (mha.hpp, ffn.hpp), 1 + tokens*d/4 beats out.
// C: struct sizes (kernels' Cfg), tokens, shape(), descriptor(). Source: ours.
#ifndef BATFLOW_NNET_BAT_HPP
#define BATFLOW_NNET_BAT_HPP
#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_common.h"
#ifndef __SYNTHESIS__
#define hls bat_hls
#endif
#include "ffn.hpp"
#include "mha.hpp"
#ifndef __SYNTHESIS__
#undef hls
#endif

namespace nnet {

constexpr unsigned kBatBeat = 4;  // values in a beat

// Reads a sequence; returns its true length.
template <class data_T, class C>
int bat_read(hls::stream<data_T>& in, bat::h_t h[][C::sizes::kMaxHidden]) {
  static_assert(data_T::size == kBatBeat, "bat: a beat of the stream must have four values");
  const int first = int(in.read()[0]);
  const int l = bat::min_of(bat::max_of(first, 1), int(C::tokens));
  const int d = C::shape().hidden;
  for (int t = 0; t < int(C::tokens); ++t) {
    for (int i = 0; i < d; i += int(kBatBeat)) {
#pragma HLS PIPELINE II = 1
      const data_T beat = in.read();
      for (int j = 0; j < int(kBatBeat); ++j) {
#pragma HLS UNROLL
        if (t < l) h[t][i + j] = beat[j];
      }
    }
  }
  return l;
}

template <class res_T, class C>
void bat_write(hls::stream<res_T>& out, int l, const bat::h_t r[][C::sizes::kMaxHidden]) {
  static_assert(res_T::size == kBatBeat, "bat: a beat of the stream must have four values");
  res_T header;
  for (int j = 0; j < int(kBatBeat); ++j) header[j] = j == 0 ? l : 0;
  out.write(header);
  const int d = C::shape().hidden;
  for (int t = 0; t < int(C::tokens); ++t) {
    for (int i = 0; i < d; i += int(kBatBeat)) {
#pragma HLS PIPELINE II = 1
      res_T beat;
      for (int j = 0; j < int(kBatBeat); ++j) {
#pragma HLS UNROLL
        beat[j] = t < l ? r[t][i + j] : bat::h_t(0);
      }
      out.write(beat);
    }
  }
}

template <class data_T, class res_T, class C>
void bat_mha(hls::stream<data_T>& in, hls::stream<res_T>& out, const bat::word_t* image) {
  static bat::h_t h[C::sizes::kMaxTokens][C::sizes::kMaxHidden];
  static bat::h_t r[C::sizes::kMaxTokens][C::sizes::kMaxHidden];
  static bat::MhaBuffers<typename C::sizes> buffers;
  // The banks of bat_top.cpp.
#pragma HLS DISAGGREGATE variable = buffers
#pragma HLS ARRAY_PARTITION variable = h cyclic factor = C::sizes::kVuLanes dim = 2
#pragma HLS ARRAY_PARTITION variable = r cyclic factor = C::sizes::kVuLanes dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.x.words cyclic factor = C::sizes::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.q.words cyclic factor = C::sizes::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.p.words cyclic factor = C::sizes::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.ctx.words cyclic factor = C::sizes::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.k.words cyclic factor = C::sizes::kOutputs dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.v.words cyclic factor = C::sizes::kOutputs dim = 1
  bat::Counters counters = {};
  const int l = bat_read<data_T, C>(in, h);
  bat::mha<typename C::sizes>(image, C::shape(), C::layer, l, C::descriptor(), h, buffers, r, counters);
  bat_write<res_T, C>(out, l, r);
}

template <class data_T, class res_T, class C>
void bat_ffn(hls::stream<data_T>& in, hls::stream<res_T>& out, const bat::word_t* image) {
  static bat::h_t h[C::sizes::kMaxTokens][C::sizes::kMaxHidden];
  static bat::h_t r[C::sizes::kMaxTokens][C::sizes::kMaxHidden];
  static bat::FfnBuffers<typename C::sizes> buffers;
#pragma HLS DISAGGREGATE variable = buffers
#pragma HLS ARRAY_PARTITION variable = h cyclic factor = C::sizes::kVuLanes dim = 2
#pragma HLS ARRAY_PARTITION variable = r cyclic factor = C::sizes::kVuLanes dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.x.words cyclic factor = C::sizes::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.mid.words cyclic factor = C::sizes::kTokens dim = 1
  bat::Counters counters = {};
  const int l = bat_read<data_T, C>(in, h);
  bat::ffn<typename C::sizes>(image, C::shape(), C::layer, l, C::descriptor(), h, buffers, r, counters);
  bat_write<res_T, C>(out, l, r);
}

}  // namespace nnet
#endif
