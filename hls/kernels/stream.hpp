// SPDX-License-Identifier: Apache-2.0
// Chooses the streams: the vendor's hls_stream.h and ap_axi_sdata.h under __SYNTHESIS__, else those of csim.
//
// hls::stream<T, DEPTH>: T element type, DEPTH its capacity in elements, at least 1. Interface functions take
// `hls::stream<T>&`, the base of every depth, as in Vitis HLS. Beat: one beat of the AXI4-Stream ports.
//
// DATAFLOW regions are written once for both:
//   BAT_REGION(region, "name");                    declares it (nothing under synthesis)
//   BAT_OWNS(region, a, b);                        streams that must be empty at its end
//   BAT_PROCESS(region, "feed", feed(x, a));       a process (a plain call under synthesis)
//   BAT_RUN(region);                               runs it (nothing under synthesis)
// Source: ours.
#ifndef BATFLOW_STREAM_HPP
#define BATFLOW_STREAM_HPP
#include "types.hpp"

#ifdef __SYNTHESIS__
#include <ap_axi_sdata.h>
#include <hls_stream.h>
#define BAT_REGION(region, name)
#define BAT_OWNS(region, ...)
#define BAT_PROCESS(region, name, ...) __VA_ARGS__
#define BAT_RUN(region)
#else
#include "sim_stream.hpp"
#endif

namespace bat {

// `keep` has a bit for each byte.
#ifdef __SYNTHESIS__
typedef ap_axiu<64, 0, 0, 0> Beat;
#else
struct Beat {
  word_t data;
  ap_uint<8> keep;
  ap_uint<1> last;
};
#endif

inline Beat make_beat(const word_t& data, bool last) {
#pragma HLS INLINE
  Beat beat;
  beat.data = data;
  beat.keep = 0xFF;
#ifdef __SYNTHESIS__
  beat.strb = 0xFF;
#endif
  beat.last = last;
  return beat;
}

}  // namespace bat
#endif
