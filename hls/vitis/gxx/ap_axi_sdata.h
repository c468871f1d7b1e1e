// SPDX-License-Identifier: Apache-2.0
// Stand-in for the vendor's ap_axi_sdata.h, for g++ alone: one beat of AXI4-Stream without side channels.
// Source: ours, after the type's documentation (UG1399).
#ifndef BATFLOW_STAND_IN_AP_AXI_SDATA_H
#define BATFLOW_STAND_IN_AP_AXI_SDATA_H
#include <ap_int.h>

template <int BITS, int USER, int ID, int DEST>
struct ap_axiu {
  static_assert(USER == 0 && ID == 0 && DEST == 0, "the stand-in has no side channels");
  ap_uint<BITS> data;
  ap_uint<BITS / 8> keep;
  ap_uint<BITS / 8> strb;
  ap_uint<1> last;
};
#endif
