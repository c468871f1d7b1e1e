// SPDX-License-Identifier: Apache-2.0
// The scheduler of csim: a Region owns the fibers of one DATAFLOW region.
//
// poll() resumes every fiber that can advance until all have ended (true) or none can (false). Regions nest:
// a fiber that runs an inner region waits for it. Never compiled under __SYNTHESIS__. Source: ours.
#ifndef BATFLOW_SIM_REGION_HPP
#define BATFLOW_SIM_REGION_HPP
#ifndef __SYNTHESIS__
#include "sim_fiber.hpp"

namespace bat {
namespace sim {

// The processes of one DATAFLOW region.
class Region {
 public:
  explicit Region(const char* name) : name_(name) {}
  ~Region() { cancel(); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  void add(const char* process, std::function<void()> body) {
    fibers_.push_back(std::make_unique<Fiber>((name_ + "." + process).c_str(), std::move(body)));
  }
  // Streams that belong to the region: they must be empty when it ends.
  template <class... S>
  void owns(const S&... streams) {
    (owned_.push_back(&streams), ...);
  }

  bool poll() {
    for (bool moved = true; moved;) {
      moved = false;
      bool all = true;
      for (auto& fiber : fibers_) {
        if (!fiber->done() && fiber->ready()) {
          fiber->resume();
          moved = true;
          if (fiber->error()) fail(fiber->error());
        }
        all = all && fiber->done();
      }
      if (all) {
        check_empty();
        return true;
      }
    }
    return false;
  }

  // Runs the region to its end; inside an outer region's fiber it waits for what the outer one can do.
  void run() {
    while (!poll()) {
      if (Fiber::current() == nullptr) fail(std::make_exception_ptr(Deadlock(describe())));
      Fiber::current()->wait(nullptr, false, this);
    }
  }

  void cancel() {
    for (auto& fiber : fibers_) fiber->cancel();
    fibers_.clear();
  }

  bool ready() const {
    for (const auto& fiber : fibers_) {
      if (!fiber->done() && fiber->ready()) return true;
    }
    return false;
  }

  // Every blocked stream: process, stream, depth, side.
  std::string describe() const {
    std::string text = "deadlock: ";
    const std::size_t head = text.size();
    append(&text);
    return text.size() == head ? text + "no process is blocked" : text;
  }
  void append(std::string* text) const {
    for (const auto& fiber : fibers_) {
      if (!fiber->done()) fiber->describe(text);
    }
  }
  // Whether some process waits for `channel`.
  bool waits_for(const Channel& channel) const {
    for (const auto& fiber : fibers_) {
      if (fiber->channel() == &channel) return true;
    }
    return false;
  }

 private:
  [[noreturn]] void fail(std::exception_ptr error) {
    cancel();
    std::rethrow_exception(error);
  }
  void check_empty() {
    for (const Channel* channel : owned_) {
      if (!channel->empty()) {
        fail(std::make_exception_ptr(Leftover("region " + name_ + " ended with " +
                                              std::to_string(channel->size()) + " values left in stream " +
                                              channel->name())));
      }
    }
  }

  std::string name_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<const Channel*> owned_;
};

inline bool Fiber::ready() const {
  if (channel_ != nullptr) return reading_ ? !channel_->empty() : !channel_->full();
  return child_ == nullptr || child_->ready();
}

inline void Fiber::describe(std::string* text) const {
  if (channel_ != nullptr) {
    *text += name_ + (reading_ ? " waits to read from empty stream " : " waits to write to full stream ") +
             channel_->name() + " (depth " + std::to_string(channel_->depth()) + "); ";
  } else if (child_ != nullptr) {
    child_->append(text);
  }
}

// Blocks the running process on `channel`; outside every region that is an error at once.
inline void block(const Channel& channel, bool reading) {
  if (Fiber::current() == nullptr) {
    throw Deadlock("stream " + channel.name() + " (depth " + std::to_string(channel.depth()) +
                   (reading ? ") is read while empty" : ") is written while full") + " outside a region");
  }
  Fiber::current()->wait(&channel, reading, nullptr);
}

}  // namespace sim
}  // namespace bat
#endif
#endif
