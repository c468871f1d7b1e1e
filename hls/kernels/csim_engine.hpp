// SPDX-License-Identifier: Apache-2.0
// The csim engine: bat_run as a fiber between two port streams, a checked view of memory, a register file.
//
// advance() moves input to the port, lets the fiber work, and takes its output, until the run has ended or
// waits for input. A run that waits for input longer than kInputTimeout advanced cycles ends with
// SHORT_INPUT. Source: ours.
#ifndef BATFLOW_CSIM_ENGINE_HPP
#define BATFLOW_CSIM_ENGINE_HPP
#include <cstring>
#include <memory>
#include <string>

#include "bat_top.hpp"
#include "batflow_config.hpp"
#include "byte_queue.hpp"
#include "csim_registers.hpp"

namespace bat {
namespace sim {

struct BusError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The image as the accelerator's memory port sees it: 64-bit words, bounds checked.
class Memory {
 public:
  // `ddr` holds `bytes` bytes; the image starts at byte `offset` of it, which may lie outside.
  Memory(const std::uint8_t* ddr, std::uint64_t bytes, std::uint64_t offset)
      : ddr_(ddr), bytes_(bytes), offset_(offset) {}
  word_t operator[](std::uint64_t index) const {
    const std::uint64_t room = offset_ < bytes_ ? (bytes_ - offset_) / 8 : 0;
    if (index >= room || offset_ % 64 != 0) {
      throw BusError("bus error: word " + std::to_string(index) + " of the image lies outside memory (" +
                     std::to_string(room) +
                     " words from PROGRAM_ADDR) or PROGRAM_ADDR is not 64-byte aligned");
    }
    std::uint64_t value;
    std::memcpy(&value, ddr_ + offset_ + 8 * index, 8);
    return value;
  }

 private:
  const std::uint8_t* ddr_;
  std::uint64_t bytes_, offset_;
};

class Engine {
 public:
  static constexpr std::uint64_t kInputTimeout = std::uint64_t{1} << 20;  // cycles without a beat

  Engine(const std::uint8_t* ddr, std::uint64_t base, std::uint64_t bytes)
      : ddr_(ddr), base_(base), bytes_(bytes), buffers_(new Buffers<Config>()) {
    reset();
  }

  void reset() {
    drop();
    counters_ = Counters();
    trace_ = Trace();
    tracing_ = false;
    error_text_.clear();
    registers.power_on(kConfigHash);
  }
  // Drops a run and empties the streams; settings stay.
  void drop() {
    region_.reset();
    input_.clear();
    output_.clear();
    in_.clear();
    out_.clear();
    registers.word(reg::ERROR) = reg::E_NONE;
    registers.idle();
  }

  bool running() const { return region_ != nullptr; }

  void write_control(std::uint32_t value) {
    if ((value & reg::AP_START) == 0) return;
    if (running()) {
      registers.word(reg::ERROR) = reg::E_BUSY;
      error_text_ = "start was written during a run";
      return;
    }
    registers.started();
    error_text_.clear();
    trace_.taps.clear();
    waited_ = 0;
    result_ = reg::E_NONE;
    region_ = std::make_unique<Region>("engine");
    region_->add("bat_top", [this] { run(); });
  }

  // Works until the run has ended (false) or waits for input (true).
  bool advance(std::uint64_t cycles) {
    if (!running()) return false;
    Trace* const outer = std::exchange(trace(), tracing_ ? &trace_ : nullptr);
    const bool waits = work();
    trace() = outer;
    if (!waits) return false;
    waited_ += cycles;
    if (waited_ < kInputTimeout) return true;
    error_text_ = "the input stream gave no beat for " + std::to_string(kInputTimeout) + " cycles";
    end(reg::E_SHORT_INPUT);
    return false;
  }

  void push(const std::uint8_t* data, std::uint64_t count, bool last) { input_.push(data, count, last); }
  std::uint64_t pop(std::uint8_t* out, std::uint64_t capacity, bool* last) {
    return output_.take(out, capacity, last);
  }

