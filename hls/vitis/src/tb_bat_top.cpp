// SPDX-License-Identifier: Apache-2.0
// Testbench of bat_top: one batch, driven as the host does, compared with the reference bit by bit.
//
// Golden vectors: image.bin (memory), stream_in.bin, stream_out.bin (64-bit beats; TLAST on the last), in the
// folder given as argument, in the working directory (where Vitis HLS copies them) or in data/.
// Exit code: 0 equal; 1 a difference, named; 2 a golden file is absent or cut short.
#include <cstdio>
#include <string>

#include "batflow_config.hpp"
#include "image_layout.hpp"
#include "tb_host.hpp"

namespace {

typedef std::vector<std::uint64_t> Words;

struct Golden {
  Words image, in, out;
};

bool read_words(const std::string& path, Words& words) {
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  std::uint8_t bytes[8];
  std::size_t count = 0;
  while ((count = std::fread(bytes, 1, 8, file)) == 8) {
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word |= std::uint64_t(bytes[i]) << (8 * i);
    words.push_back(word);
  }
  std::fclose(file);
  return count == 0 && !words.empty();
}

bool read_golden(const std::string& folder, Golden& golden) {
  golden = Golden();
  return read_words(folder + "/image.bin", golden.image) &&
         read_words(folder + "/stream_in.bin", golden.in) &&
         read_words(folder + "/stream_out.bin", golden.out) && golden.image.size() > bat::image::kHeaderWords;
}

// Sequences of a stream: headers of two words {u32 tag, u32 length, u64 0}, then length * hidden / 4 beats.
std::uint32_t sequences_of(const Words& stream, std::uint64_t hidden) {
  std::uint32_t count = 0;
  for (std::size_t at = 0; at + 2 <= stream.size(); ++count) at += 2 + (stream[at] >> 32) * hidden / 4;
  return count;
}

// Says where beat `index` of the output lies.
void name_place(const Words& stream, std::uint64_t hidden, std::size_t index, std::uint64_t differing) {
  std::size_t at = 0;
  for (int sequence = 0; at < stream.size(); ++sequence) {
    const std::size_t beats = 2 + (stream[at] >> 32) * hidden / 4;
    if (index < at + beats && index < at + 2) std::printf("sequence %d, header\n", sequence);
    if (index < at + beats && index >= at + 2) {
      int lane = 0;
      while (((differing >> (16 * lane)) & 0xFFFF) == 0) ++lane;
      const std::size_t value = 4 * (index - at - 2) + lane;
      std::printf("sequence %d, row %d, column %d\n", sequence, int(value / hidden), int(value % hidden));
    }
    if (index < at + beats) return;
    at += beats;
  }
}

// Number of beats that differ; names the first.
int compare_output(hls::stream<bat::Beat>& out, const Words& expected, std::uint64_t hidden) {
  int wrong = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (out.empty()) {
      std::printf("FAIL: the output ended after %d of %d beats\n", int(i), int(expected.size()));
      return wrong + 1;
    }
    const bat::Beat beat = out.read();
    const std::uint64_t data = beat.data.to_uint64();
    const bool last = i + 1 == expected.size();
    if (data == expected[i] && (beat.last != 0) == last && beat.keep == 0xFF) continue;
    if (wrong++ == 0) {
      std::printf("FAIL: first difference in beat %d: expected %016llx last %d, got %016llx last %d: ",
                  int(i), static_cast<unsigned long long>(expected[i]), int(last),
                  static_cast<unsigned long long>(data), int(beat.last != 0));
      data == expected[i] ? (void)std::printf("TLAST or TKEEP\n")
                          : name_place(expected, hidden, i, data ^ expected[i]);
    }
  }
  if (!out.empty()) {
    std::printf("FAIL: the output has more than %d beats\n", int(expected.size()));
    ++wrong;
  }
  return wrong;
}

int expect(const char* name, std::uint64_t expected, std::uint64_t given) {
  if (expected == given) return 0;
  std::printf("FAIL: register %s: expected %llx, got %llx\n", name, static_cast<unsigned long long>(expected),
              static_cast<unsigned long long>(given));
  return 1;
}

int run(const Golden& golden) {
  tb::Accelerator host(golden.image);
  const std::uint64_t hidden = golden.image[bat::image::H_HIDDEN];
  const std::uint32_t batch = sequences_of(golden.in, hidden);
  host.write_wide(bat::reg::PROGRAM_ADDR, tb::kBase);
  host.write_wide(bat::reg::PROGRAM_HASH, golden.image[bat::image::H_HASH]);
  host.write(bat::reg::BATCH, batch);
  for (std::size_t i = 0; i < golden.in.size(); ++i) {
    host.in.write(bat::make_beat(golden.in[i], i + 1 == golden.in.size()));
  }
  host.write(bat::reg::CTRL, bat::reg::AP_START);
  int wrong = expect("ERROR", bat::reg::E_NONE, host.read(bat::reg::ERROR));
  wrong += expect("VERSION", bat::reg::kVersion, host.read(bat::reg::VERSION));
  wrong += expect("CONFIG_HASH", bat::kConfigHash, host.read_wide(bat::reg::CONFIG_HASH));
  wrong += compare_output(host.out, golden.out, hidden);
  if (!host.in.empty()) {
    std::printf("FAIL: the run left input in its stream\n");
    ++wrong;
  }
  std::printf("%s: %d sequences, %d beats, %d differences\n", wrong == 0 ? "PASS" : "FAIL", int(batch),
              int(golden.out.size()), wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Golden golden;
  const std::string given = argc > 1 ? argv[1] : ".";
  if (read_golden(given, golden) || (argc == 1 && read_golden("data", golden))) return run(golden);
  std::printf("FAIL: image.bin, stream_in.bin or stream_out.bin is absent or cut short in %s\n",
              given.c_str());
  return 2;
}
