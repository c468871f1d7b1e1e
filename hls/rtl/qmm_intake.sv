// SPDX-License-Identifier: Apache-2.0
// Job queue of the QMM engine: checks a job and hands it to all that act on it, each with a queue of
// its own, so that loaders run ahead of each other and of the compute step. Jobs go into the queue
// of the one weight loader that they concern. A job is taken when every queue has room.
// Latency one clock.
module qmm_intake
  import qmm_pkg::*;
#(
    parameter int unsigned SIMD,
    parameter int unsigned A_BITS,
    parameter int unsigned W_BITS,
    parameter int unsigned K_WORDS,
    parameter int unsigned KV_K_WORDS,
    parameter bit          HAS_KV,      // 0: on-chip jobs are refused
    parameter int unsigned JOBS         // depth of each queue
) (
    input  logic    clk,
    input  logic    rst_n,
    input  logic    halt,
    input  logic    in_valid,
    output logic    in_ready,
    input  config_t in_job,
    output logic    weight_valid,
    input  logic    weight_ready,
    output config_t weight_job,
    output logic    kv_valid,
    input  logic    kv_ready,
    output config_t kv_job,
    output logic    act_valid,
    input  logic    act_ready,
    output config_t act_job,
    output logic    compute_valid,
    input  logic    compute_ready,
    output config_t compute_job,
    output error_t  error
);
  function automatic logic bad_operand(kind_t kind, logic [3:0] planes, logic [3:0] most);
    return planes == '0 || planes > most || kind > KIND_TERNARY
        || (kind == KIND_BIPOLAR && planes != 4'd1) || (kind == KIND_TERNARY && planes != 4'd2);
  endfunction

  function automatic logic out_of_range(config_t c);
    logic from_memory;  // kinds that memory holds
    from_memory = c.weight_kind == KIND_BIPOLAR || c.weight_kind == KIND_TERNARY;
    return c.k_bits == '0 || c.k_words != (c.k_bits - 16'd1) / 16'(SIMD) + 16'd1
        || c.k_words > (c.on_chip ? 16'(KV_K_WORDS) : 16'(K_WORDS))
        || c.token_tiles == '0 || c.outputs == '0
        || bad_operand(c.act_kind, c.act_planes, 4'(A_BITS)) || c.act_kind == KIND_TERNARY
        || bad_operand(c.weight_kind, c.weight_planes, c.on_chip ? 4'(W_BITS) : 4'd2)
        || (c.on_chip ? !HAS_KV || c.weight_kind == KIND_TERNARY : !from_memory);
  endfunction

  logic [3:0] room, push;
  logic bad, take;

  assign bad      = out_of_range(in_job);
  assign in_ready = &room && !halt;
  assign take     = in_valid && in_ready && !bad;
  assign error    = (in_valid && in_ready && bad) ? ERROR_CONFIG : ERROR_NONE;
  assign push     = {take, take, take && in_job.on_chip, take && !in_job.on_chip};

  // Queues of: memory weights, on-chip operands, activations, compute.
  config_t [3:0] job;
  logic [3:0] valid, ready;
  assign {compute_job, act_job, kv_job, weight_job}         = job;
  assign {compute_valid, act_valid, kv_valid, weight_valid} = valid;
  assign ready = {compute_ready, act_ready, kv_ready, weight_ready};

  for (genvar i = 0; i < 4; i++) begin : g_queue
    logic [$clog2(JOBS + 1)-1:0] count_unused;
    sync_fifo #(
        .WIDTH($bits(config_t)),
        .DEPTH(JOBS),
        .REGISTERED(i == 2)  // the loader of activations works straight from its queue
    ) u_fifo (
        .clk,
        .rst_n,
        .in_valid(push[i]),
        .in_ready(room[i]),
        .in_data(in_job),
        .out_valid(valid[i]),
        .out_ready(ready[i]),
        .out_data(job[i]),
        .count(count_unused)
    );
  end
endmodule
