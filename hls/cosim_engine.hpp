// SPDX-License-Identifier: Apache-2.0
// The cosim engine: the Verilated bat_accelerator, clocked, with its registers reached by AXI4-Lite, its
// streams fed and drained, and a memory behind both read ports.
//
// Environment, read when an engine opens (defaults: the build's): BATFLOW_MEMORY_LATENCY in clocks,
// BATFLOW_MEMORY_BYTES per 1024 clocks for both ports together (0: no limit), BATFLOW_MEMORY_STALL and
// BATFLOW_STREAM_STALL in per cent, BATFLOW_SEED, and in a build with trace BATFLOW_WAVE=start:end:file
// (clocks since the engine opened). Source: ours.
#ifndef BATFLOW_COSIM_ENGINE_HPP
#define BATFLOW_COSIM_ENGINE_HPP
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "Vbat_accelerator.h"
#include "Vbat_accelerator___024root.h"
#include "axi_memory.h"
#include "batflow_cosim.hpp"
#include "chance.h"
#include "cosim_watch.hpp"
#include "cosim_wave.hpp"
#include "kernels/byte_queue.hpp"
#include "kernels/registers.hpp"
#include "verilated.h"

namespace batflow {

// What the model did against its own rules: the engine is of no more use until bf_reset.
struct ModelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline int setting(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == 0 ? otherwise : std::atoi(text);
}

class CosimEngine {
 public:
  CosimEngine(const std::uint8_t* ddr, std::uint64_t base, std::uint64_t bytes)
      : seed_(std::uint32_t(setting("BATFLOW_SEED", 1))),
        stream_stall_(setting("BATFLOW_STREAM_STALL", 0)),
        in_chance_(seed_ * 4 + 1),
        out_chance_(seed_ * 4 + 2),
        bus_chance_(seed_ * 4 + 7),
        ddr_(ddr),
        base_(base),
        bytes_(bytes),
        top_(new Vbat_accelerator(prepare(context_), "top")),
        wave_(*top_) {
    bandwidth_.set(setting("BATFLOW_MEMORY_BYTES", kMemoryBytes));
    reset();
  }
  ~CosimEngine() { top_->final(); }

  void reset() {
    input_.clear();
    output_.clear();
    watch_ = Watch();
    error_text_.clear();
    idle_bus();
    for (std::optional<AxiMemory>* port : {&mha_memory_, &ffn_memory_}) {
      port->emplace(kBusBytes);
      (*port)->attach(ddr_, base_, bytes_);
      (*port)->share(&bandwidth_);
    }
    fault(kNowhere);
    top_->rst_n = 0;
    for (int i = 0; i < kResetClocks; i++) tick();
    top_->rst_n = 1;
    settle();
    was_running_ = false;
  }

  bool running() const { return root().bat_accelerator__DOT__running; }

  // Bus accesses; false where the slave answers an error.
  bool write(std::uint32_t offset, std::uint32_t value) {
    const bool control = offset == bat::reg::CTRL, start = control && (value & bat::reg::AP_START) != 0;
    const bool refused = start && running();
    if (start && !refused) {
      watch_.start();
      error_text_.clear();
      was_running_ = true;
    }
    bool address_left = true, data_left = true;
    top_->s_axil_awaddr = std::uint16_t(offset);
    top_->s_axil_wdata = value;
    top_->s_axil_wstrb = 0xF;
    for (int clocks = 0;; clocks++) {
      raise(top_->s_axil_awvalid, address_left);
      raise(top_->s_axil_wvalid, data_left);
      raise(top_->s_axil_bready, true);
      const bool address = top_->s_axil_awvalid && top_->s_axil_awready;
      const bool data = top_->s_axil_wvalid && top_->s_axil_wready;
      const bool answered = top_->s_axil_bvalid && top_->s_axil_bready;
      const bool good = top_->s_axil_bresp == 0;
      tick();
      if (address) top_->s_axil_awvalid = address_left = false;
      if (data) top_->s_axil_wvalid = data_left = false;
      if (answered) {
        idle_bus();
        if (refused) error_text_ = "start was written during a run";
        if (good && offset == bat::reg::SOFT_RESET && (value & 1) != 0) drop();
        // The run is on a few clocks after the write's answer.
        for (int i = 0; start && i < kStartClocks && !running(); i++) tick();
        return good;
      }
      check_bus(clocks);
    }
  }
  bool read(std::uint32_t offset, std::uint32_t* value) {
    bool address_left = true;
    top_->s_axil_araddr = std::uint16_t(offset);
    for (int clocks = 0;; clocks++) {
      raise(top_->s_axil_arvalid, address_left);
      raise(top_->s_axil_rready, true);
      const bool address = top_->s_axil_arvalid && top_->s_axil_arready;
      const bool answered = top_->s_axil_rvalid && top_->s_axil_rready;
      const bool good = top_->s_axil_rresp == 0;
      *value = top_->s_axil_rdata;
      tick();
      if (address) top_->s_axil_arvalid = address_left = false;
      if (answered) {
        idle_bus();
        return good;
      }
      check_bus(clocks);
    }
  }

