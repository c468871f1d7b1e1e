// SPDX-License-Identifier: Apache-2.0
// popcount<BITS>(x): the number of ones of an unsigned word.
//
// Synthesis sees a loop of BITS single-bit adds, fully unrolled, which the tool turns into a compressor tree
// (latency 0 to 2 cycles, II 1). csim uses the processor's instruction, 64 bits at a time.
// BITS: word width, 1..512. Result is at most BITS, so clog2(BITS + 1) bits. Source: ours.
#ifndef BATFLOW_POPCOUNT_HPP
#define BATFLOW_POPCOUNT_HPP
#include "types.hpp"

namespace bat {

template <int BITS>
inline int popcount(const ap_uint<BITS>& x) {
  static_assert(BITS >= 1 && BITS <= 512, "popcount: BITS must be 1..512");
#ifdef __SYNTHESIS__
#pragma HLS INLINE
  ap_uint<10> sum = 0;
  for (int i = 0; i < BITS; ++i) {
#pragma HLS UNROLL
    sum += x[i];
  }
  return sum;
#else
  if (BITS <= 64) return __builtin_popcountll(x.to_uint64());
  int sum = 0;
  for (int low = 0; low < BITS; low += 64) {
    const int high = low + 63 < BITS ? low + 63 : BITS - 1;
    sum += __builtin_popcountll(ap_uint<BITS>(x.range(high, low)).to_uint64());
  }
  return sum;
#endif
}

}  // namespace bat
#endif
