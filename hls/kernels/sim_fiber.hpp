// SPDX-License-Identifier: Apache-2.0
// Cooperative fibers for csim: the processes of a DATAFLOW region run as coroutines, so that a full or an
// empty stream blocks its process as it does in hardware, and a deadlock is seen and named.
//
// sim_region.hpp schedules them. Never compiled under __SYNTHESIS__. Source: ours.
#ifndef BATFLOW_SIM_FIBER_HPP
#define BATFLOW_SIM_FIBER_HPP
#ifndef __SYNTHESIS__
#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace bat {
namespace sim {

// Processes that wait for each other for ever, or a stream misused outside a region.
struct Deadlock : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Data left in a stream of a region that has ended.
struct Leftover : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Unwinds a fiber whose region is given up.
struct Cancelled {};

// What the scheduler knows of a stream.
class Channel {
 public:
  Channel(const char* name, std::size_t depth) : name_(name), depth_(depth) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  const std::string& name() const { return name_; }
  std::size_t depth() const { return depth_; }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == depth_; }

 protected:
  ~Channel() = default;
  std::string name_;
  std::size_t depth_;
  std::size_t count_ = 0;
};

class Region;

// Stacks of ended fibers, kept for the next ones.
class StackPool {
 public:
  static constexpr std::size_t kBytes = std::size_t{1} << 20;

  static void* take() {
    std::vector<void*>& free = pool().free;
    if (!free.empty()) {
      void* const stack = free.back();
      free.pop_back();
      return stack;
    }
    void* const stack = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) throw std::bad_alloc();
    mprotect(stack, 4096, PROT_NONE);  // an overflow faults instead of writing into a neighbour
    return stack;
  }
  static void give(void* stack) { pool().free.push_back(stack); }

 private:
  struct Pool {
    std::vector<void*> free;
    ~Pool() {
      for (void* stack : free) munmap(stack, kBytes);
    }
  };
  static Pool& pool() {
    static thread_local Pool instance;
    return instance;
  }
};

// One process: its own stack, and what it waits for.
class Fiber {
 public:
  Fiber(const char* name, std::function<void()> body) : name_(name), body_(std::move(body)) {
    stack_ = StackPool::take();
  }
  ~Fiber() { StackPool::give(stack_); }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The fiber that runs now; null in the main context.
  static Fiber*& current() {
    static thread_local Fiber* fiber = nullptr;
    return fiber;
  }

  void resume() {
    Fiber* const outer = std::exchange(current(), this);
    if (!started_) {
      started_ = true;
      getcontext(&context_);
      context_.uc_stack.ss_sp = stack_;
      context_.uc_stack.ss_size = StackPool::kBytes;
      context_.uc_link = nullptr;
      makecontext(&context_, &Fiber::entry, 0);
    }
    swap(&back_, &context_, stack_, StackPool::kBytes, false);
    current() = outer;
  }

  // Called on the running fiber: gives control back until `ready()`.
  void wait(const Channel* channel, bool reading, Region* child) {
    channel_ = channel;
    reading_ = reading;
    child_ = child;
    if (!cancelled_) swap(&context_, &back_, nullptr, 0, false);
    channel_ = nullptr;
    child_ = nullptr;
    if (cancelled_) throw Cancelled();
  }

  bool ready() const;
  void describe(std::string* text) const;
  void cancel() {
    cancelled_ = true;
    while (started_ && !done_) resume();
  }

  bool done() const { return done_; }
  std::exception_ptr error() const { return error_; }
  const Channel* channel() const { return channel_; }

 private:
  static void entry() {
    Fiber* const self = current();
    finish_switch(self);
    try {
      self->body_();
    } catch (const Cancelled&) {
    } catch (...) {
      self->error_ = std::current_exception();
    }
    self->done_ = true;
    self->swap(&self->context_, &self->back_, nullptr, 0, true);
  }

  // Switches contexts; tells the address sanitizer which stack is in use.
#ifdef __SANITIZE_ADDRESS__
  static void finish_switch(Fiber* self) {
    __sanitizer_finish_switch_fiber(nullptr, &self->outer_stack_, &self->outer_size_);
  }
  void swap(ucontext_t* from, ucontext_t* to, void* stack, std::size_t bytes, bool ends) {
    void* fake = nullptr;
    const bool leaving = stack == nullptr;
    __sanitizer_start_switch_fiber(ends ? nullptr : &fake, leaving ? outer_stack_ : stack,
                                   leaving ? outer_size_ : bytes);
    swapcontext(from, to);
    __sanitizer_finish_switch_fiber(fake, leaving ? &outer_stack_ : nullptr,
                                    leaving ? &outer_size_ : nullptr);
  }
  const void* outer_stack_ = nullptr;
  std::size_t outer_size_ = 0;
#else
  static void finish_switch(Fiber*) {}
  static void swap(ucontext_t* from, ucontext_t* to, void*, std::size_t, bool) { swapcontext(from, to); }
#endif

  std::string name_;
  std::function<void()> body_;
  void* stack_ = nullptr;
  ucontext_t context_{};
  ucontext_t back_{};
  bool started_ = false;
  bool done_ = false;
  bool cancelled_ = false;
  std::exception_ptr error_;
  const Channel* channel_ = nullptr;
  bool reading_ = false;
  Region* child_ = nullptr;
};

}  // namespace sim
}  // namespace bat
#endif
#endif
