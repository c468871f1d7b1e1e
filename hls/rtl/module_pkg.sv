// SPDX-License-Identifier: Apache-2.0
// What both accelerator modules (bat_mha.sv, bat_ffn.sv) size and translate alike. Source: ours.
package module_pkg;
  import bat_pkg::*;
  import qmm_pkg::*;

  function automatic int unsigned up(int unsigned value, int unsigned unit);
    return (value + unit - 1) / unit;
  endfunction
  function automatic int unsigned larger(int unsigned a, int unsigned b);
    return (a > b) ? a : b;
  endfunction

  // gcd(value, 64).
  function automatic int unsigned power_of_two_in(int unsigned value);
    int unsigned found;
    found = 1;
    for (int unsigned b = 0; b < 6; b++) if (value % (2 * found) == 0) found = 2 * found;
    return found;
  endfunction

  // SIMD words of a row of q with `heads` heads at most: every head begins a new one.
  function automatic int unsigned head_words(int unsigned hidden, int unsigned heads, int unsigned simd);
    int unsigned found;
    found = 0;
    for (int unsigned h = 1; h <= heads; h++) found = larger(found, h * up(hidden / h, simd));
    return found;
  endfunction

  // Accumulator of a product of `length` terms, each at most 2^a_bits - 1 times 2^w_bits - 1.
  function automatic int unsigned acc_bits(int unsigned length, int unsigned a_bits, int unsigned w_bits);
    longint unsigned worst;
    worst = 64'(length) * 64'((1 << a_bits) - 1) * 64'((1 << w_bits) - 1);
    return $clog2(worst + 1) + 1;
  endfunction

  // Row buffers of LN that hide its root behind rows of `words` beats (layernorm.sv).
  function automatic int unsigned norm_banks(int unsigned words);
    int unsigned banks;
    banks = 2 + up(30, words);
    return (banks > 16) ? 16 : banks;
  endfunction

  // Words of LANES values in one row of a result tile.
  function automatic logic [15:0] tile_words(job_t job, int unsigned outputs, int unsigned lanes);
    logic unused_fields;
    unused_fields = ^job;
    return job.two_part ? 16'(outputs / lanes / 2) : 16'(outputs / lanes);
  endfunction

  function automatic config_t engine_job(job_t job);
    config_t engine;
    logic unused_fields;
    unused_fields        = ^job;
    engine.on_chip       = job.weight != WEIGHT_MEMORY;
    engine.weight_kind   = job.weight_kind;
    engine.weight_planes = job.weight_planes;
    engine.act_kind      = job.act_kind;
    engine.act_planes    = job.act_planes;
    engine.outputs       = job.two_part ? job.channels << 1 : job.channels;
    engine.token_tiles   = job.token_tiles;
    engine.k_words       = job.k_words;
    engine.k_bits        = job.k_bits;
    return engine;
  endfunction
endpackage
