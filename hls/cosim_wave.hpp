// SPDX-License-Identifier: Apache-2.0
// A waveform of a window of clocks, in a build with Verilator's --trace: BATFLOW_WAVE=start:end:file
// writes the clocks from start to end to a VCD file. Elsewhere nothing. Source: ours.
#ifndef BATFLOW_COSIM_WAVE_HPP
#define BATFLOW_COSIM_WAVE_HPP
#include <cstdint>

#if VM_TRACE
#include <cstdio>
#include <cstdlib>
#include <string>

#include "verilated_vcd_c.h"
#endif

namespace batflow {

#if VM_TRACE
class Wave {
 public:
  template <class Top>
  explicit Wave(Top& top) {
    const char* wanted = std::getenv("BATFLOW_WAVE");
    int name = 0;
    unsigned long long start = 0, end = 0;
    if (wanted == nullptr || std::sscanf(wanted, "%llu:%llu:%n", &start, &end, &name) < 2 || name == 0)
      return;
    start_ = 2 * start;
    end_ = 2 * end + 2;
    top.contextp()->traceEverOn(true);
    top.trace(&file_, kDepth);
    file_.open(wanted + name);
  }
  ~Wave() { file_.close(); }
  // `time` in half clocks.
  void dump(std::uint64_t time) {
    if (time < start_ || time >= end_) return;
    file_.dump(time);
    if (time + 1 == end_) file_.close();
  }

 private:
  static constexpr int kDepth = 99;  // levels of the hierarchy
  VerilatedVcdC file_;
  std::uint64_t start_ = 0, end_ = 0;
};
#else
class Wave {
 public:
  template <class Top>
  explicit Wave(Top&) {}
  void dump(std::uint64_t) {}
};
#endif

}  // namespace batflow
#endif
