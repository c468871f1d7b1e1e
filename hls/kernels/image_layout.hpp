// SPDX-License-Identifier: Apache-2.0
// Generated from hls/image.py by `python -m batflow.hls.generate`; do not edit.
#ifndef BATFLOW_IMAGE_LAYOUT_HPP
#define BATFLOW_IMAGE_LAYOUT_HPP
#include <cstdint>
namespace bat {
namespace image {
constexpr std::uint64_t kMagic = 0x32474F5250544142ULL;
constexpr unsigned kHeaderWords = 16;
constexpr unsigned kBlockRows = 16;
enum HeaderWord : unsigned {
  H_MAGIC = 0,
  H_BYTES = 1,
  H_HASH = 2,
  H_LAYERS = 3,
  H_HIDDEN = 4,
  H_HEADS = 5,
  H_FFN = 6,
  H_MAX_LEN = 7,
  H_TABLE = 8,
  H_DESCRIPTOR_BYTES = 9,
};
enum DescriptorField : unsigned {
  D_ATTN_IN_BITS = 0,
  D_Q_BITS = 1,
  D_K_BITS = 2,
  D_V_BITS = 3,
  D_PROBS_BITS = 4,
  D_CTX_BITS = 5,
  D_FFN_IN_BITS = 6,
  D_FFN_MID_BITS = 7,
  D_ATTN_IN_M = 8,
  D_ATTN_IN_C = 9,
  D_ATTN_IN_SHIFT = 10,
  D_CTX_M = 11,
  D_CTX_C = 12,
  D_CTX_SHIFT = 13,
  D_FFN_IN_M = 14,
  D_FFN_IN_C = 15,
  D_FFN_IN_SHIFT = 16,
  D_Q_KIND = 17,
  D_Q_WEIGHT = 18,
  D_Q_CONSTANTS = 19,
  D_Q_SHIFT = 20,
  D_K_KIND = 21,
  D_K_WEIGHT = 22,
  D_K_CONSTANTS = 23,
  D_K_SHIFT = 24,
  D_V_KIND = 25,
  D_V_WEIGHT = 26,
  D_V_CONSTANTS = 27,
  D_V_SHIFT = 28,
  D_O_KIND = 29,
  D_O_WEIGHT = 30,
  D_O_CONSTANTS = 31,
  D_O_SHIFT = 32,
  D_FFN1_KIND = 33,
  D_FFN1_WEIGHT = 34,
  D_FFN1_CONSTANTS = 35,
  D_FFN1_SHIFT = 36,
  D_FFN2_KIND = 37,
  D_FFN2_WEIGHT = 38,
  D_FFN2_CONSTANTS = 39,
  D_FFN2_SHIFT = 40,
  D_SOFTMAX_SCALE = 41,
  D_SOFTMAX_SCALE_SHIFT = 42,
  D_SOFTMAX_RECIPROCAL = 43,
  D_SOFTMAX_SHIFT = 44,
  D_LN1_CONSTANTS = 45,
  D_LN1_SHIFT = 46,
  D_LN1_EPSILON = 47,
  D_LN2_CONSTANTS = 48,
  D_LN2_SHIFT = 49,
  D_LN2_EPSILON = 50,
  D_COUNT = 56
};
enum WeightKind : unsigned {
  K_BINARY = 0,
  K_TERNARY = 1,
  K_WTWS = 2,
};
}  // namespace image
}  // namespace bat
#endif
