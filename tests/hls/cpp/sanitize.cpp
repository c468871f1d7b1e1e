// SPDX-License-Identifier: Apache-2.0
// The csim engine under the address and undefined-behaviour sanitizers, as a program of its own:
//   sanitize IMAGE HASH BATCH INPUT OUTPUT
// First a run that is closed while it waits for input, a refused start and a soft reset, then a traced run.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "csim_abi.cpp"

namespace {

std::vector<char> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

const std::uint8_t* bytes(const std::vector<char>& data) {
  return reinterpret_cast<const std::uint8_t*>(data.data());
}

void set(bf_engine* e, std::uint32_t offset, std::uint64_t value) {
  bf_reg_write(e, offset, std::uint32_t(value));
  bf_reg_write(e, offset + 4, std::uint32_t(value >> 32));
}

void start(bf_engine* e, std::uint64_t hash, std::uint32_t batch) {
  set(e, bat::reg::PROGRAM_ADDR, 4096);
  set(e, bat::reg::PROGRAM_HASH, hash);
  bf_reg_write(e, bat::reg::BATCH, batch);
  bf_reg_write(e, bat::reg::CTRL, 1);
}

}  // namespace

int main(int, char** arguments) {
  std::vector<char> image = read_file(arguments[1]);
  const std::uint64_t hash = std::strtoull(arguments[2], nullptr, 16);
  const std::uint32_t batch = std::uint32_t(std::strtoul(arguments[3], nullptr, 10));
  const std::vector<char> input = read_file(arguments[4]);
  std::uint8_t* const ddr = reinterpret_cast<std::uint8_t*>(image.data());

  bf_engine* dropped = bf_open(ddr, 4096, image.size());
  start(dropped, hash, batch);
  bf_stream_push(dropped, bytes(input), 100, 0);
  if (bf_advance(dropped, 1) != 1) return 1;
  bf_close(dropped);

  bf_engine* e = bf_open(ddr, 4096, image.size() / 2);  // memory ends inside the image
  start(e, hash, batch);
  bf_stream_push(e, bytes(input), input.size(), 1);
  std::uint32_t error = 0;
  bf_advance(e, 1);
  bf_reg_read(e, bat::reg::ERROR, &error);
  if (error != bat::reg::E_BUS_ERROR) return 2;
  bf_close(e);

  e = bf_open(ddr, 4096, image.size());
  bf_trace_enable(e, 1);
  start(e, hash, batch);
  bf_stream_push(e, bytes(input), 40, 0);
  if (bf_advance(e, 1) != 1) return 3;
  bf_reg_write(e, bat::reg::SOFT_RESET, 1);
  start(e, hash, batch);
  bf_stream_push(e, bytes(input), input.size(), 1);
  if (bf_advance(e, 1) != 0) return 4;
  std::vector<std::uint8_t> output(input.size());
  std::int32_t last = 0;
  if (bf_stream_pop(e, output.data(), output.size(), &last) != std::int64_t(output.size()) || last != 1)
    return 5;
  std::ofstream(arguments[5], std::ios::binary)
      .write(reinterpret_cast<const char*>(output.data()), std::streamsize(output.size()));
  bf_close(e);
  return 0;
}
