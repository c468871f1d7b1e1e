// SPDX-License-Identifier: Apache-2.0
// The register file of csim: AXI4-Lite behaviour of the table in registers.hpp. Source: ours.
#ifndef BATFLOW_CSIM_REGISTERS_HPP
#define BATFLOW_CSIM_REGISTERS_HPP
#include <array>
#include <cstdint>

#include "registers.hpp"

namespace bat {
namespace sim {

enum class Access { kOk, kUnaligned, kUnknown };

class Registers {
 public:
  static constexpr std::uint32_t kBytes = 0x200;

  // 32-bit word of a register, or 64 bits of a two-word one.
  std::uint32_t& word(std::uint32_t offset) { return words_[offset / 4]; }
  std::uint64_t wide(std::uint32_t offset) { return word(offset) | (std::uint64_t(word(offset + 4)) << 32); }
  void set_wide(std::uint32_t offset, std::uint64_t value) {
    word(offset) = std::uint32_t(value);
    word(offset + 4) = std::uint32_t(value >> 32);
  }

  void power_on(std::uint64_t config_hash) {
    words_.fill(0);
    word(reg::VERSION) = reg::kVersion;
    set_wide(reg::CONFIG_HASH, config_hash);
    word(reg::CTRL) = reg::AP_IDLE | reg::AP_READY;
  }

  // What a read returns; reading CTRL clears AP_DONE.
  Access read(std::uint32_t offset, std::uint32_t* value) {
    const Access access = check(offset, nullptr);
    if (access != Access::kOk) return access;
    *value = word(offset);
    if (offset == reg::CTRL) word(reg::CTRL) &= ~std::uint32_t(reg::AP_DONE);
    return access;
  }

  // A plain write; read-only registers and CTRL (the engine's) keep their value. ISR toggles.
  Access write(std::uint32_t offset, std::uint32_t value) {
    bool writable = false;
    const Access access = check(offset, &writable);
    if (access != Access::kOk || !writable || offset == reg::CTRL || offset == reg::SOFT_RESET) return access;
    if (offset == reg::ISR) {
      word(offset) ^= value & 3;
    } else if (offset == reg::GIE || offset == reg::IER) {
      word(offset) = value & (offset == reg::GIE ? 1 : 3);
    } else {
      word(offset) = value;
    }
    return access;
  }

  void started() {
    word(reg::CTRL) = reg::AP_START;
    word(reg::ERROR) = reg::E_NONE;
  }
  // Ends a run: done, idle, error and the interrupts that are enabled.
  void ended(std::uint32_t error) {
    word(reg::CTRL) = reg::AP_DONE | reg::AP_IDLE | reg::AP_READY;
    if (error != reg::E_NONE) word(reg::ERROR) = error;
    word(reg::ISR) |= word(reg::IER) & (error != reg::E_NONE ? 3u : 1u);
  }
  void idle() { word(reg::CTRL) = reg::AP_IDLE | reg::AP_READY; }

 private:
  Access check(std::uint32_t offset, bool* writable) const {
    if (offset % 4 != 0) return Access::kUnaligned;
    for (const reg::Entry& entry : reg::kTable) {
      if (offset >= entry.offset && offset < entry.offset + 4 * entry.words) {
        if (writable != nullptr) *writable = entry.writable;
        return Access::kOk;
      }
    }
    return Access::kUnknown;
  }

  std::array<std::uint32_t, kBytes / 4> words_{};
};

}  // namespace sim
}  // namespace bat
#endif
