// SPDX-License-Identifier: Apache-2.0
// Each kernel unit as a C function for tests/hls/test_kernels_*.py. Returns 0, or 1 with unit_error() set.
#include <memory>
#include <string>
#include <vector>

#include "bat_top.hpp"
#include "batflow_config.hpp"

using bat::Config;

namespace {

std::string g_error;

template <class Body>
int guarded(Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    g_error = error.what();
    return 1;
  }
}

typedef bat::Planes<256, 8, 64, Config::kSimd> Wide;

// A job's products: w from planes (kActivation) or from an image of packed weights with M = 1, C = 0.
void run_qmm(const bat::QmmJob& job, const Wide& a, const Wide& w, const std::uint64_t* image,
             const bat::MatrixAt& at, int channels, std::int32_t* out) {
  hls::stream<bat::AVec<Config>, 4> a_s("a");
  hls::stream<bat::WVec<Config>, bat::QmmSizes<Config>::kTileWords> w_s("w");
  hls::stream<bat::Channel, 2 * Config::kOutputs> c_s("constants");
  hls::stream<bat::AccTile<Config>, 2> acc_s("acc");
  bat::sim::Region region("qmm_test");
  region.owns(a_s, w_s, c_s, acc_s);
  region.add("rows", [&] { bat::feed_rows<Config>(job, a, 0, a_s); });
  region.add("columns", [&] {
    if (job.mode == bat::kActivation) return bat::feed_columns<Config>(job, w, 0, 0, w_s);
    bat::feed_weights<Config>(job, image, at, w_s, c_s);
  });
  region.add("qmm", [&] { bat::qmm<Config>(job, a_s, w_s, acc_s); });
  region.add("sink", [&] {
    const bat::QmmLoops<Config> loops(job);
    for (int ot = 0; ot < loops.outer * loops.column_tiles; ++ot) {
      for (int rt = 0; rt < loops.row_tiles; ++rt) {
        const bat::AccTile<Config> tile = acc_s.read();
        const int row0 = (job.token_major ? ot / loops.column_tiles : rt) * Config::kTokens;
        const int column0 = ot % loops.column_tiles * Config::kOutputs;
        for (int p = 0; p < 2; ++p) {
          for (int t = 0; t < Config::kTokens && row0 + t < job.rows; ++t) {
            for (int o = 0; o < Config::kOutputs && column0 + o < job.columns; ++o) {
              out[(p * job.rows + row0 + t) * job.columns + column0 + o] = tile.acc[p][t][o].to_int();
            }
          }
        }
      }
    }
  });
  region.add("channels", [&] {
    for (int i = 0; i < channels; ++i) c_s.read();
  });
  region.run();
}

}  // namespace

