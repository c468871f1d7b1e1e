// SPDX-License-Identifier: Apache-2.0
// Turns the totals of an output tile into accumulators (the formula of qmm_array.sv) and sends
// them as int32, LANES a beat, lowest index first. Index = token * OUTPUTS + output.
// `can_load` is low while an earlier tile still occupies the registers: the pipeline then waits.
module result_drain #(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned ACC_BITS,  // <= 32
    parameter int unsigned LANES,     // results per beat, divides TOKENS * OUTPUTS
    localparam int unsigned BEATS = TOKENS * OUTPUTS / LANES
) (
    input  logic                                                    clk,
    input  logic                                                    rst_n,
    input  logic                                                    load,
    output logic                                                    can_load,
    input  logic                                                    job_last,
    input  logic                                                    act_bipolar,
    input  logic                                                    weight_bipolar,
    input  logic        [31:0]                                      k_bits,
    input  logic signed [TOKENS-1:0][OUTPUTS-1:0][ACC_BITS-1:0]     total,
    input  logic signed [TOKENS-1:0][ACC_BITS-1:0]                  act_total,
    input  logic signed [OUTPUTS-1:0][ACC_BITS-1:0]                 weight_total,
    output logic                                                    beat_valid,
    input  logic                                                    beat_ready,
    output logic        [32*LANES-1:0]                              beat_data,
    output logic                                                    beat_last
);
  localparam int unsigned COUNT_BITS = $clog2(BEATS + 1);

  logic [BEATS-1:0][32*LANES-1:0] pending;
  logic [COUNT_BITS-1:0] beats_left;
  logic pending_job_last;

  assign beat_valid = beats_left != '0;
  assign beat_data  = pending[0];
  assign beat_last  = pending_job_last && beats_left == COUNT_BITS'(1);
  assign can_load   = !beat_valid || (beat_ready && beats_left == COUNT_BITS'(1));

  // Arithmetic modulo 2^32: exact because the final accumulator fits.
  function automatic logic [31:0] accumulator(logic signed [ACC_BITS-1:0] dot,
                                              logic signed [ACC_BITS-1:0] act_sum,
                                              logic signed [ACC_BITS-1:0] weight_sum);
    logic signed [31:0] value;
    value = 32'(dot) <<< (2'(act_bipolar) + 2'(weight_bipolar));
    if (weight_bipolar) value -= 32'(act_sum) <<< act_bipolar;
    if (act_bipolar) value -= 32'(weight_sum) <<< weight_bipolar;
    if (act_bipolar && weight_bipolar) value += $signed(k_bits);
    return value;
  endfunction

  always_ff @(posedge clk) begin
    if (!rst_n) beats_left <= '0;
    else if (load && can_load) beats_left <= COUNT_BITS'(BEATS);
    else if (beat_valid && beat_ready) beats_left <= beats_left - 1'b1;
  end

  always_ff @(posedge clk) begin
    if (load && can_load) begin
      pending_job_last <= job_last;
      for (int unsigned t = 0; t < TOKENS; t++) begin
        for (int unsigned o = 0; o < OUTPUTS; o++) begin
          pending[(t*OUTPUTS+o)/LANES][32*((t*OUTPUTS+o)%LANES)+:32] <=
              accumulator(total[t][o], act_total[t], weight_total[o]);
        end
      end
    end else if (beat_valid && beat_ready) begin
      for (int unsigned b = 1; b < BEATS; b++) pending[b-1] <= pending[b];
    end
  end
endmodule
