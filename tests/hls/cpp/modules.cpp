// SPDX-License-Identifier: Apache-2.0
// The modules and the descriptor walk as C functions for tests/hls/test_kernels_modules.py; with top.cpp, so
// that both share their instances.
//
// Each takes a program image of `words` words and checks it first. Returns an error code of the register
// table, or -1 with top_error() set when a stream was misused. `counts`: saturations, module busy and QMM
// busy cycles.
#include <memory>
#include <string>

#include "top.cpp"

using bat::Config;

namespace {

bat::Buffers<Config> g_buffers;

template <class Body>
std::int64_t guarded(const std::uint64_t* image, std::uint64_t words, std::uint64_t hash, Body body) {
  try {
    const std::vector<bat::word_t> memory(image, image + words);
    bat::ProgramShape shape = {};
    const std::uint32_t error = bat::check_program<Config>(memory.data(), hash, shape);
    if (error == bat::reg::E_NONE) body(memory.data(), shape);
    return error;
  } catch (const std::exception& fault) {
    g_error = fault.what();
    return -1;
  }
}

template <class Run>
void run_module(const bat::ProgramShape& shape, const bat::word_t* memory, int layer, int l,
                const std::int16_t* in, std::int16_t* out, std::uint64_t* counts,
                bat::h_t from[][Config::kMaxHidden], bat::h_t to[][Config::kMaxHidden], Run run) {
  bat::Descriptor d;
  bat::read_descriptor(memory, shape, layer, d);
  const int width = shape.hidden;
  for (int i = 0; i < l * width; ++i) from[i / width][i % width] = in[i];
  bat::Counters counters = {};
  run(d, counters);
  for (int i = 0; i < l * width; ++i) out[i] = std::int16_t(to[i / width][i % width].to_int());
  counts[0] = counters.saturations;
  counts[1] = counters.mha_busy + counters.ffn_busy;
  counts[2] = counters.qmm_busy;
}

}  // namespace

extern "C" {

// h [l, d] -> r [l, d]: one layer's attention.
std::int64_t module_mha(const std::uint64_t* image, std::uint64_t words, std::uint64_t hash, int layer, int l,
                        const std::int16_t* h, std::int16_t* r, std::uint64_t* counts) {
  return guarded(image, words, hash, [&](const bat::word_t* memory, const bat::ProgramShape& shape) {
    bat::Buffers<Config>& b = g_buffers;
    run_module(shape, memory, layer, l, h, r, counts, b.h, b.r,
               [&](const bat::Descriptor& d, bat::Counters& n) {
                 bat::mha<Config>(memory, shape, layer, l, d, b.h, b.mha, b.r, n);
               });
  });
}

// r [l, d] -> h [l, d]: one layer's feed-forward part.
std::int64_t module_ffn(const std::uint64_t* image, std::uint64_t words, std::uint64_t hash, int layer, int l,
                        const std::int16_t* r, std::int16_t* h, std::uint64_t* counts) {
  return guarded(image, words, hash, [&](const bat::word_t* memory, const bat::ProgramShape& shape) {
    bat::Buffers<Config>& b = g_buffers;
    run_module(shape, memory, layer, l, r, h, counts, b.r, b.h,
               [&](const bat::Descriptor& d, bat::Counters& n) {
                 bat::ffn<Config>(memory, shape, layer, l, d, b.r, b.ffn, b.h, n);
               });
  });
}

// The fields of every layer's descriptor [layers, D_COUNT], and layers, hidden, heads, ffn, max_len.
std::int64_t module_walk(const std::uint64_t* image, std::uint64_t words, std::uint64_t hash,
                         std::int64_t* fields, std::int32_t* shape_out) {
  return guarded(image, words, hash, [&](const bat::word_t* memory, const bat::ProgramShape& shape) {
    const int values[] = {shape.layers, shape.hidden, shape.heads, shape.ffn, shape.max_len};
    for (int i = 0; i < 5; ++i) shape_out[i] = values[i];
    for (int layer = 0; layer < shape.layers; ++layer) {
      bat::Descriptor d;
      bat::read_descriptor(memory, shape, layer, d);
      for (unsigned i = 0; i < bat::image::D_COUNT; ++i) *fields++ = d.field[i];
    }
  });
}

// Faults that the sanitizers must see: a read behind a buffer, or an overflow of int.
int module_fault(int overflow, int n) {
  if (overflow != 0) return n + 0x7FFFFFFF;
  const std::unique_ptr<int[]> buffer(new int[std::size_t(n)]());
  return buffer[std::size_t(n)];
}

}  // extern "C"
