// SPDX-License-Identifier: Apache-2.0
// The one synthesized file: bat_top.cpp on the vendor's own types, also in C simulation.
//
// The vendor's headers come first, in the form that the compiler at hand needs. Then the kernels take the
// branch that they take in synthesis, so C simulation and co-simulation run what is synthesized: the
// vendor's streams and beats, no trace.
#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

#include "vitis_branch.hpp"
//
#include "bat_top.cpp"
