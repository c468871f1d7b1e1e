// SPDX-License-Identifier: Apache-2.0
// The processes that bring operands to a QMM engine: planes from a buffer as rows, planes from a buffer as
// columns, weights and channel constants from memory.
//
// Orders are those of qmm.hpp. feed_rows II 1: T reads of one plane a cycle (rows banked by T). feed_columns
// II 1: O reads. feed_weights reads, for each column tile, its constants, then each pass's O rows in the
// order of the image (docs/contracts.md): blocks of 16 rows, whose words lie beside each other. Its cycles
// are bits / kBusBits (weight_tile_cycles), and it runs ahead of the engine by what the streams hold. Source:
// ours.
#ifndef BATFLOW_FEED_HPP
#define BATFLOW_FEED_HPP
#include "image_layout.hpp"
#include "planes.hpp"
#include "qmm.hpp"

namespace bat {

// Where a matrix of the image lies: byte offsets from the image's start.
struct MatrixAt {
  std::uint64_t weight, constants;
  int shift;
};

// Rows of `planes` [row][plane][base + word] as the a operand; rows beyond job.rows are 0.
template <class Cfg, class P>
void feed_rows(const QmmJob& job, const P& planes, int base, hls::stream<AVec<Cfg>>& out) {
  const QmmLoops<Cfg> loops(job);
  for (int ot = 0; ot < loops.outer * loops.column_tiles; ++ot) {
    for (int rt = 0; rt < loops.row_tiles; ++rt) {
      const int first = (job.token_major ? ot / loops.column_tiles : rt) * Cfg::kTokens;
      for (int b = 0; b < job.a.bits; ++b) {
        for (int pass = 0; pass < job.passes(); ++pass) {
          for (int word = 0; word < loops.words; ++word) {
#pragma HLS PIPELINE II = 1
            AVec<Cfg> a;
            for (int t = 0; t < Cfg::kTokens; ++t) {
#pragma HLS UNROLL
              a.word[t] = 0;
              if (first + t < job.rows) a.word[t] = planes.words[first + t][b][base + word];
            }
            out.write(a);
          }
        }
      }
    }
  }
}

// Rows row0 .. row0 + job.columns - 1 of `planes` as the w operand (activation x activation).
template <class Cfg, class P>
void feed_columns(const QmmJob& job, const P& planes, int row0, int base, hls::stream<WVec<Cfg>>& out) {
  const QmmLoops<Cfg> loops(job);
  for (int ot = 0; ot < loops.outer * loops.column_tiles; ++ot) {
    const int first = (ot % loops.column_tiles) * Cfg::kOutputs;
    for (int pass = 0; pass < job.passes(); ++pass) {
      for (int word = 0; word < loops.words; ++word) {
#pragma HLS PIPELINE II = 1
        WVec<Cfg> w;
        for (int o = 0; o < Cfg::kOutputs; ++o) {
#pragma HLS UNROLL
          w.word[o] = 0;
          if (first + o < job.columns) w.word[o] = planes.words[row0 + first + o][pass][base + word];
        }
        out.write(w);
      }
    }
  }
}

// S-bit word `word` of a packed row of `row_words` 64-bit words.
template <int S, int ROW_WORDS>
ap_uint<S> weight_word(const word_t row[ROW_WORDS], int word, int row_words) {
#pragma HLS INLINE
  if (S <= 64) return ap_uint<S>(row[word * S / 64] >> (word * S % 64));
  ap_uint<S> value = 0;
  for (int i = 0; i < S / 64; ++i) {
#pragma HLS UNROLL
    const int at = word * (S / 64) + i;
    if (at < row_words) value |= ap_uint<S>(row[at]) << (64 * i);
  }
  return value;
}

// Channel constants of output `o`: one word a part, C and M1, then M2.
template <class Memory>
Channel channel_constants(Memory image, const MatrixAt& at, int parts, int o) {
#pragma HLS INLINE
  Channel channel;
  const word_t word = image[at.constants / 8 + std::uint64_t(parts) * o];
  channel.m[0] = constant_m(word);
  channel.m[1] = parts == 2 ? constant_m(image[at.constants / 8 + 2 * std::uint64_t(o) + 1]) : m_t(0);
  channel.c = constant_c(word);
  return channel;
}

// Place in a weights section of word `word` of a row of plane `plane`.
inline std::uint64_t weight_place(int row, int plane, int planes, int word, int row_words) {
#pragma HLS INLINE
  constexpr int kRows = image::kBlockRows;
  return ((std::uint64_t(row / kRows) * planes + plane) * row_words + word) * kRows + row % kRows;
}

// Weights and constants of a matrix of the image, tile by tile.
template <class Cfg, class Memory>
void feed_weights(const QmmJob& job, Memory image, const MatrixAt& at, hls::stream<WVec<Cfg>>& out,
                  hls::stream<Channel>& constants) {
  const QmmLoops<Cfg> loops(job);
  typedef QmmSizes<Cfg> Sizes;
  constexpr int kRowWords = div_up(Sizes::kWidest, 64);
  const int row_words = div_up(job.inputs, 64);
  const int parts = job.mode == kWtws ? 2 : 1, planes = job.mode == kTernary ? 2 : 1;
  for (int ot = 0; ot < loops.column_tiles; ++ot) {
    const int first = ot * Cfg::kOutputs;
    for (int o = first; o < min_of(first + Cfg::kOutputs, job.columns); ++o) {
#pragma HLS PIPELINE
      constants.write(channel_constants(image, at, parts, o));
    }
    const int outputs = min_of(Cfg::kOutputs, job.columns - first);
    for (int pass = 0; pass < job.passes(); ++pass) {
      // A pass of WTWS is one of the two rows of each channel, of other kinds a plane.
      word_t rows[Cfg::kOutputs][kRowWords];
#pragma HLS ARRAY_PARTITION variable = rows complete dim = 1
#pragma HLS ARRAY_PARTITION variable = rows cyclic factor = Sizes::kSimdWords dim = 2
      const int plane = parts == 2 ? 0 : pass, part = parts == 2 ? pass : 0;
      for (int i = 0; i < row_words; ++i) {
        for (int o = 0; o < outputs; ++o) {
#pragma HLS PIPELINE II = 1
          const int row = (first + o) * parts + part;
          rows[o][i] = image[at.weight / 8 + weight_place(row, plane, planes, i, row_words)];
        }
      }
      for (int word = 0; word < loops.words; ++word) {
#pragma HLS PIPELINE II = 1
        WVec<Cfg> w;
        for (int o = 0; o < Cfg::kOutputs; ++o) {
#pragma HLS UNROLL
          w.word[o] = o < outputs ? weight_word<Cfg::kSimd, kRowWords>(rows[o], word, row_words)
                                  : ap_uint<Cfg::kSimd>(0);
        }
        out.write(w);
      }
    }
  }
}

// Cycles that memory takes for one column tile of weights with its constants.
template <class Cfg>
std::uint64_t weight_tile_cycles(const QmmJob& job) {
  const int parts = job.mode == kWtws ? 2 : 1;
  const std::uint64_t words = std::uint64_t(Cfg::kOutputs) * (job.passes() * div_up(job.inputs, 64) + parts);
  return (words * 64 + Cfg::kBusBits - 1) / Cfg::kBusBits;
}

}  // namespace bat
#endif
