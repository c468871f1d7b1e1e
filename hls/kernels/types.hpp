// SPDX-License-Identifier: Apache-2.0
// Words, formats and the dyadic step that all units share (docs/numerics.md).
//
// A build gives `struct Config` with static constexpr int members, none of which has a default here:
//   kMaxLayers kMaxHidden kMaxHeads kMaxFfn kMaxTokens kMaxBits   buffer sizes
//   kTokens kOutputs kSimd                                        QMM: rows, columns, bits in parallel
//   kVuLanes kLnLanes kSoftmaxLanes                               values per cycle
//   kBusBits                                                      bits per cycle from memory
#ifndef BATFLOW_TYPES_HPP
#define BATFLOW_TYPES_HPP
#include <ap_int.h>

#include <cstdint>

namespace bat {

typedef ap_int<16> h_t;       // residual stream
typedef ap_int<9> q_t;        // an activation: -128..255
typedef ap_int<32> acc_t;     // accumulator, |a| < 2^31
typedef ap_int<16> m_t;       // M in [0, 2^15)
typedef ap_int<46> c_t;       // |C| < 2^45
typedef ap_int<50> dyadic_t;  // a1*M1 + a2*M2 + C
typedef ap_uint<64> word_t;   // memory and stream word

constexpr int div_up(int a, int b) { return (a + b - 1) / b; }
constexpr int max_of(int a, int b) { return a > b ? a : b; }
constexpr int min_of(int a, int b) { return a < b ? a : b; }

constexpr bool power_of_two(int a) { return a >= 1 && (a & (a - 1)) == 0; }

// Refuses sizes that no unit allows; every buffer of a module asks for it.
template <class Cfg>
struct ConfigCheck {
  static_assert(Cfg::kMaxLayers >= 1 && Cfg::kMaxLayers <= 64, "Config: kMaxLayers must be 1..64");
  static_assert(Cfg::kMaxHidden >= 4 && Cfg::kMaxHidden <= 4096, "Config: kMaxHidden must be 4..4096");
  static_assert(Cfg::kMaxHeads >= 1 && Cfg::kMaxHeads <= 64, "Config: kMaxHeads must be 1..64");
  static_assert(Cfg::kMaxFfn >= 4 && Cfg::kMaxFfn <= 16384, "Config: kMaxFfn must be 4..16384");
  static_assert(Cfg::kMaxTokens >= 1 && Cfg::kMaxTokens <= 1024, "Config: kMaxTokens must be 1..1024");
  static_assert(Cfg::kMaxBits >= 1 && Cfg::kMaxBits <= 8, "Config: kMaxBits must be 1..8");
  static_assert(Cfg::kTokens >= 1 && Cfg::kTokens <= 256, "Config: kTokens must be 1..256");
  static_assert(Cfg::kOutputs >= 1 && Cfg::kOutputs <= 256, "Config: kOutputs must be 1..256");
  static_assert(power_of_two(Cfg::kSimd) && Cfg::kSimd >= 8 && Cfg::kSimd <= 512,
                "Config: kSimd must be a power of two in 8..512");
  static_assert(Cfg::kVuLanes >= 1 && Cfg::kVuLanes <= 256, "Config: kVuLanes must be 1..256");
  static_assert(Cfg::kLnLanes >= 1 && Cfg::kLnLanes <= 256, "Config: kLnLanes must be 1..256");
  static_assert(Cfg::kSoftmaxLanes >= 1 && Cfg::kSoftmaxLanes <= 256, "Config: kSoftmaxLanes must be 1..256");
  static_assert(power_of_two(Cfg::kBusBits) && Cfg::kBusBits >= 64 && Cfg::kBusBits <= 1024,
                "Config: kBusBits must be a power of two in 64..1024");
  static constexpr bool kDone = true;
};

// An activation format: 1 to 8 bits. Bipolar is 1 bit signed: {-1, +1}.
struct Format {
  int bits;
  bool is_signed;
  bool bipolar() const { return is_signed && bits == 1; }
  int low() const { return is_signed ? -(1 << (bits - 1)) : 0; }
  int high() const { return is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1; }
};

// (acc1*M1 + acc2*M2 + C) >> n with an arithmetic shift; 50 bits hold every intermediate sum.
inline dyadic_t dyadic(acc_t acc1, acc_t acc2, m_t m1, m_t m2, c_t c, int shift) {
#pragma HLS INLINE
  const dyadic_t sum = dyadic_t(acc1 * m1) + dyadic_t(acc2 * m2) + dyadic_t(c);
  return sum >> shift;
}

// Constants of one requantization with a common scale.
struct Dyadic {
  m_t m;
  c_t c;
  int shift;
};

// Constants of one output channel; m[1] is 0 unless the weights are a WTWS pair.
struct Channel {
  m_t m[2];
  c_t c;
};

// M and C of a word of a constants section: (C mod 2^46) << 16 | (M mod 2^16).
inline m_t constant_m(const word_t& word) {
#pragma HLS INLINE
  return m_t(ap_int<16>(word));
}
inline c_t constant_c(const word_t& word) {
#pragma HLS INLINE
  return c_t(ap_int<46>(word >> 16));
}

// Saturates to 16 bits; adds one to `saturations` when that changes the value.
template <class Value>
inline h_t saturate(const Value& value, std::uint32_t& saturations) {
#pragma HLS INLINE
  if (value > 32767) {
    ++saturations;
    return 32767;
  }
  if (value < -32768) {
    ++saturations;
    return -32768;
  }
  return h_t(value);
}

// Cycles of the latency formulas in the headers; the source of every csim figure is "estimate".
struct Counters {
  std::uint64_t total;
  std::uint64_t mha_busy;
  std::uint64_t ffn_busy;
  std::uint64_t qmm_busy;  // of both modules
  std::uint64_t mha_qmm;
  std::uint64_t ffn_qmm;
  std::uint64_t weight_wait;
  std::uint64_t input_wait;
  std::uint64_t stall_softmax;
  std::uint64_t stall_ln;
  std::uint32_t saturations;
};

}  // namespace bat
#endif
