// SPDX-License-Identifier: Apache-2.0
// What the host sees of bat_top: registers by offset, memory at a bus address, one stream in, one out.
//
// A write of AP_START to CTRL calls bat_top with the registers as arguments; the call returns when the run
// has ended. The image lies in memory at kBase. Source: ours.
#ifndef BATFLOW_TB_HOST_HPP
#define BATFLOW_TB_HOST_HPP
#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

#include <cstdint>
#include <map>
#include <vector>

#include "vitis_branch.hpp"
//
#include "registers.hpp"
#include "stream.hpp"

extern "C" void bat_top(const bat::word_t* image, ap_uint<64> program_hash, ap_uint<32> batch,
                        hls::stream<bat::Beat>& in, hls::stream<bat::Beat>& out, ap_uint<32>* version,
                        ap_uint<64>* config_hash, ap_uint<32>* error, ap_uint<64>* cycles_total,
                        ap_uint<64>* cycles_mha_busy, ap_uint<64>* cycles_ffn_busy,
                        ap_uint<64>* cycles_qmm_busy, ap_uint<64>* cycles_weight_wait,
                        ap_uint<64>* cycles_input_wait, ap_uint<64>* stall_softmax, ap_uint<64>* stall_ln,
                        ap_uint<32>* saturations, ap_uint<64>* cycles_mha_qmm, ap_uint<64>* cycles_ffn_qmm);

namespace tb {

constexpr std::uint64_t kBase = 0x10000000;  // bus address of the memory that holds the image

class Accelerator {
 public:
  explicit Accelerator(const std::vector<std::uint64_t>& image) : in("in"), out("out") {
    for (std::uint64_t word : image) memory_.push_back(bat::word_t(word));
  }

  void write(std::uint32_t offset, std::uint32_t value) {
    if (offset == bat::reg::CTRL) {
      if ((value & bat::reg::AP_START) != 0) run();
    } else {
      words_[offset] = value;
    }
  }
  void write_wide(std::uint32_t offset, std::uint64_t value) {
    write(offset, std::uint32_t(value));
    write(offset + 4, std::uint32_t(value >> 32));
  }
  std::uint32_t read(std::uint32_t offset) { return words_[offset]; }
  std::uint64_t read_wide(std::uint32_t offset) {
    return read(offset) | (std::uint64_t(read(offset + 4)) << 32);
  }

  hls::stream<bat::Beat> in, out;

 private:
  void run() {
    using namespace bat::reg;
    const std::uint32_t wide[] = {CONFIG_HASH,     CYCLES_TOTAL,       CYCLES_MHA_BUSY,   CYCLES_FFN_BUSY,
                                  CYCLES_QMM_BUSY, CYCLES_WEIGHT_WAIT, CYCLES_INPUT_WAIT, STALL_SOFTMAX,
                                  STALL_LN,        CYCLES_MHA_QMM,     CYCLES_FFN_QMM};
    ap_uint<64> value[11];
    ap_uint<32> version, error, saturations;
    const std::uint64_t word = (read_wide(PROGRAM_ADDR) - kBase) / 8;
    bat_top(memory_.data() + word, read_wide(PROGRAM_HASH), read(BATCH), in, out, &version, &value[0], &error,
            &value[1], &value[2], &value[3], &value[4], &value[5], &value[6], &value[7], &value[8],
            &saturations, &value[9], &value[10]);
    for (int i = 0; i < 11; ++i) write_wide(wide[i], value[i].to_uint64());
    words_[VERSION] = version.to_uint();
    words_[ERROR] = error.to_uint();
    words_[SATURATIONS] = saturations.to_uint();
    words_[CTRL] = AP_DONE | AP_IDLE | AP_READY;
  }

  std::vector<bat::word_t> memory_;
  std::map<std::uint32_t, std::uint32_t> words_;
};

}  // namespace tb
#endif