  void push(const std::uint8_t* data, std::uint64_t count, bool last) { input_.push(data, count, last); }
  std::uint64_t pop(std::uint8_t* out, std::uint64_t capacity, bool* last) {
    return output_.take(out, capacity, last);
  }

  // Clocks a run until it has ended, `cycles` at most; true while it is on.
  bool advance(std::uint64_t cycles) {
    for (std::uint64_t i = 0; i < cycles && running(); i++) tick();
    return running();
  }

  // Tells in words why a run ended with an error, once it has.
  void explain() {
    if (!was_running_ || running()) return;
    was_running_ = false;
    std::uint32_t code = 0;
    read(bat::reg::ERROR, &code);
    if (code == bat::reg::E_BUS_ERROR) error_text_ = "bus error: a read of the image failed";
    if (code == bat::reg::E_SHORT_INPUT) error_text_ = "the input stream ended or gave no beat for too long";
    if (code == bat::reg::E_DEADLOCK) error_text_ = "nothing moves: " + streams();
  }

  // A fault of the memory: the beat at bus address `address` answers SLVERR; kNowhere for none.
  void fault(std::uint64_t address) {
    AxiFaults faults;
    faults.error = address;
    AxiTiming timing;
    timing.latency = setting("BATFLOW_MEMORY_LATENCY", kMemoryLatency);
    timing.outstanding = kMemoryOutstanding;
    timing.stall_ar = timing.stall_r = setting("BATFLOW_MEMORY_STALL", 0);
    timing.seed = seed_ * 4 + 3;
    mha_memory_->configure(timing, faults);
    timing.seed += 2;
    ffn_memory_->configure(timing, faults);
  }

  bool interrupt() const { return top_->irq; }
  Watch& watch() { return watch_; }
  std::string& error_text() { return error_text_; }

 private:
  static constexpr int kResetClocks = 4, kStartClocks = 4, kMemoryOutstanding = 16, kBusLimit = 10000,
                       kResetLimit = 1 << 20;

  static VerilatedContext* prepare(VerilatedContext& context) {
    context.randReset(kStrict ? 2 : 0);
    context.randSeed(1);
    return &context;
  }
  const Vbat_accelerator___024root& root() const { return *top_->rootp; }

  void idle_bus() {
    top_->s_axil_awvalid = top_->s_axil_wvalid = top_->s_axil_bready = 0;
    top_->s_axil_arvalid = top_->s_axil_rready = 0;
  }
  // Raises a bus signal that is due, now or, with stream stalls, some clocks later; it then stays.
  void raise(CData& signal, bool due) {
    if (due && !bus_chance_(stream_stall_)) signal = 1;
  }
  static void check_bus(int clocks) {
    if (clocks > kBusLimit) throw ModelError("the register bus does not answer");
  }

  // SOFT_RESET: both ends of the streams are emptied, and the core's reset is awaited.
  void drop() {
    input_.clear();
    top_->s_axis_in_tvalid = 0;
    settle();
    output_.clear();
    error_text_.clear();
    was_running_ = false;
  }
  void settle() {
    std::uint32_t control = 0;
    for (int i = 0; (control & bat::reg::AP_IDLE) == 0; i++) {
      if (i > kResetLimit) throw ModelError("the reset does not end: a memory burst is outstanding");
      read(bat::reg::CTRL, &control);
    }
  }

  void tick() {
    drive();
    top_->clk = 0;
    top_->eval();
    sample();
    wave_.dump(2 * clocks_);
    top_->clk = 1;
    top_->eval();
    wave_.dump(2 * clocks_ + 1);
    clocks_++;
  }

  void drive() {
    offer();
    top_->m_axis_out_tready = !out_chance_(stream_stall_);
    put(mha_memory_->response(), top_->m_axi_mha_arready, top_->m_axi_mha_rvalid, top_->m_axi_mha_rlast,
        top_->m_axi_mha_rresp, &top_->m_axi_mha_rdata);
    put(ffn_memory_->response(), top_->m_axi_ffn_arready, top_->m_axi_ffn_rvalid, top_->m_axi_ffn_rlast,
        top_->m_axi_ffn_rresp, &top_->m_axi_ffn_rdata);
  }
  // A beat once offered stays until it is taken.
  void offer() {
    if (taken_) top_->s_axis_in_tvalid = 0;
    taken_ = false;
    if (top_->s_axis_in_tvalid) return;
    if (!input_.beat_ready() || in_chance_(stream_stall_)) return;
    std::uint8_t beat[8] = {};
    bool last = false;
    const std::uint64_t count = input_.take(beat, 8, &last);
    std::memcpy(&top_->s_axis_in_tdata, beat, 8);
    top_->s_axis_in_tkeep = std::uint8_t((1u << count) - 1);
    top_->s_axis_in_tlast = last;
    top_->s_axis_in_tvalid = 1;
  }
  static void put(const AxiReadResponse& from, CData& arready, CData& rvalid, CData& rlast, CData& rresp,
                  void* rdata) {
    arready = from.arready;
    rvalid = from.rvalid;
    rlast = from.rlast;
    rresp = CData(from.rresp);
    if (from.rvalid) std::memcpy(rdata, from.rdata, kBusBytes);
  }

