// SPDX-License-Identifier: Apache-2.0
// bat_run: the sequencer. Checks the program, then for each sequence of the batch reads its header and rows,
// runs every layer's MHA and FFN, and sends the final h in the same form.
//
// Stream in and out, 64-bit beats: {u32 tag, u32 l, u64 0}, then l rows of d int16 (four a beat); TLAST on
// the last beat of the batch. h and r are the two sides of a ping-pong: MHA reads h and writes r, FFN the
// reverse. Returns an error code of the register table. Latency: check D_COUNT + kCheckCycles a layer; a
// sequence 2 + l*d/4 in, D_COUNT + MHA + FFN a layer, 2 + l*d/4 out; nothing overlaps between sequences. Cfg:
// all members (types.hpp). Memory: word-indexed, 64 bits (a pointer; a checked one in csim). Source: ours.
#ifndef BATFLOW_BAT_TOP_HPP
#define BATFLOW_BAT_TOP_HPP
#include "ffn.hpp"
#include "mha.hpp"

namespace bat {

constexpr int kCheckCycles = 16;  // memory latency of a descriptor's burst

template <class Cfg>
struct Buffers {
  static_assert(ConfigCheck<Cfg>::kDone, "Config: a size is out of range");
  h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden];
  h_t r[Cfg::kMaxTokens][Cfg::kMaxHidden];
  MhaBuffers<Cfg> mha;
  FfnBuffers<Cfg> ffn;
};

struct SequenceHeader {
  std::uint32_t tag;
  int length;
};

// Reads one beat; false when the stream ended early (TLAST before `final_beat`, or a partial beat).
inline bool read_beat(hls::stream<Beat>& in, bool final_beat, word_t& data) {
#pragma HLS INLINE
  const Beat beat = in.read();
  data = beat.data;
  return beat.keep == 0xFF && (final_beat || beat.last == 0);
}

inline std::uint32_t read_sequence_header(hls::stream<Beat>& in, int max_len, SequenceHeader& header) {
  word_t first = 0, second = 0;
  if (!read_beat(in, false, first)) return reg::E_SHORT_INPUT;
  const word_t length = first >> 32;
  if (!read_beat(in, false, second)) return reg::E_SHORT_INPUT;
  if (length < 1 || length > max_len) return reg::E_BAD_LENGTH;
  header.tag = std::uint32_t(first.to_uint64());
  header.length = length.to_int();
  return reg::E_NONE;
}

template <class Cfg>
std::uint32_t read_rows(hls::stream<Beat>& in, int l, int d, bool last,
                        h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden]) {
  for (int t = 0; t < l; ++t) {
    for (int i = 0; i < d; i += kStreamValues) {
#pragma HLS PIPELINE II = 1
      word_t data = 0;
      if (!read_beat(in, last && t == l - 1 && i + kStreamValues >= d, data)) return reg::E_SHORT_INPUT;
      for (int j = 0; j < kStreamValues; ++j) {
#pragma HLS UNROLL
        h[t][i + j] = h_t(data >> (16 * j));
      }
    }
  }
  return reg::E_NONE;
}

template <class Cfg>
void write_rows(hls::stream<Beat>& out, const SequenceHeader& header, int d, bool last,
                const h_t h[Cfg::kMaxTokens][Cfg::kMaxHidden]) {
  out.write(make_beat(word_t(header.tag) | (word_t(header.length) << 32), false));
  out.write(make_beat(0, false));
  for (int t = 0; t < header.length; ++t) {
    for (int i = 0; i < d; i += kStreamValues) {
#pragma HLS PIPELINE II = 1
      word_t data = 0;
      for (int j = 0; j < kStreamValues; ++j) {
#pragma HLS UNROLL
        data |= word_t(ap_uint<16>(h[t][i + j])) << (16 * j);
      }
      out.write(make_beat(data, last && t == header.length - 1 && i + kStreamValues >= d));
    }
  }
}

// One layer over the ping-pong pair.
template <class Cfg, class Memory>
void run_layer(Memory image, const ProgramShape& shape, int layer, int l, Buffers<Cfg>& b,
               Counters& counters) {
  Descriptor d;
  read_descriptor(image, shape, layer, d);
  const std::uint64_t before = counters.qmm_busy;
  mha<Cfg>(image, shape, layer, l, d, b.h, b.mha, b.r, counters);
  const std::uint64_t between = counters.qmm_busy;
  ffn<Cfg>(image, shape, layer, l, d, b.r, b.ffn, b.h, counters);
  counters.mha_qmm += between - before;
  counters.ffn_qmm += counters.qmm_busy - between;
}

// A whole run. `counters` holds the last run's figures also after an error.
template <class Cfg, class Memory>
std::uint32_t bat_run(Memory image, std::uint64_t expected_hash, std::uint32_t batch, hls::stream<Beat>& in,
                      hls::stream<Beat>& out, Buffers<Cfg>& b, Counters& counters) {
  counters = Counters();
  if (batch == 0) return reg::E_BAD_BATCH;
  ProgramShape shape = {};
  const std::uint32_t error = check_program<Cfg>(image, expected_hash, shape);
  if (error != reg::E_NONE) return error;
  counters.total += std::uint64_t(shape.layers) * (image::D_COUNT + kCheckCycles);
  for (std::uint32_t n = 0; n < batch; ++n) {
    BAT_TRACE_SEQUENCE(n);
    SequenceHeader header = {};
    const std::uint32_t bad_header = read_sequence_header(in, shape.max_len, header);
    if (bad_header != reg::E_NONE) return bad_header;
    const std::uint32_t bad_rows = read_rows<Cfg>(in, header.length, shape.hidden, n + 1 == batch, b.h);
    if (bad_rows != reg::E_NONE) return bad_rows;
    const std::uint64_t beats = 2 + std::uint64_t(header.length) * shape.hidden / kStreamValues;
    const std::uint64_t before = counters.mha_busy + counters.ffn_busy;
    for (int layer = 0; layer < shape.layers; ++layer) {
      run_layer<Cfg>(image, shape, layer, header.length, b, counters);
    }
    write_rows<Cfg>(out, header, shape.hidden, n + 1 == batch, b.h);
    counters.input_wait += beats;
    counters.total += 2 * beats + counters.mha_busy + counters.ffn_busy - before +
                      std::uint64_t(shape.layers) * image::D_COUNT;
  }
  return reg::E_NONE;
}

}  // namespace bat
#endif
