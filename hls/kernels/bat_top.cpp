// SPDX-License-Identifier: Apache-2.0
// bat_top: the IP's top function for Vitis HLS. Ports and register offsets are those of
// hls/registers/table.py. Not run here: synthesis, so no pragma of these kernels has met Vitis HLS; the
// function itself runs in a test under g++.
//
// ap_ctrl_hs through s_axilite gives CTRL, GIE, IER and ISR at 0x00..0x0C. BUSY (a start during a run),
// BUS_ERROR, DEADLOCK and SOFT_RESET belong to the shell around the IP: a Vitis kernel neither sees a second
// start nor a bus error, and is reset by its reset pin. Counters come from the latency formulas, as in csim.
#include "bat_top.hpp"

#include "batflow_config.hpp"

static_assert(bat::reg::PROGRAM_ADDR == 0x10 && bat::reg::PROGRAM_HASH == 0x20 && bat::reg::BATCH == 0x30 &&
                  bat::reg::VERSION == 0x50 && bat::reg::CONFIG_HASH == 0x60 && bat::reg::ERROR == 0x70 &&
                  bat::reg::CYCLES_TOTAL == 0x80 && bat::reg::CYCLES_MHA_BUSY == 0x90 &&
                  bat::reg::CYCLES_FFN_BUSY == 0xA0 && bat::reg::CYCLES_QMM_BUSY == 0xB0 &&
                  bat::reg::CYCLES_WEIGHT_WAIT == 0xC0 && bat::reg::CYCLES_INPUT_WAIT == 0xD0 &&
                  bat::reg::STALL_SOFTMAX == 0xE0 && bat::reg::STALL_LN == 0xF0 &&
                  bat::reg::SATURATIONS == 0x100 && bat::reg::CYCLES_MHA_QMM == 0x110 &&
                  bat::reg::CYCLES_FFN_QMM == 0x120,
              "bat_top.cpp: the offset= pragmas below differ from hls/registers/table.py");

extern "C" void bat_top(const bat::word_t* image, ap_uint<64> program_hash, ap_uint<32> batch,
                        hls::stream<bat::Beat>& in, hls::stream<bat::Beat>& out, ap_uint<32>* version,
                        ap_uint<64>* config_hash, ap_uint<32>* error, ap_uint<64>* cycles_total,
                        ap_uint<64>* cycles_mha_busy, ap_uint<64>* cycles_ffn_busy,
                        ap_uint<64>* cycles_qmm_busy, ap_uint<64>* cycles_weight_wait,
                        ap_uint<64>* cycles_input_wait, ap_uint<64>* stall_softmax, ap_uint<64>* stall_ln,
                        ap_uint<32>* saturations, ap_uint<64>* cycles_mha_qmm, ap_uint<64>* cycles_ffn_qmm) {
#pragma HLS INTERFACE axis port = in
#pragma HLS INTERFACE axis port = out
#pragma HLS INTERFACE m_axi port = image offset = slave bundle = gmem max_read_burst_length = \
    64 num_read_outstanding = 8
#pragma HLS INTERFACE s_axilite port = image offset = 0x10
#pragma HLS INTERFACE s_axilite port = program_hash offset = 0x20
#pragma HLS INTERFACE s_axilite port = batch offset = 0x30
#pragma HLS INTERFACE s_axilite port = version offset = 0x50
#pragma HLS INTERFACE s_axilite port = config_hash offset = 0x60
#pragma HLS INTERFACE s_axilite port = error offset = 0x70
#pragma HLS INTERFACE s_axilite port = cycles_total offset = 0x80
#pragma HLS INTERFACE s_axilite port = cycles_mha_busy offset = 0x90
#pragma HLS INTERFACE s_axilite port = cycles_ffn_busy offset = 0xA0
#pragma HLS INTERFACE s_axilite port = cycles_qmm_busy offset = 0xB0
#pragma HLS INTERFACE s_axilite port = cycles_weight_wait offset = 0xC0
#pragma HLS INTERFACE s_axilite port = cycles_input_wait offset = 0xD0
#pragma HLS INTERFACE s_axilite port = stall_softmax offset = 0xE0
#pragma HLS INTERFACE s_axilite port = stall_ln offset = 0xF0
#pragma HLS INTERFACE s_axilite port = saturations offset = 0x100
#pragma HLS INTERFACE s_axilite port = cycles_mha_qmm offset = 0x110
#pragma HLS INTERFACE s_axilite port = cycles_ffn_qmm offset = 0x120
#pragma HLS INTERFACE s_axilite port = return
  static bat::Buffers<bat::Config> buffers;
  // Banks for what a cycle reads: T rows or O columns of planes, and the lanes of h and r.
#pragma HLS DISAGGREGATE variable = buffers
#pragma HLS ARRAY_PARTITION variable = buffers.h cyclic factor = bat::Config::kVuLanes dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.r cyclic factor = bat::Config::kVuLanes dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.mha.x.words cyclic factor = bat::Config::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.mha.q.words cyclic factor = bat::Config::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.mha.p.words cyclic factor = bat::Config::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.mha.ctx.words cyclic factor = bat::Config::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.mha.k.words cyclic factor = bat::Config::kOutputs dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.mha.v.words cyclic factor = bat::Config::kOutputs dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.ffn.x.words cyclic factor = bat::Config::kTokens dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.ffn.mid.words cyclic factor = bat::Config::kTokens dim = 1
  bat::Counters counters;
  *version = bat::reg::kVersion;
  *config_hash = bat::kConfigHash;
  *error =
      bat::bat_run<bat::Config>(image, program_hash.to_uint64(), batch.to_uint(), in, out, buffers, counters);
  *cycles_total = counters.total;
  *cycles_mha_busy = counters.mha_busy;
  *cycles_ffn_busy = counters.ffn_busy;
  *cycles_qmm_busy = counters.qmm_busy;
  *cycles_weight_wait = counters.weight_wait;
  *cycles_input_wait = counters.input_wait;
  *stall_softmax = counters.stall_softmax;
  *stall_ln = counters.stall_ln;
  *saturations = counters.saturations;
  *cycles_mha_qmm = counters.mha_qmm;
  *cycles_ffn_qmm = counters.ffn_qmm;
}
