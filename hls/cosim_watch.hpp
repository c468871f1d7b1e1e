// SPDX-License-Identifier: Apache-2.0
// What is learned by watching the accelerator's inner streams: module output rows as traces, and when
// each module was busy, its engine took operands, and each work item ran. Source: ours.
#ifndef BATFLOW_COSIM_WATCH_HPP
#define BATFLOW_COSIM_WATCH_HPP
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "engine_abi.h"

namespace batflow {

// Counts per bin of clocks; bins double when there would be more than kBins.
class Histogram {
 public:
  static constexpr std::size_t kBins = 2048;
  void add(std::uint64_t clock, bool on, std::uint64_t width) {
    const std::size_t bin = std::size_t(clock / width);
    if (bin >= bins_.size()) bins_.resize(bin + 1);
    bins_[bin] += on;
  }
  void fold() {
    for (std::size_t i = 0; i < bins_.size(); i += 2)
      bins_[i / 2] = bins_[i] + (i + 1 < bins_.size() ? bins_[i + 1] : 0);
    bins_.resize((bins_.size() + 1) / 2);
  }
  std::string json() const {
    std::string text = "[";
    for (std::uint32_t count : bins_) text += (text.size() > 1 ? "," : "") + std::to_string(count);
    return text + "]";
  }

 private:
  std::vector<std::uint32_t> bins_;
};

// Fields of work_t in bat_pkg.sv, as its packed integer.
struct Work {
  bool from_input, last_layer, slot;
  std::uint32_t layer, rows;
  explicit Work(std::uint32_t packed)
      : from_input(packed >> 26 & 1),
        last_layer(packed >> 25 & 1),
        slot(packed >> 24 & 1),
        layer(packed >> 16 & 0xFF),
        rows(packed & 0xFFFF) {}
};

class Watch {
 public:
  // A module's signals in one clock.
  struct Module {
    bool busy, taking;
    bool beat;  // a beat of its output rows moved
    const void* data;
  };

  void start() { *this = Watch(tracing_); }
  void set_tracing(bool on) { tracing_ = on; }

  // MHA accepted an item: those from the input begin a sequence.
  void admitted(const Work& work) {
    if (work.from_input) sequence_[work.slot] = sequences_++;
  }
  // MHA began an item and announced it to FFN; FFN began its next one.
  void mha_began(const Work& work) {
    const Item item = {sequence_[work.slot], work.layer, work.rows, clock_, 0, 0};
    active_[0].push_back(item);
    active_[1].push_back(item);
  }
  void ffn_began() {
    if (ffn_begun_ < active_[1].size()) active_[1][ffn_begun_++].start = clock_;
  }

  // One clock of a run; `lanes` values a beat, `hidden` a row.
  void clock(const Module& mha, const Module& ffn, int lanes, std::uint32_t hidden) {
    if (clock_ / width_ >= Histogram::kBins) {
      for (Histogram& histogram : histograms_) histogram.fold();
      width_ *= 2;
    }
    histograms_[0].add(clock_, mha.busy, width_);
    histograms_[1].add(clock_, mha.taking, width_);
    histograms_[2].add(clock_, ffn.busy, width_);
    histograms_[3].add(clock_, ffn.taking, width_);
    if (mha.beat) beat(0, mha.data, lanes, hidden);
    if (ffn.beat) beat(1, ffn.data, lanes, hidden);
    clock_++;
  }

  const std::vector<std::int32_t>* tap(std::uint32_t sequence, std::uint32_t layer, std::uint32_t tap) const {
    const auto found = taps_.find({sequence, layer, tap});
    return found == taps_.end() ? nullptr : &found->second;
  }

  // {"cycles", "bin" (clocks), "mha"/"ffn": {"busy", "taking": counts a bin}, "items": [{...}]}.
  std::string json() const {
    std::string text = "{\"cycles\":" + std::to_string(clock_) + ",\"bin\":" + std::to_string(width_) +
                       ",\"mha\":{\"busy\":" + histograms_[0].json() +
                       ",\"taking\":" + histograms_[1].json() +
                       "},\"ffn\":{\"busy\":" + histograms_[2].json() +
                       ",\"taking\":" + histograms_[3].json() + "},\"items\":[";
    for (const auto& [module, item] : finished_) {
      if (text.back() == '}') text += ",";
      text += std::string("{\"module\":\"") + (module ? "ffn" : "mha") +
              "\",\"sequence\":" + std::to_string(item.sequence) +
              ",\"layer\":" + std::to_string(item.layer) + ",\"rows\":" + std::to_string(item.rows) +
              ",\"start\":" + std::to_string(item.start) + ",\"end\":" + std::to_string(item.end) + "}";
    }
    return text + "]}";
  }

 private:
  struct Item {
    std::uint32_t sequence, layer, rows;
    std::uint64_t start, end, values;
  };

  explicit Watch(bool tracing) : tracing_(tracing) {}

  void beat(int module, const void* data, int lanes, std::uint32_t hidden) {
    if (active_[module].empty()) return;
    Item& item = active_[module].front();
    if (tracing_) {
      std::vector<std::int16_t> values(std::size_t(lanes), 0);
      std::memcpy(values.data(), data, 2 * std::size_t(lanes));
      std::vector<std::int32_t>& tap =
          taps_[{item.sequence, item.layer, std::uint32_t(module ? BF_TAP_FFN_OUT : BF_TAP_ATTN_OUT)}];
      tap.insert(tap.end(), values.begin(), values.end());
    }
    item.values += std::uint64_t(lanes);
    if (item.values < std::uint64_t(item.rows) * hidden) return;
    item.end = clock_ + 1;
    finished_.emplace_back(module, item);
    active_[module].pop_front();
    if (module == 1 && ffn_begun_ > 0) ffn_begun_--;
  }

  bool tracing_ = false;
  std::uint64_t clock_ = 0, width_ = 1;
  std::uint32_t sequences_ = 0, sequence_[2] = {0, 0};
  std::size_t ffn_begun_ = 0;   // items at the front of active_[1] that FFN has begun
  std::deque<Item> active_[2];  // MHA, FFN; in order
  std::vector<std::pair<int, Item>> finished_;
  Histogram histograms_[4];
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::vector<std::int32_t>> taps_;

 public:
  Watch() = default;
};

}  // namespace batflow
#endif
