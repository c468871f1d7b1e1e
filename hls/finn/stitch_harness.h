// SPDX-License-Identifier: Apache-2.0
// Clock loop of a stitched FINN graph: frames in, frames out, random stalls, the clock of every frame.
//
// The generated binding defines struct Ports: Top, kIn and kOut (bytes of a beat), kInBeats and kOutBeats
// (beats of a frame), and the accessors clock, reset, drive, ready, accept, accepts, valid, take, fills.
#ifndef BATFLOW_FINN_STITCH_HARNESS_H
#define BATFLOW_FINN_STITCH_HARNESS_H
#include <cstdint>
#include <cstring>
#include <memory>

#include "chance.h"
#include "verilated.h"

namespace batflow {

template <class Ports>
class Stitched {
 public:
  Stitched() : context_(new VerilatedContext), top_(new typename Ports::Top(context_.get())) {
    Ports::clock(*top_) = 0;
    Ports::reset(*top_) = 0;
    Ports::drive(*top_, false, nullptr);
    Ports::accept(*top_, false);
    for (int i = 0; i < kResetClocks; ++i) tick();
    Ports::reset(*top_) = 1;
    for (int i = 0; i < kResetClocks; ++i) tick();
  }
  ~Stitched() { top_->final(); }

  // Sends `frames` frames and collects as many. `pace` is the least number of clocks from one frame's beats
  // in to the next one's, its beats spread over them; 0: as fast as they are taken. done[k] is the clock of
  // frame k's last beat out, counted from the first clock in which a beat is offered. Returns the clocks
  // used, or -1 when no beat moved for `idle` clocks.
  std::int64_t run(const std::uint8_t* in, std::uint8_t* out, std::int64_t frames, std::int64_t pace,
                   int stall_in, int stall_out, std::uint32_t seed, std::int64_t idle, std::int64_t* done,
                   std::uint32_t* fills) {
    const std::int64_t in_beats = frames * Ports::kInBeats, out_beats = frames * Ports::kOutBeats;
    Chance hold_in(seed), hold_out(seed * 2654435761U + 1);
    std::int64_t sent = 0, got = 0, clock = 0, quiet = 0;
    bool offered = false;  // a beat that has been offered stays
    while (got < out_beats && quiet < idle) {
      const bool due = sent < in_beats && clock >= sent * pace / Ports::kInBeats;
      offered = due && (offered || !hold_in(stall_in));
      Ports::drive(*top_, offered, offered ? in + sent * Ports::kIn : nullptr);
      Ports::accept(*top_, !hold_out(stall_out));
      top_->eval();
      const bool in_moves = offered && Ports::ready(*top_);
      const bool out_moves = Ports::valid(*top_) && Ports::accepts(*top_);
      if (out_moves) {
        Ports::take(*top_, out + got * Ports::kOut);
        if (++got % Ports::kOutBeats == 0) done[got / Ports::kOutBeats - 1] = clock;
      }
      sent += in_moves;
      offered = offered && !in_moves;
      quiet = in_moves || out_moves ? 0 : quiet + 1;
      tick();
      ++clock;
    }
    Ports::fills(*top_, fills);
    return got < out_beats ? -1 : clock;
  }

 private:
  static constexpr int kResetClocks = 60;
  void tick() {
    Ports::clock(*top_) = 1;
    top_->eval();
    Ports::clock(*top_) = 0;
    top_->eval();
  }
  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<typename Ports::Top> top_;
};

}  // namespace batflow

#define BATFLOW_STITCH_HARNESS(Ports)                                                                  \
  extern "C" std::int64_t finn_run(const std::uint8_t* in, std::uint8_t* out, std::int64_t frames,     \
                                   std::int64_t pace, int stall_in, int stall_out, std::uint32_t seed, \
                                   std::int64_t idle, std::int64_t* done, std::uint32_t* fills) {      \
    batflow::Stitched<Ports> engine;                                                                   \
    return engine.run(in, out, frames, pace, stall_in, stall_out, seed, idle, done, fills);            \
  }
#endif