  // What moves at the coming clock edge.
  void sample() {
    if (!top_->rst_n) {
      top_->s_axis_in_tvalid = 0;
      return;
    }
    bandwidth_.tick();
    mha_memory_->step({bool(top_->m_axi_mha_arvalid), top_->m_axi_mha_araddr, top_->m_axi_mha_arlen,
                       top_->m_axi_mha_arsize, top_->m_axi_mha_arburst, bool(top_->m_axi_mha_rready)});
    ffn_memory_->step({bool(top_->m_axi_ffn_arvalid), top_->m_axi_ffn_araddr, top_->m_axi_ffn_arlen,
                       top_->m_axi_ffn_arsize, top_->m_axi_ffn_arburst, bool(top_->m_axi_ffn_rready)});
    if (top_->m_axis_out_tvalid && top_->m_axis_out_tready)
      output_.push(reinterpret_cast<const std::uint8_t*>(&top_->m_axis_out_tdata), 8, top_->m_axis_out_tlast);
    if (running()) look();
    taken_ = top_->s_axis_in_tvalid && top_->s_axis_in_tready;
    if (mha_memory_->violation() != 0 || ffn_memory_->violation() != 0)
      throw ModelError("a read port broke the rules of AXI4: violation " +
                       std::to_string(mha_memory_->violation() | ffn_memory_->violation()));
  }
  void look() {
    const auto& r = root();
    if (r.bat_accelerator__DOT__mha_work_valid && r.bat_accelerator__DOT__mha_work_ready)
      watch_.admitted(Work(r.bat_accelerator__DOT__mha_work));
    if (r.bat_accelerator__DOT__ffn_work_valid && r.bat_accelerator__DOT__ffn_work_ready)
      watch_.mha_began(Work(r.bat_accelerator__DOT__ffn_work));
    if ((r.bat_accelerator__DOT__next_valid && r.bat_accelerator__DOT__next_ready) ||
        (r.bat_accelerator__DOT__done_valid && r.bat_accelerator__DOT__done_ready))
      watch_.ffn_began();
    const bool back = r.bat_accelerator__DOT__back_valid && r.bat_accelerator__DOT__back_ready;
    const bool last = r.bat_accelerator__DOT__final_valid && r.bat_accelerator__DOT__final_ready;
    const void* ffn_data = back ? static_cast<const void*>(&r.bat_accelerator__DOT__back_data)
                                : static_cast<const void*>(&r.bat_accelerator__DOT__final_data);
    watch_.clock({bool(r.bat_accelerator__DOT__mha_busy), bool(r.bat_accelerator__DOT__mha_taking),
                  r.bat_accelerator__DOT__rows_valid && r.bat_accelerator__DOT__rows_ready,
                  &r.bat_accelerator__DOT__rows_data},
                 {bool(r.bat_accelerator__DOT__ffn_busy), bool(r.bat_accelerator__DOT__ffn_taking),
                  back || last, ffn_data},
                 kLanes, r.bat_accelerator__DOT__hidden);
  }

  // Each inner stream and which side of it waits.
  std::string streams() const {
    const auto& r = root();
    const struct {
      const char* name;
      bool valid, ready;
    } all[] = {
        {"input", bool(r.bat_accelerator__DOT__input_valid), bool(r.bat_accelerator__DOT__input_ready)},
        {"mha.rows", bool(r.bat_accelerator__DOT__rows_valid), bool(r.bat_accelerator__DOT__rows_ready)},
        {"ffn.back", bool(r.bat_accelerator__DOT__back_valid), bool(r.bat_accelerator__DOT__back_ready)},
        {"ffn.out", bool(r.bat_accelerator__DOT__final_valid), bool(r.bat_accelerator__DOT__final_ready)},
        {"mha.work", bool(r.bat_accelerator__DOT__mha_work_valid),
         bool(r.bat_accelerator__DOT__mha_work_ready)},
        {"ffn.work", bool(r.bat_accelerator__DOT__ffn_work_valid),
         bool(r.bat_accelerator__DOT__ffn_work_ready)},
    };
    std::string text;
    for (const auto& stream : all) {
      const char* state = stream.valid == stream.ready ? "open" : stream.valid ? "not taken" : "empty";
      text += std::string(text.empty() ? "" : ", ") + stream.name + " " +
              (stream.valid || stream.ready ? state : "closed");
    }
    return text;
  }

  VerilatedContext context_;
  const std::uint32_t seed_;
  const int stream_stall_;
  Chance in_chance_, out_chance_, bus_chance_;
  const std::uint8_t* const ddr_;
  const std::uint64_t base_, bytes_;
  AxiBandwidth bandwidth_;
  std::optional<AxiMemory> mha_memory_, ffn_memory_;
  bat::sim::ByteQueue input_, output_;
  Watch watch_;
  std::string error_text_;
  std::uint64_t clocks_ = 0;
  bool was_running_ = false, taken_ = false;
  std::unique_ptr<Vbat_accelerator> top_;
  Wave wave_;
};

}  // namespace batflow
#endif
