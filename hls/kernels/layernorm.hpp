// SPDX-License-Identifier: Apache-2.0
// LN: the LayerNorm unit, integer moments, table and one Newton step (docs/numerics.md, "Residual and LN").
//
//   S = sum r;  Q = sum r^2;  V = d*Q - S^2 + E;  b = bit_length(V);  g = (b - 31) >> 1;  v = V * 2^(-2g)
//   y = RSQRT[(v >> 24) - 64];  y = (y * (((3 << 50) - y*y*(v >> 12)) >> 34)) >> 17
//   z_i = ((d*r_i - S)*y + 2^(18+g)) >> (19+g);  o_i = sat16((z_i*G_i + B_i) >> n)
//
// Tensor order: rows ascending, columns ascending; in place in a buffer [l][d].
// II 1 over kLnLanes. Latency: l * (2*ceil(d/lanes) + kLnDepth), and the constants' load before it.
// Bit growth (d <= 4096): Q 2^42, d*Q 2^54, u*y 2^46, z 2^19, z*G 2^34, B 2^45. Cfg: kMaxHidden, kLnLanes,
// kBusBits. Source: ours.
#ifndef BATFLOW_LAYERNORM_HPP
#define BATFLOW_LAYERNORM_HPP
#include "tables.hpp"
#include "types.hpp"

namespace bat {

constexpr int kLnDepth = 24;  // bit length, two shifts, table, three multiplications of the Newton step

// Byte offset of the constants in the image, n and E.
struct NormAt {
  std::uint64_t constants;
  int shift;
  std::uint64_t epsilon;
};

template <class Cfg>
struct NormConstants {
  m_t gamma[Cfg::kMaxHidden];
  c_t beta[Cfg::kMaxHidden];
  int shift;
  ap_uint<40> epsilon;
};

template <class Cfg, class Memory>
void load_norm(Memory image, const NormAt& at, int d, NormConstants<Cfg>& constants) {
  for (int i = 0; i < d; ++i) {
#pragma HLS PIPELINE II = 1
    const word_t word = image[at.constants / 8 + i];
    constants.gamma[i] = constant_m(word);
    constants.beta[i] = constant_c(word);
  }
  constants.shift = at.shift;
  constants.epsilon = at.epsilon;
}

// y and g with 1/sqrt(V) = y * 2^-(31+g) nearly. V by value: countLeadingZeros is no const member.
inline ap_uint<17> rsqrt(ap_uint<56> variance, int& g) {
#pragma HLS INLINE
#ifdef __SYNTHESIS__
  const int length = 56 - variance.countLeadingZeros();
#else
  const int length = 64 - __builtin_clzll(variance.to_uint64());  // V >= E >= 1
#endif
  g = (length - 31) >> 1;
  const ap_uint<32> v = g >= 0 ? ap_uint<56>(variance >> (2 * g)) : ap_uint<56>(variance << (-2 * g));
  const ap_uint<17> y = kRsqrt[(v >> 24).to_int() - 64];
  const ap_int<54> three = ap_int<54>(3) << 50;
  const ap_int<54> step = (three - ap_int<54>(ap_uint<53>(ap_uint<34>(y * y) * ap_uint<20>(v >> 12)))) >> 34;
  return ap_uint<17>(ap_int<37>(y * ap_int<20>(step)) >> 17);
}

// Normalizes one row of d values in place.
template <class Cfg>
void ln_row(h_t row[Cfg::kMaxHidden], int d, const NormConstants<Cfg>& k, std::uint32_t& saturations) {
  static_assert(Cfg::kMaxHidden <= 4096, "LN: kMaxHidden must be at most 4096, or V leaves 56 bits");
  static_assert(Cfg::kLnLanes >= 1 && Cfg::kLnLanes <= 256, "LN: kLnLanes must be 1..256");
  ap_int<28> sum = 0;
  ap_uint<43> square = 0;
  for (int i = 0; i < d; ++i) {
#pragma HLS PIPELINE II = 1
#pragma HLS UNROLL factor = Cfg::kLnLanes
    sum += row[i];
    square += ap_uint<31>(row[i] * row[i]);
  }
  const ap_uint<56> variance =
      ap_uint<56>(ap_int<57>(square * ap_uint<13>(d)) - ap_int<57>(sum * sum)) + k.epsilon;
  int g = 0;
  const ap_uint<17> y = rsqrt(variance, g);
  const ap_int<48> half = ap_int<48>(1) << (18 + g);
  for (int i = 0; i < d; ++i) {
#pragma HLS PIPELINE II = 1
#pragma HLS UNROLL factor = Cfg::kLnLanes
    const ap_int<30> u = ap_int<30>(row[i] * ap_uint<13>(d)) - sum;
    const ap_int<20> z = (ap_int<48>(u * y) + half) >> (19 + g);
    row[i] = saturate(dyadic_t(dyadic_t(z * k.gamma[i]) + k.beta[i]) >> k.shift, saturations);
  }
}

// Normalizes `rows` rows of x [rows][d] in place.
template <class Cfg>
void ln_rows(h_t x[Cfg::kMaxTokens][Cfg::kMaxHidden], int rows, int d, const NormConstants<Cfg>& k,
             std::uint32_t& saturations) {
  for (int t = 0; t < rows; ++t) ln_row<Cfg>(x[t], d, k, saturations);
}

// Cycles of ln_rows with the load of its constants.
template <class Cfg>
std::uint64_t ln_cycles(int rows, int d) {
  const std::uint64_t load = (std::uint64_t(d) * 64 + Cfg::kBusBits - 1) / Cfg::kBusBits;
  return load + std::uint64_t(rows) * (2 * div_up(d, Cfg::kLnLanes) + kLnDepth);
}

}  // namespace bat
#endif
