// SPDX-License-Identifier: Apache-2.0
// Turns the totals of an output tile into accumulators (the formula of qmm_array.sv) and sends
// them in ACC_BITS bits, LANES a beat, lowest index first. Index = token * OUTPUTS + output.
//
// A beat's values belong to one token. Three register stages: pick the beat's totals of the tile;
// half = (1 + max(a,w))*dot - a*B for a lane and common = a*w*K - w(1+a)*A for the beat; sum =
// (1 + a*w)*half + common. II = 1 beat, latency from `tile_valid` to the first beat three clocks.
// Arithmetic modulo 2^ACC_BITS is exact because the final accumulator fits.
// The register holds -half: both stages are differences whose first operand is a register, so that a bit
// of their carry chains takes one LUT.
module result_drain
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned ACC_BITS,         // up to 32
    parameter int unsigned ACT_SUM_BITS,     // of sum A, at most ACC_BITS
    parameter int unsigned WEIGHT_SUM_BITS,  // of sum B, at most ACC_BITS
    parameter int unsigned LANES             // results per beat, divides OUTPUTS
) (
    input  logic                                           clk,
    input  logic                                           rst_n,
    input  logic                                           tile_valid,
    output logic                                           tile_done,   // its last beat is picked
    input  tile_t                                          tile,
    input  logic  [TOKENS-1:0][OUTPUTS-1:0][ACC_BITS-1:0]  total,
    input  logic  [TOKENS-1:0][ACT_SUM_BITS-1:0]           act_total,
    input  logic  [OUTPUTS-1:0][WEIGHT_SUM_BITS-1:0]       weight_total,
    output logic                                           beat_valid,
    input  logic                                           beat_ready,
    output logic  [LANES-1:0][ACC_BITS-1:0]                beat_data,
    output logic                                           beat_last
);
  localparam int unsigned SLICES = OUTPUTS / LANES;  // beats of a token
  localparam int unsigned TOKEN_BITS = (TOKENS > 1) ? $clog2(TOKENS) : 1;
  localparam int unsigned SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1;
  typedef logic [ACC_BITS-1:0] acc_t;

  logic [TOKEN_BITS-1:0] token;
  logic [SLICE_BITS-1:0] slice;
  logic move, picked_valid, half_valid, slice_end, token_end;
  tile_t picked_tile;
  logic unused;
  acc_t [LANES-1:0] dot, minus_half, sum;
  acc_t common;
  logic [LANES-1:0][WEIGHT_SUM_BITS-1:0] weight_sum;
  logic [ACT_SUM_BITS-1:0] act_sum;
  logic picked_last, half_last, double_sum;

  assign unused    = picked_tile.job_last;
  assign move      = beat_ready || !beat_valid;
  assign slice_end = slice == SLICE_BITS'(SLICES - 1);
  assign token_end = token == TOKEN_BITS'(TOKENS - 1);
  assign tile_done = tile_valid && move && slice_end && token_end;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      {token, slice} <= '0;
      {picked_valid, half_valid, beat_valid} <= '0;
    end else if (move) begin
      {picked_valid, half_valid, beat_valid} <= {tile_valid, picked_valid, half_valid};
      if (tile_valid) begin
        slice <= slice_end ? '0 : slice + 1'b1;
        if (slice_end) token <= token_end ? '0 : token + 1'b1;
      end
    end
  end

  logic [TOKENS-1:0][SLICES-1:0][LANES-1:0][ACC_BITS-1:0] totals;
  logic [SLICES-1:0][LANES-1:0][WEIGHT_SUM_BITS-1:0] weight_totals;
  assign totals        = total;
  assign weight_totals = weight_total;

  function automatic acc_t upright(acc_t value);
    return picked_tile.inverted ? ~value : value;
  endfunction

  always_ff @(posedge clk) begin
    if (move) begin
      dot         <= totals[token][slice];
      weight_sum  <= tile.act_bipolar ? weight_totals[slice] : '0;
      act_sum     <= act_total[token];
      picked_tile <= tile;
      picked_last <= tile.job_last && slice_end && token_end;

      for (int unsigned l = 0; l < LANES; l++) begin
        minus_half[l] <= acc_t'($signed(weight_sum[l]))
            - (upright(dot[l]) << (picked_tile.act_bipolar || picked_tile.weight_bipolar));
      end
      common <= ((picked_tile.act_bipolar && picked_tile.weight_bipolar) ? acc_t'(picked_tile.k_bits) : '0)
          - (picked_tile.weight_bipolar ? acc_t'($signed(act_sum)) << picked_tile.act_bipolar : '0);
      double_sum <= picked_tile.act_bipolar && picked_tile.weight_bipolar;
      half_last  <= picked_last;

      for (int unsigned l = 0; l < LANES; l++) sum[l] <= common - (minus_half[l] << double_sum);
      beat_last <= half_last;
    end
  end

  assign beat_data = sum;
endmodule
