// SPDX-License-Identifier: Apache-2.0
// Issues one step a clock while a job's weights and a token tile are in their buffers (`ready`).
// Loop order, outermost first: token tile, output tile, activation plane group, weight plane group,
// word of K. The last step of an output tile waits until RESULT_BEATS clocks have passed since the
// last step of the tile before: then those results have left when the next ones arrive.
module qmm_control
  import qmm_pkg::*;
#(
    parameter int unsigned A_PLANES,        // activation planes in parallel
    parameter int unsigned W_PLANES,        // weight planes in parallel
    parameter int unsigned RESULT_BEATS,    // output beats of one output tile
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
  localparam int unsigned SPACING_BITS = $clog2(RESULT_BEATS + 1);

  logic [15:0] k, output_tile, token_tile;
  logic [3:0] act_base, weight_base;  // first plane of the group
  logic [A_ADDRESS_BITS-1:0] act_group_address;
  logic [W_ADDRESS_BITS-1:0] weight_tile_address;
  logic [SPACING_BITS-1:0] spacing;  // clocks for which no last step may follow
  logic k_end, weight_end, act_end, last_step, output_done, outputs_end, tokens_end;

  assign k_end       = k == job.k_words - 16'd1;
  assign weight_end  = 32'(weight_base) + W_PLANES >= 32'(job.weight_planes);
  assign act_end     = 32'(act_base) + A_PLANES >= 32'(job.act_planes);
  assign last_step   = k_end && weight_end && act_end;
  assign output_done = enable && step.valid && last_step;
  assign outputs_end = output_tile == job.output_tiles - 16'd1;
  assign tokens_end  = token_tile == job.token_tiles - 16'd1;
  assign tile_done   = output_done && outputs_end;
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
    step.valid           = ready && !(last_step && spacing != '0);
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

  // Place among the tiles.
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      spacing     <= '0;
      output_tile <= '0;
      token_tile  <= '0;
    end else if (output_done) begin
      spacing     <= SPACING_BITS'(RESULT_BEATS - 1);
      output_tile <= outputs_end ? '0 : output_tile + 16'd1;
      if (outputs_end) token_tile <= tokens_end ? '0 : token_tile + 16'd1;
    end else if (enable && spacing != '0) begin
      spacing <= spacing - 1'b1;
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

  // Weight words of an output tile repeat for every activation plane group, all for every token tile.
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      weight_address      <= '0;
      weight_tile_address <= '0;
    end else if (enable && step.valid) begin
      if (last_step) begin
        weight_address      <= outputs_end ? '0 : weight_address + 1'b1;
        weight_tile_address <= outputs_end ? '0 : weight_address + 1'b1;
      end else begin
        weight_address <= (k_end && weight_end) ? weight_tile_address : weight_address + 1'b1;
      end
    end
  end
endmodule
