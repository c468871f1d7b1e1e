// SPDX-License-Identifier: Apache-2.0
// Header and layer descriptors of image.bin: read, and checked before a run (docs/contracts.md, "image.bin").
//
// A program is refused with a code of the register table: wrong magic, another hash, a shape beyond the built
// maxima, a value or offset that no writer of ours makes. Each layer costs D_COUNT + kCheckCycles cycles.
// Cfg: kMaxLayers, kMaxHidden, kMaxHeads, kMaxFfn, kMaxTokens, kMaxBits. Source: ours.
#ifndef BATFLOW_DESCRIPTOR_HPP
#define BATFLOW_DESCRIPTOR_HPP
#include "feed.hpp"
#include "image_layout.hpp"
#include "layernorm.hpp"
#include "registers.hpp"
#include "softmax.hpp"

namespace bat {

constexpr int kStreamValues = 4;  // int16 values in a stream beat

struct ProgramShape {
  std::uint64_t bytes, table, stride;
  int layers, hidden, heads, ffn, max_len;
  int head_size() const { return hidden / heads; }
};

struct Descriptor {
  std::int64_t field[image::D_COUNT];

  Dyadic dyadic(unsigned first) const {
    return {m_t(field[first]), c_t(field[first + 1]), int(field[first + 2])};
  }
  PassMode mode(unsigned first) const { return PassMode(field[first]); }
  MatrixAt matrix(unsigned first) const {
    return {std::uint64_t(field[first + 1]), std::uint64_t(field[first + 2]), int(field[first + 3])};
  }
  NormAt norm(unsigned first) const {
    return {std::uint64_t(field[first]), int(field[first + 1]), std::uint64_t(field[first + 2])};
  }
  SoftmaxConstants softmax() const {
    return {ap_int<16>(field[image::D_SOFTMAX_SCALE]), int(field[image::D_SOFTMAX_SCALE_SHIFT]),
            ap_uint<39>(field[image::D_SOFTMAX_RECIPROCAL]), int(field[image::D_SOFTMAX_SHIFT])};
  }
  Format format(unsigned bits_field, bool is_signed) const { return {int(field[bits_field]), is_signed}; }
};

static_assert(
    image::D_Q_WEIGHT == image::D_Q_KIND + 1 && image::D_Q_CONSTANTS == image::D_Q_KIND + 2 &&
        image::D_Q_SHIFT == image::D_Q_KIND + 3 && image::D_LN1_EPSILON == image::D_LN1_CONSTANTS + 2 &&
        image::D_CTX_SHIFT == image::D_CTX_M + 2,
    "descriptor.hpp reads fields of a matrix, norm and dyadic in this order; hls/image.py changed it");
static_assert(int(image::K_BINARY) == kBinary && int(image::K_TERNARY) == kTernary &&
                  int(image::K_WTWS) == kWtws,
              "weight kinds of hls/packing.py and pass modes of qmm.hpp must agree");

inline bool in_range(std::int64_t value, std::int64_t low, std::int64_t high) {
  return value >= low && value <= high;
}

// Whether [offset, offset + bytes) is an aligned section of the image behind the header.
inline bool section_ok(const ProgramShape& shape, std::int64_t offset, std::uint64_t bytes) {
  return offset >= std::int64_t(image::kHeaderWords * 8) && offset % 64 == 0 &&
         std::uint64_t(offset) <= shape.bytes && bytes <= shape.bytes - std::uint64_t(offset);
}

inline bool dyadic_ok(const Descriptor& d, unsigned first) {
  const std::int64_t limit = std::int64_t(1) << 45;
  return in_range(d.field[first], 0, 32767) && in_range(d.field[first + 1], 1 - limit, limit - 1) &&
         in_range(d.field[first + 2], 0, 40);
}

inline bool matrix_ok(const ProgramShape& shape, const Descriptor& d, unsigned first, int inputs,
                      int outputs) {
  if (!in_range(d.field[first], kBinary, kWtws) || !in_range(d.field[first + 3], 0, 40)) return false;
  const std::uint64_t planes = d.field[first] == kTernary ? 2 : 1, parts = d.field[first] == kWtws ? 2 : 1;
  const std::uint64_t rows = image::kBlockRows * div_up(int(parts) * outputs, int(image::kBlockRows));
  const MatrixAt at = d.matrix(first);
  return section_ok(shape, std::int64_t(at.weight), planes * rows * div_up(inputs, 64) * 8) &&
         section_ok(shape, std::int64_t(at.constants), parts * outputs * 8);
}

inline bool norm_ok(const ProgramShape& shape, const Descriptor& d, unsigned first) {
  const NormAt at = d.norm(first);
  return section_ok(shape, std::int64_t(at.constants), std::uint64_t(shape.hidden) * 8) &&
         in_range(d.field[first + 1], 0, 40) && in_range(d.field[first + 2], 1, (std::int64_t(1) << 40) - 1);
}

inline bool softmax_ok(const Descriptor& d) {
  return in_range(d.field[image::D_SOFTMAX_SCALE], 0, 32767) &&
         in_range(d.field[image::D_SOFTMAX_SCALE_SHIFT], 1, 40) &&
         in_range(d.field[image::D_SOFTMAX_RECIPROCAL], 1, (std::int64_t(1) << 39) - 1) &&
         in_range(d.field[image::D_SOFTMAX_SHIFT], 1, 46);
}

// Error code of one layer's descriptor.
template <class Cfg>
std::uint32_t check_descriptor(const ProgramShape& shape, const Descriptor& d) {
  for (unsigned site = image::D_ATTN_IN_BITS; site <= image::D_FFN_MID_BITS; ++site) {
    if (!in_range(d.field[site], 1, 8)) return reg::E_BAD_DESCRIPTOR;
    if (d.field[site] > Cfg::kMaxBits) return reg::E_UNSUPPORTED_SHAPE;
  }
  const bool dyadics =
      dyadic_ok(d, image::D_ATTN_IN_M) && dyadic_ok(d, image::D_CTX_M) && dyadic_ok(d, image::D_FFN_IN_M);
  const int wide = shape.hidden;
  const bool projections =
      matrix_ok(shape, d, image::D_Q_KIND, wide, wide) && matrix_ok(shape, d, image::D_K_KIND, wide, wide) &&
      matrix_ok(shape, d, image::D_V_KIND, wide, wide) && matrix_ok(shape, d, image::D_O_KIND, wide, wide);
  const bool ffn = matrix_ok(shape, d, image::D_FFN1_KIND, wide, shape.ffn) &&
                   matrix_ok(shape, d, image::D_FFN2_KIND, shape.ffn, wide);
  const bool norms = norm_ok(shape, d, image::D_LN1_CONSTANTS) && norm_ok(shape, d, image::D_LN2_CONSTANTS);
  return dyadics && projections && ffn && norms && softmax_ok(d) ? reg::E_NONE : reg::E_BAD_DESCRIPTOR;
}

template <class Memory>
void read_descriptor(Memory image, const ProgramShape& shape, int layer, Descriptor& d) {
  const std::uint64_t first = (shape.table + std::uint64_t(layer) * shape.stride) / 8;
  for (unsigned i = 0; i < image::D_COUNT; ++i) {
#pragma HLS PIPELINE II = 1
    d.field[i] = word_t(image[first + i]).to_int64();
  }
}

// Reads and checks the header; `shape` is valid when the result is E_NONE.
template <class Cfg, class Memory>
std::uint32_t read_header(Memory image, std::uint64_t expected_hash, ProgramShape& shape) {
  std::uint64_t word[image::kHeaderWords];
  if (word_t(image[0]) != image::kMagic) return reg::E_BAD_MAGIC;
  for (unsigned i = 0; i < image::kHeaderWords; ++i) word[i] = word_t(image[i]).to_uint64();
  if (word[image::H_HASH] != expected_hash) return reg::E_HASH_MISMATCH;
  const bool fits = word[image::H_LAYERS] <= Cfg::kMaxLayers && word[image::H_HIDDEN] <= Cfg::kMaxHidden &&
                    word[image::H_HEADS] <= Cfg::kMaxHeads && word[image::H_FFN] <= Cfg::kMaxFfn &&
                    word[image::H_MAX_LEN] <= Cfg::kMaxTokens;
  if (!fits) return reg::E_UNSUPPORTED_SHAPE;
  shape = {word[image::H_BYTES],       word[image::H_TABLE],       word[image::H_DESCRIPTOR_BYTES],
           int(word[image::H_LAYERS]), int(word[image::H_HIDDEN]), int(word[image::H_HEADS]),
           int(word[image::H_FFN]),    int(word[image::H_MAX_LEN])};
  if (shape.hidden < 1 || shape.heads < 1 || shape.ffn < 1 || shape.max_len < 1 ||
      shape.hidden % shape.heads != 0 || shape.hidden % kStreamValues != 0) {
    return reg::E_UNSUPPORTED_SHAPE;
  }
  const std::uint64_t size = std::uint64_t(shape.layers) * shape.stride;
  const bool table_ok = shape.stride == image::D_COUNT * 8 && shape.table % 8 == 0 &&
                        shape.table >= image::kHeaderWords * 8 && shape.table <= shape.bytes &&
                        size <= shape.bytes - shape.table;
  return table_ok ? reg::E_NONE : reg::E_BAD_DESCRIPTOR;
}

// Checks the whole program before anything runs.
template <class Cfg, class Memory>
std::uint32_t check_program(Memory image, std::uint64_t expected_hash, ProgramShape& shape) {
  const std::uint32_t error = read_header<Cfg>(image, expected_hash, shape);
  if (error != reg::E_NONE) return error;
  for (int layer = 0; layer < shape.layers; ++layer) {
    Descriptor d;
    read_descriptor(image, shape, layer, d);
    const std::uint32_t fault = check_descriptor<Cfg>(shape, d);
    if (fault != reg::E_NONE) return fault;
  }
  return reg::E_NONE;
}

}  // namespace bat
#endif
