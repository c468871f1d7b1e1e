// SPDX-License-Identifier: Apache-2.0
// Planes: a matrix of activations held as bit planes, the operand form of the QMM engine.
//
// Element (row, column) of k bits is bit column % S of word column / S in each of k planes: plane b holds
// bit b of the two's complement (top plane negative if signed) or of the unsigned value; a bipolar {-1,+1}
// activation has one plane where 1 means +1. Bits beyond the last column are 0, because put() overwrites a
// word at its first column: columns of a row must be written in ascending order (from a multiple of S).
//
// Template parameters: ROWS, BITS, WORDS sizes of the buffer; S bits of a word.
// put() reads and writes one word of each plane: II 2; get() II 1 when planes are partitioned. Source: ours.
#ifndef BATFLOW_PLANES_HPP
#define BATFLOW_PLANES_HPP
#include "types.hpp"

namespace bat {

// Where an element goes: a row, the first word of its columns, the column from there.
struct Place {
  int row, base, column;
};

template <int ROWS, int BITS, int WORDS, int S>
struct Planes {
  static_assert(ROWS >= 1 && WORDS >= 1, "Planes: ROWS and WORDS must be at least 1");
  static_assert(BITS >= 1 && BITS <= 8, "Planes: BITS must be 1..8");
  static_assert(S >= 8 && S <= 512 && (S & (S - 1)) == 0, "Planes: S must be a power of two in 8..512");

  ap_uint<S> words[ROWS][BITS][WORDS];

  // Writes q at bit `column` of the words of `row` that start at `base`.
  void put(int row, int base, int column, q_t q, const Format& format) {
#pragma HLS INLINE
    const int bit = column % S;
    const ap_uint<8> value = format.bipolar() ? ap_uint<8>(q > 0) : ap_uint<8>(q);
    for (int b = 0; b < BITS; ++b) {
#pragma HLS UNROLL
      if (b < format.bits) {
        ap_uint<S> word = bit == 0 ? ap_uint<S>(0) : words[row][b][base + column / S];
        word[bit] = value[b];
        words[row][b][base + column / S] = word;
      }
    }
  }

  // Reads an element back (traces and tests).
  int get(int row, int base, int column, const Format& format) const {
    int value = 0;
    for (int b = 0; b < format.bits; ++b) {
      const int bit = words[row][b][base + column / S][column % S];
      const bool negative = format.is_signed && b == format.bits - 1;
      value += negative ? -(bit << b) : bit << b;
    }
    return format.bipolar() ? (value != 0 ? 1 : -1) : value;
  }
  // The same where every head of `size` columns begins a word.
  int get_head(int row, int column, int size, const Format& format) const {
    return get(row, column / size * div_up(size, S), column % size, format);
  }
};

}  // namespace bat
#endif
