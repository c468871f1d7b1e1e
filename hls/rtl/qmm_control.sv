// SPDX-License-Identifier: Apache-2.0
// Issues one step a clock while a job's weights and a token tile are in their buffers (`ready`).
// Loop order, outermost first: token tile, output tile (one "slot"), activation plane group,
// weight plane group, word of K. A slot takes max(steps, SLOT_MIN) clocks, so that its results
// (SLOT_MIN output beats) have left before the next ones arrive.
module qmm_control
  import qmm_pkg::*;
#(
    parameter int unsigned A_PLANES,        // activation planes in parallel
    parameter int unsigned W_PLANES,        // weight planes in parallel
    parameter int unsigned SLOT_MIN,        // output beats of one output tile
    parameter int unsigned A_ADDRESS_BITS,
    parameter int unsigned W_ADDRESS_BITS
) (
    input  logic                      clk,
    input  logic                      rst_n,
    input  logic                      enable,    // 0 holds everything (output backpressure)
    input  logic                      ready,
    input  config_t                   job,
    output step_t                     step,
    output logic [A_ADDRESS_BITS-1:0] act_address,
    output logic [W_ADDRESS_BITS-1:0] weight_address,
    output logic                      tile_done,
    output logic                      job_done
);
  localparam int unsigned SLOT_BITS = $clog2(SLOT_MIN + 1);

  logic [15:0] k, output_tile, token_tile;
  logic [3:0] act_base, weight_base;  // first plane of the group
  logic [A_ADDRESS_BITS-1:0] act_group_address;
  logic [W_ADDRESS_BITS-1:0] weight_slot_address;
  logic [SLOT_BITS-1:0] slot_clock;
  logic waiting;  // all steps of the slot are issued, its clocks are not over
  logic k_end, weight_end, act_end, last_step, slot_end, outputs_end, tokens_end;

  assign k_end       = k == job.k_words - 16'd1;
  assign weight_end  = 32'(weight_base) + W_PLANES >= 32'(job.weight_planes);
  assign act_end     = 32'(act_base) + A_PLANES >= 32'(job.act_planes);
  assign last_step   = k_end && weight_end && act_end;
  assign slot_end    = (waiting || last_step) && slot_clock == SLOT_BITS'(SLOT_MIN - 1);
  assign outputs_end = output_tile == job.output_tiles - 16'd1;
  assign tokens_end  = token_tile == job.token_tiles - 16'd1;
  assign tile_done   = enable && ready && slot_end && outputs_end;
  assign job_done    = tile_done && tokens_end;

  // Plane of the group at `base` that counts negatively, if the operand has one there.
  function automatic logic [3:0] negative(kind_t kind, logic [3:0] planes, logic [3:0] base,
                                          int unsigned parallel);
    logic [3:0] plane;
    plane = (kind == KIND_TERNARY) ? 4'd1 : planes - 4'd1;
    if (kind != KIND_SIGNED && kind != KIND_TERNARY) return NO_PLANE;
    if (plane < base || 32'(plane) >= 32'(base) + parallel) return NO_PLANE;
    return plane - base;
  endfunction

  always_comb begin
    step.valid           = ready && !waiting;
    step.first           = k == '0 && act_base == '0 && weight_base == '0;
    step.last            = last_step;
    step.job_last        = outputs_end && tokens_end;
    step.act_row         = weight_base == '0;
    step.weight_row      = act_base == '0;
    step.act_shift       = act_base;
    step.weight_flat     = job.weight_kind == KIND_TERNARY;
    step.weight_shift    = step.weight_flat ? '0 : weight_base;
    step.act_negative    = negative(job.act_kind, job.act_planes, act_base, A_PLANES);
    step.weight_negative = negative(job.weight_kind, job.weight_planes, weight_base, W_PLANES);
    step.act_bipolar     = job.act_kind == KIND_BIPOLAR;
    step.weight_bipolar  = job.weight_kind == KIND_BIPOLAR;
    step.k_bits          = job.k_bits;
  end

  // Place in the slot and among the tiles.
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      slot_clock  <= '0;
      waiting     <= 1'b0;
      output_tile <= '0;
      token_tile  <= '0;
    end else if (enable && ready && slot_end) begin
      slot_clock  <= '0;
      waiting     <= 1'b0;
      output_tile <= outputs_end ? '0 : output_tile + 16'd1;
      if (outputs_end) token_tile <= tokens_end ? '0 : token_tile + 16'd1;
    end else if (enable && ready) begin
      if (slot_clock != SLOT_BITS'(SLOT_MIN - 1)) slot_clock <= slot_clock + 1'b1;
      if (last_step) waiting <= 1'b1;
    end
  end

  // Loops over the planes and over K.
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      k           <= '0;
      weight_base <= '0;
      act_base    <= '0;
    end else if (enable && step.valid) begin
      k <= k_end ? '0 : k + 16'd1;
      if (k_end) weight_base <= weight_end ? '0 : weight_base + 4'(W_PLANES);
      if (k_end && weight_end) act_base <= act_end ? '0 : act_base + 4'(A_PLANES);
    end
  end

  // Activation words repeat for every weight plane group and every output tile.
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      act_address       <= '0;
      act_group_address <= '0;
    end else if (enable && step.valid) begin
      if (last_step) begin
        act_address       <= '0;
        act_group_address <= '0;
      end else if (k_end && weight_end) begin
        act_address       <= act_address + 1'b1;
        act_group_address <= act_address + 1'b1;
      end else begin
        act_address <= k_end ? act_group_address : act_address + 1'b1;
      end
    end
  end

  // Weight words of a slot repeat for every activation plane group, all of them for every tile.
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      weight_address      <= '0;
      weight_slot_address <= '0;
    end else if (enable && step.valid) begin
      if (last_step) begin
        weight_address      <= outputs_end ? '0 : weight_address + 1'b1;
        weight_slot_address <= outputs_end ? '0 : weight_address + 1'b1;
      end else begin
        weight_address <= (k_end && weight_end) ? weight_slot_address : weight_address + 1'b1;
      end
    end
  end
endmodule
