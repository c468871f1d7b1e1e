// SPDX-License-Identifier: Apache-2.0
// Generated from hls/image.py by `python -m batflow.hls.generate`; do not edit.
#ifndef BATFLOW_IMAGE_LAYOUT_HPP
#define BATFLOW_IMAGE_LAYOUT_HPP
#include <cstdint>
namespace bat {
namespace image {
constexpr std::uint64_t kMagic = 0x31474F5250544142ULL;
constexpr unsigned kHeaderWords = 16;
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
  D_Q_M = 19,
  D_Q_C = 20,
  D_Q_SHIFT = 21,
  D_K_KIND = 22,
  D_K_WEIGHT = 23,
  D_K_M = 24,
  D_K_C = 25,
  D_K_SHIFT = 26,
  D_V_KIND = 27,
  D_V_WEIGHT = 28,
  D_V_M = 29,
  D_V_C = 30,
  D_V_SHIFT = 31,
  D_O_KIND = 32,
  D_O_WEIGHT = 33,
  D_O_M = 34,
  D_O_C = 35,
  D_O_SHIFT = 36,
  D_FFN1_KIND = 37,
  D_FFN1_WEIGHT = 38,
  D_FFN1_M = 39,
  D_FFN1_C = 40,
  D_FFN1_SHIFT = 41,
  D_FFN2_KIND = 42,
  D_FFN2_WEIGHT = 43,
  D_FFN2_M = 44,
  D_FFN2_C = 45,
  D_FFN2_SHIFT = 46,
  D_SOFTMAX_SCALE = 47,
  D_SOFTMAX_SCALE_SHIFT = 48,
  D_SOFTMAX_RECIPROCAL = 49,
  D_SOFTMAX_SHIFT = 50,
  D_LN1_GAMMA = 51,
  D_LN1_BETA = 52,
  D_LN1_SHIFT = 53,
  D_LN1_EPSILON = 54,
  D_LN2_GAMMA = 55,
  D_LN2_BETA = 56,
  D_LN2_SHIFT = 57,
  D_LN2_EPSILON = 58,
  D_COUNT = 59
};
enum WeightKind : unsigned {
  K_BINARY = 0,
  K_TERNARY = 1,
  K_WTWS = 2,
};
}  // namespace image
}  // namespace bat
#endif