  void set_tracing(bool on) { tracing_ = on; }
  const std::vector<std::int32_t>* tap(std::uint32_t sequence, std::uint32_t layer, std::uint32_t tap) const {
    const auto found = trace_.taps.find({sequence, layer, tap});
    return found == trace_.taps.end() ? nullptr : &found->second;
  }
  std::string& error_text() { return error_text_; }

  Registers registers;

 private:
  void run() {
    const Memory memory(ddr_, bytes_, registers.wide(reg::PROGRAM_ADDR) - base_);
    result_ = bat_run<Config>(memory, registers.wide(reg::PROGRAM_HASH), registers.word(reg::BATCH), in_,
                              out_, *buffers_, counters_);
  }

  // Moves beats and polls the fiber; true when it waits for input.
  bool work() {
    try {
      for (bool moved = true; moved;) {
        moved = refill();
        if (region_->poll()) {
          drain();
          end(result_);
          return false;
        }
        moved = drain() || moved;
      }
    } catch (const BusError& error) {
      return fail(reg::E_BUS_ERROR, error.what());
    } catch (const std::runtime_error& error) {
      return fail(reg::E_DEADLOCK, error.what());
    }
    if (region_->waits_for(in_)) return true;
    return fail(reg::E_DEADLOCK, region_->describe().c_str());
  }

  bool fail(std::uint32_t code, const char* text) {
    error_text_ = text;
    end(code);
    return false;
  }

  void end(std::uint32_t code) {
    region_.reset();
    const std::pair<std::uint32_t, std::uint64_t> values[] = {
        {reg::CYCLES_TOTAL, counters_.total},
        {reg::CYCLES_MHA_BUSY, counters_.mha_busy},
        {reg::CYCLES_FFN_BUSY, counters_.ffn_busy},
        {reg::CYCLES_QMM_BUSY, counters_.qmm_busy},
        {reg::CYCLES_WEIGHT_WAIT, counters_.weight_wait},
        {reg::CYCLES_INPUT_WAIT, counters_.input_wait},
        {reg::STALL_SOFTMAX, counters_.stall_softmax},
        {reg::STALL_LN, counters_.stall_ln},
        {reg::CYCLES_MHA_QMM, counters_.mha_qmm},
        {reg::CYCLES_FFN_QMM, counters_.ffn_qmm}};
    for (const auto& [offset, value] : values) registers.set_wide(offset, value);
    registers.word(reg::SATURATIONS) = counters_.saturations;
    registers.ended(code);
  }

  // A beat takes eight bytes, or fewer when TLAST cuts it short.
  bool refill() {
    bool moved = false;
    while (!in_.full() && input_.beat_ready()) {
      std::uint64_t data = 0;
      bool last = false;
      const int count = int(input_.take(reinterpret_cast<std::uint8_t*>(&data), 8, &last));
      in_.write({data, ap_uint<8>((1 << count) - 1), last});
      waited_ = 0;
      moved = true;
    }
    return moved;
  }
  bool drain() {
    const bool moved = !out_.empty();
    while (!out_.empty()) {
      const Beat beat = out_.read();
      const std::uint64_t data = beat.data.to_uint64();
      output_.push(reinterpret_cast<const std::uint8_t*>(&data), 8, beat.last != 0);
    }
    return moved;
  }

  const std::uint8_t* ddr_;
  std::uint64_t base_, bytes_;
  std::unique_ptr<Buffers<Config>> buffers_;
  hls::stream<Beat, 64> in_{"port.in"};  // the depth of the DMA's own FIFO
  hls::stream<Beat, 64> out_{"port.out"};
  ByteQueue input_, output_;
  Counters counters_{};
  Trace trace_;
  bool tracing_ = false;
  std::string error_text_;
  std::uint32_t result_ = reg::E_NONE;
  std::uint64_t waited_ = 0;
  std::unique_ptr<Region> region_;
};

}  // namespace sim
}  // namespace bat
#endif
