// SPDX-License-Identifier: Apache-2.0
// Checks the parameters of qmm_engine when it is elaborated; no hardware.
module qmm_checks #(
    parameter int unsigned TOKENS,  // all as in qmm_engine.sv
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned A_BITS,
    parameter int unsigned W_BITS,
    parameter int unsigned ACC_BITS,
    parameter int unsigned K_WORDS,
    parameter int unsigned KV_K_WORDS,
    parameter int unsigned A_WORDS,
    parameter int unsigned W_WORDS,
    parameter int unsigned KV_WORDS,
    parameter int unsigned BUS_BITS,
    parameter int unsigned KV_BITS,
    parameter int unsigned A_TOKENS,
    parameter int unsigned OUT_LANES,
    parameter int unsigned RESULT_TILES,
    parameter int unsigned JOBS,
    parameter int unsigned W_TILES,
    parameter int unsigned KV_TILES
) ();
  localparam int unsigned WIDEST = 64 * ((OUTPUTS < 16) ? OUTPUTS : 16);  // beat
  // Memory weights are at most 1 in magnitude.
  localparam longint unsigned MEMORY_WORST = 64'(K_WORDS) * 64'(SIMD) * 64'(2 ** A_BITS - 1);
  localparam longint unsigned KV_WORST = (KV_WORDS == 0) ? 64'd0
      : 64'(KV_K_WORDS) * 64'(SIMD) * 64'(2 ** A_BITS - 1) * 64'(2 ** W_BITS - 1);
  localparam longint unsigned WORST = (MEMORY_WORST > KV_WORST) ? MEMORY_WORST : KV_WORST;

  function automatic bit power_of_two(int unsigned value);
    return value != 0 && (value & (value - 1)) == 0;
  endfunction
  function automatic bit bad_beat(int unsigned bits);
    return !power_of_two(bits) || bits < 64 || bits > 512 || bits > WIDEST;
  endfunction

  if (TOKENS < 1 || !power_of_two(OUTPUTS) || OUTPUTS < 8 || !power_of_two(SIMD) || SIMD < 64) begin : g_shape
    $error("qmm_engine: TOKENS %0d must be >= 1, OUTPUTS %0d a power of two >= 8, SIMD %0d one >= 64",
           TOKENS, OUTPUTS, SIMD);
  end
  if (A_BITS < 1 || A_BITS > 8 || W_BITS < 1 || W_BITS > 8) begin : g_bits
    $error("qmm_engine: A_BITS %0d and W_BITS %0d must be 1..8", A_BITS, W_BITS);
  end
  if (ACC_BITS > 32 || 64'(ACC_BITS) < 64'($clog2(WORST + 1)) + 1) begin : g_acc
    $error("qmm_engine: ACC_BITS %0d must be %0d..32 for SIMD %0d, A_BITS %0d, K_WORDS %0d; W_BITS %0d, KV_K_WORDS %0d",
           ACC_BITS, $clog2(WORST + 1) + 1, SIMD, A_BITS, K_WORDS, W_BITS, KV_K_WORDS);
  end
  if (K_WORDS < 1 || KV_K_WORDS < 1 || K_WORDS * SIMD > 65536 || KV_K_WORDS * SIMD > 65536) begin : g_rows
    $error("qmm_engine: rows of K_WORDS %0d and KV_K_WORDS %0d words must be 1 to 65536 bits", K_WORDS, KV_K_WORDS);
  end
  if (A_WORDS < 2 || W_WORDS < 2 || KV_WORDS == 1 || W_WORDS > 2 ** 19 || KV_WORDS > 2 ** 19) begin : g_words
    $error("qmm_engine: A_WORDS %0d, W_WORDS %0d must be >= 2, KV_WORDS %0d 0 or >= 2, both at most 524288",
           A_WORDS, W_WORDS, KV_WORDS);
  end
  if (W_TILES > W_WORDS || KV_TILES > KV_WORDS) begin : g_tiles
    $error("qmm_engine: W_TILES %0d, KV_TILES %0d must be at most W_WORDS %0d, KV_WORDS %0d",
           W_TILES, KV_TILES, W_WORDS, KV_WORDS);
  end
  if (bad_beat(BUS_BITS) || bad_beat(KV_BITS)) begin : g_beats
    $error("qmm_engine: BUS_BITS %0d and KV_BITS %0d must be powers of two from 64 to %0d",
           BUS_BITS, KV_BITS, (WIDEST < 512) ? WIDEST : 512);
  end
  if (A_TOKENS < 1 || TOKENS % A_TOKENS != 0) begin : g_act
    $error("qmm_engine: A_TOKENS %0d must divide TOKENS %0d", A_TOKENS, TOKENS);
  end
  if (OUT_LANES < 1 || OUTPUTS % OUT_LANES != 0) begin : g_lanes
    $error("qmm_engine: OUT_LANES %0d must divide OUTPUTS %0d", OUT_LANES, OUTPUTS);
  end
  if (RESULT_TILES < 1 || JOBS < 2) begin : g_queues
    $error("qmm_engine: RESULT_TILES %0d must be >= 1, JOBS %0d >= 2", RESULT_TILES, JOBS);
  end
endmodule
