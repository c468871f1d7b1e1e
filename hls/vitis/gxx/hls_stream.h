// SPDX-License-Identifier: Apache-2.0
// Stand-in for the vendor's hls_stream.h, for g++ alone: an unbounded queue, as in the vendor's C simulation.
//
// A read from an empty stream ends the program with exit code 3; the vendor's blocks until its watcher ends
// the program. Source: ours, after the class's documentation (UG1399).
#ifndef BATFLOW_STAND_IN_HLS_STREAM_H
#define BATFLOW_STAND_IN_HLS_STREAM_H
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

namespace hls {

template <class T, int DEPTH = 0>
class stream;

template <class T>
class stream<T, 0> {
 public:
  explicit stream(const char* name) : name_(name) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  T read() {
    if (data_.empty()) {
      std::fprintf(stderr, "stream %s is read while it is empty\n", name_.c_str());
      std::exit(3);
    }
    const T value = data_.front();
    data_.pop_front();
    return value;
  }
  void read(T& value) { value = read(); }
  void write(const T& value) { data_.push_back(value); }
  bool empty() const { return data_.empty(); }
  std::size_t size() const { return data_.size(); }

 private:
  std::string name_;
  std::deque<T> data_;
};

template <class T, int DEPTH>
class stream : public stream<T, 0> {
 public:
  explicit stream(const char* name) : stream<T, 0>(name) {}
};

}  // namespace hls
#endif