extern "C" {

const char* unit_error() { return g_error.c_str(); }

int unit_popcount(int bits, const std::uint64_t* words) {
  ap_uint<512> wide = 0;
  for (int i = 7; i >= 0; --i) wide = (wide << 64) | ap_uint<512>(words[i]);
  switch (bits) {
    case 1:
      return bat::popcount<1>(ap_uint<1>(wide));
    case 32:
      return bat::popcount<32>(ap_uint<32>(wide));
    case 64:
      return bat::popcount<64>(ap_uint<64>(wide));
    case 96:
      return bat::popcount<96>(ap_uint<96>(wide));
    default:
      return bat::popcount<512>(wide);
  }
}

// Activation x activation: a [rows, inputs], w [columns, inputs] -> out [2, rows, columns].
int unit_qmm_activation(int rows, int inputs, int columns, int a_bits, int a_signed, int w_bits, int w_signed,
                        int token_major, const std::int32_t* a, const std::int32_t* w, std::int32_t* out,
                        std::uint64_t* cycles) {
  return guarded([&] {
    const bat::QmmJob job = {rows,
                             inputs,
                             columns,
                             {a_bits, a_signed != 0},
                             {w_bits, w_signed != 0},
                             bat::kActivation,
                             token_major != 0};
    const auto a_planes = std::make_unique<Wide>(), w_planes = std::make_unique<Wide>();
    for (int i = 0; i < rows * inputs; ++i) a_planes->put(i / inputs, 0, i % inputs, a[i], job.a);
    for (int i = 0; i < columns * inputs; ++i) w_planes->put(i / inputs, 0, i % inputs, w[i], job.w);
    *cycles = bat::qmm_cycles<Config>(job);
    run_qmm(job, *a_planes, *w_planes, nullptr, {}, 0, out);
  });
}

// Weights packed as in the image: planes at word 0, M int32 and C int64 behind at the given byte offsets.
int unit_qmm_weights(int rows, int inputs, int columns, int a_bits, int a_signed, int kind, int token_major,
                     const std::int32_t* a, const std::uint64_t* image, std::uint64_t constants_at,
                     std::int32_t* out) {
  return guarded([&] {
    const bat::QmmJob job = {
        rows, inputs, columns, {a_bits, a_signed != 0}, {1, true}, bat::PassMode(kind), token_major != 0};
    const auto a_planes = std::make_unique<Wide>();
    for (int i = 0; i < rows * inputs; ++i) a_planes->put(i / inputs, 0, i % inputs, a[i], job.a);
    run_qmm(job, *a_planes, *a_planes, image, {0, constants_at, 0}, columns, out);
  });
}

void unit_requant(int count, const std::int32_t* acc1, const std::int32_t* acc2, int m1, int m2,
                  std::int64_t c, int shift, int bits, int is_signed, std::int32_t* out) {
  const bat::Format format = {bits, is_signed != 0};
  for (int i = 0; i < count; ++i) {
    out[i] = bat::to_format(bat::dyadic(acc1[i], acc2[i], m1, m2, c, shift), format).to_int();
  }
}

// qu_rows over h [rows, d] and back out of the planes.
void unit_qu_rows(int rows, int d, const std::int16_t* h, int m, std::int64_t c, int shift, int bits,
                  int is_signed, std::int32_t* out) {
  static bat::h_t buffer[Config::kMaxTokens][Config::kMaxHidden];
  const auto planes = std::make_unique<Wide>();
  const bat::Format format = {bits, is_signed != 0};
  for (int i = 0; i < rows * d; ++i) buffer[i / d][i % d] = h[i];
  bat::qu_rows<Config>(buffer, rows, d, {m, c, shift}, format, *planes);
  for (int i = 0; i < rows * d; ++i) out[i] = planes->get(i / d, 0, i % d, format);
}

int unit_softmax(int rows, int l, const std::int32_t* scores, int scale, int scale_shift,
                 std::int64_t reciprocal, int shift, int bits, std::int32_t* out) {
  return guarded([&] {
    const bat::QmmJob job = {rows, 1, l, {1, true}, {1, true}, bat::kActivation, true};
    const auto planes = std::make_unique<Wide>();
    hls::stream<bat::AccTile<Config>, 2> tiles("tiles");
    bat::sim::Region region("softmax_test");
    region.owns(tiles);
    region.add("tiles", [&] {
      for (int first = 0; first < rows; first += Config::kTokens) {
        for (int column = 0; column < l; column += Config::kOutputs) {
          bat::AccTile<Config> tile = {};
          for (int t = 0; t < Config::kTokens && first + t < rows; ++t) {
            for (int o = 0; o < Config::kOutputs && column + o < l; ++o) {
              tile.acc[0][t][o] = scores[(first + t) * l + column + o];
            }
          }
          tiles.write(tile);
        }
      }
    });
    region.add("softmax", [&] {
      const bat::SoftmaxConstants k = {scale, scale_shift, ap_uint<39>(reciprocal), shift};
      bat::softmax_tiles<Config>(job, k, bits, tiles, *planes);
    });
    region.run();
    for (int i = 0; i < rows * l; ++i) out[i] = planes->get(i / l, 0, i % l, {bits, false});
  });
}

unsigned unit_layernorm(int rows, int d, std::int16_t* r, const std::int32_t* gamma, const std::int64_t* beta,
                        int shift, std::int64_t epsilon) {
  static bat::h_t x[Config::kMaxTokens][Config::kMaxHidden];
  static bat::NormConstants<Config> k;
  for (int i = 0; i < d; ++i) {
    k.gamma[i] = gamma[i];
    k.beta[i] = beta[i];
  }
  k.shift = shift;
  k.epsilon = epsilon;
  for (int i = 0; i < rows * d; ++i) x[i / d][i % d] = r[i];
  std::uint32_t saturations = 0;
  bat::ln_rows<Config>(x, rows, d, k, saturations);
  for (int i = 0; i < rows * d; ++i) r[i] = std::int16_t(x[i / d][i % d].to_int());
  return saturations;
}

// sat16(h + ((acc1*m1 + acc2*m2 + c) >> shift)) elementwise, as vu_tiles computes it.
unsigned unit_residual(int count, const std::int16_t* h, const std::int32_t* acc1, const std::int32_t* acc2,
                       int m1, int m2, std::int64_t c, int shift, std::int32_t* out) {
  const bat::QmmJob job = {1, 1, count, {1, true}, {1, true}, bat::kWtws, false};
  static bat::h_t h_rows[1][Config::kMaxHidden], r_rows[1][Config::kMaxHidden];
  hls::stream<bat::AccTile<Config>, 1024> tiles("tiles");
  hls::stream<bat::Channel, 1024> channels("channels");
  for (int i = 0; i < count; ++i) h_rows[0][i] = h[i];
  for (int i = 0; i < count; ++i) channels.write({{m1, m2}, c});
  for (int column = 0; column < count; column += Config::kOutputs) {
    bat::AccTile<Config> tile = {};
    for (int o = 0; o < Config::kOutputs && column + o < count; ++o) {
      tile.acc[0][0][o] = acc1[column + o];
      tile.acc[1][0][o] = acc2[column + o];
    }
    tiles.write(tile);
  }
  std::uint32_t saturations = 0;
  bat::vu_tiles<Config>(job, shift, h_rows, tiles, channels, r_rows, saturations);
  for (int i = 0; i < count; ++i) out[i] = r_rows[0][i].to_int();
  return saturations;
}

}  // extern "C"
