// SPDX-License-Identifier: Apache-2.0
// The Vitis HLS top function between two port streams, on a plain pointer to the image.
#include "bat_top.cpp"

namespace {

std::string g_error;

}  // namespace

extern "C" const char* top_error() { return g_error.c_str(); }

// `in` and `out` are 64-bit beats; `registers` takes version, config hash, error, the eight counters in the
// order of the ports, saturations. Returns the beats of output, or -1 with top_error() set.
extern "C" std::int64_t run_top(const std::uint64_t* image, std::uint64_t words, std::uint64_t hash,
                                std::uint32_t batch, const std::uint64_t* in, std::uint64_t beats,
                                std::uint64_t* out, std::uint64_t capacity, std::uint64_t* registers) {
  try {
    std::vector<bat::word_t> memory(image, image + words);
    hls::stream<bat::Beat, 8> in_s("in");
    hls::stream<bat::Beat, 8> out_s("out");
    ap_uint<32> version, error, saturations;
    ap_uint<64> config, counters[10];
    std::uint64_t taken = 0;
    bat::sim::Region region("top");
    region.owns(in_s, out_s);
    region.add("dma_in", [&] {
      for (std::uint64_t i = 0; i < beats; ++i) in_s.write(bat::make_beat(in[i], i + 1 == beats));
    });
    region.add("bat_top", [&] {
      bat_top(memory.data(), hash, batch, in_s, out_s, &version, &config, &error, &counters[0], &counters[1],
              &counters[2], &counters[3], &counters[4], &counters[5], &counters[6], &counters[7],
              &saturations, &counters[8], &counters[9]);
    });
    region.add("dma_out", [&] {
      for (bool last = false; !last && taken < capacity;) {
        const bat::Beat beat = out_s.read();
        out[taken++] = beat.data.to_uint64();
        last = beat.last != 0;
      }
    });
    region.run();
    registers[0] = version.to_uint64();
    registers[1] = config.to_uint64();
    registers[2] = error.to_uint64();
    for (int i = 0; i < 10; ++i) registers[3 + i] = counters[i].to_uint64();
    registers[13] = saturations.to_uint64();
    return std::int64_t(taken);
  } catch (const std::exception& error) {
    g_error = error.what();
    return -1;
  }
}
