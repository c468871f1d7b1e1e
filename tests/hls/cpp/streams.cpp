// SPDX-License-Identifier: Apache-2.0
// Scenarios of the stream header. Each returns a text that tests/hls/test_kernels_stream.py compares.
#include <string>

#include "stream.hpp"

namespace {

std::string g_text;

template <class Body>
const char* outcome(Body body) {
  try {
    g_text = body();
  } catch (const bat::sim::Deadlock& error) {
    g_text = std::string("Deadlock: ") + error.what();
  } catch (const bat::sim::Leftover& error) {
    g_text = std::string("Leftover: ") + error.what();
  } catch (const std::exception& error) {
    g_text = std::string("error: ") + error.what();
  }
  return g_text.c_str();
}

void produce(hls::stream<int>& out, int count) {
  for (int i = 0; i < count; ++i) out.write(i);
}

struct Guard {
  int* count;
  ~Guard() { ++*count; }
};

}  // namespace

extern "C" {

// A writer far faster than its reader: every value arrives in order, and never more than the depth wait.
const char* stream_order() {
  return outcome([] {
    hls::stream<int, 3> s("s");
    std::size_t most = 0;
    int wrong = 0;
    bat::sim::Region region("order");
    region.owns(s);
    region.add("producer", [&] { produce(s, 1000); });
    region.add("consumer", [&] {
      for (int i = 0; i < 1000; ++i) {
        most = s.size() > most ? s.size() : most;
        wrong += s.read() != i;
      }
    });
    region.run();
    return "most " + std::to_string(most) + " wrong " + std::to_string(wrong);
  });
}

// Two processes that read each other's stream first.
const char* stream_deadlock() {
  return outcome([]() -> std::string {
    hls::stream<int, 1> left("left");
    hls::stream<int, 7> right("right");
    int unwound = 0;
    try {
      BAT_REGION(region, "cross");
      BAT_OWNS(region, left, right);
      BAT_PROCESS(region, "a", Guard guard{&unwound}; right.write(left.read()));
      BAT_PROCESS(region, "b", Guard guard{&unwound}; left.write(right.read()));
      BAT_RUN(region);
    } catch (const bat::sim::Deadlock& error) {
      throw bat::sim::Deadlock(std::string(error.what()) + "unwound " + std::to_string(unwound));
    }
    return "no deadlock";
  });
}

// A stream too shallow for a process that writes all of one stream before the other (a FIFO depth fault).
const char* stream_shallow() {
  return outcome([]() -> std::string {
    hls::stream<int, 4> skip("skip");
    hls::stream<int, 4> main("main");
    bat::sim::Region region("fork");
    region.add("fork", [&] {
      produce(skip, 5);
      produce(main, 5);
    });
    region.add("join", [&] {
      for (int i = 0; i < 5; ++i) main.read();
      for (int i = 0; i < 5; ++i) skip.read();
    });
    region.run();
    return "no deadlock";
  });
}

const char* stream_leftover() {
  return outcome([]() -> std::string {
    hls::stream<int, 8> s("rest");
    bat::sim::Region region("left");
    region.owns(s);
    region.add("producer", [&] { produce(s, 3); });
    region.add("consumer", [&] { s.read(); });
    region.run();
    return "nothing left";
  });
}

const char* stream_outside() {
  return outcome([]() -> std::string {
    hls::stream<int, 2> s("alone");
    s.write(1);
    s.read();
    return std::to_string(s.read());
  });
}

// An inner region that waits for a process of the outer one, and then one that waits for ever.
const char* stream_nested(int count) {
  return outcome([count] {
    hls::stream<int, 2> outer("outer");
    int sum = 0;
    bat::sim::Region region("outside");
    region.owns(outer);
    region.add("nest", [&] {
      hls::stream<int, 1> inner("inner");
      bat::sim::Region nested("inside");
      nested.owns(inner);
      nested.add("pass", [&] {
        for (int i = 0; i < 10; ++i) inner.write(outer.read());
      });
      nested.add("sum", [&] {
        for (int i = 0; i < 10; ++i) sum += inner.read();
      });
      nested.run();
    });
    region.add("producer", [&] { produce(outer, count); });
    region.run();
    return "sum " + std::to_string(sum);
  });
}

// An error in one process ends the region; the others are unwound.
const char* stream_error() {
  int unwound = 0;
  outcome([&]() -> std::string {
    hls::stream<int, 1> s("s");
    bat::sim::Region region("failing");
    region.add("waiting", [&] {
      Guard guard{&unwound};
      s.read();
    });
    region.add("failing", [] { throw std::runtime_error("a fault"); });
    region.run();
    return "no error";
  });
  g_text += "; unwound " + std::to_string(unwound);
  return g_text.c_str();
}

}  // extern "C"
