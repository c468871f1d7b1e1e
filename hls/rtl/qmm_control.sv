// SPDX-License-Identifier: Apache-2.0
// Issues one step a clock while the job's weights and a token tile are in their buffers.
// Loop order, outermost first: token tile, output tile, plane pair, word of K.
//
// PLANE PAIRS (p, q) of activation plane p and weight plane q go by place value s = p + q from the
// highest down, so that an accumulator doubles between diagonals and needs no shifter. Within a
// diagonal the walk is a snake: p up and q down, the next diagonal the other way round; so each pair
// is a neighbour of the one before and its words are k_words further or back. Ternary planes have
// equal place value: both follow for each p.
//
// CREDITS. The last step of an output tile waits for room for its results (RESULT_TILES); the array
// behind never stalls. Jobs follow each other without a bubble when all their operands are there.
module qmm_control
  import qmm_pkg::*;
#(
    parameter int unsigned OUTPUTS,
    parameter int unsigned RESULT_TILES,
    parameter int unsigned A_ADDRESS_BITS,
    parameter int unsigned W_ADDRESS_BITS,
    parameter int unsigned TILE_BITS
) (
    input  logic                      clk,
    input  logic                      rst_n,
    input  logic                      job_valid,     // the next job
    output logic                      job_ready,
    input  config_t                   job,
    input  logic [1:0]                act_loaded,    // by bank
    input  logic [1:0]                weight_loaded,
    input  logic [1:0]                kv_loaded,
    input  logic                      result_freed,  // one tile's results have left
    output step_t                     step,
    output logic [A_ADDRESS_BITS-1:0] act_address,
    output logic [W_ADDRESS_BITS-1:0] weight_address,
    output logic [TILE_BITS-1:0]      tile,          // the step's output tile
    output logic                      act_bank,
    output logic                      weight_bank,
    output logic                      kv_bank,
    output logic                      on_chip,       // the step's weights are K or V
    output logic                      act_release,   // the banks' contents are done with
    output logic                      weight_release,
    output logic                      kv_release,
    output logic                      taking,
    output logic                      wait_weight,
    output logic                      wait_act
);
  localparam int unsigned CREDIT_BITS = $clog2(RESULT_TILES + 1);
  typedef logic [A_ADDRESS_BITS-1:0] act_address_t;
  typedef logic [W_ADDRESS_BITS-1:0] weight_address_t;

  // Place in the loop over plane pairs: which planes, and where their first words are.
  typedef struct packed {
    logic [3:0]      p;
    logic [3:0]      q;
    logic            up;  // direction of p on this diagonal
    act_address_t    act;
    weight_address_t weight;
  } pair_t;

  config_t now;
  logic now_valid, unused;
  logic [15:0] output_tile, last_output_tile, token_tile, k;
  logic [CREDIT_BITS-1:0] credit;
  pair_t pair, next_pair, tile_start;
  logic next_doubling, doubling, first, previous_negative, negative, act_negative, weight_negative;
  logic act_there, weight_there, k_end, pair_end, last_step, outputs_end, tokens_end, tile_done, job_done, take_job;

  assign unused       = &{1'b0, now.outputs};
  assign take_job     = job_valid && job_ready;
  assign job_ready    = !now_valid || job_done;
  assign act_there    = act_loaded[act_bank];
  assign weight_there = now.on_chip ? kv_loaded[kv_bank] : weight_loaded[weight_bank];
  assign on_chip      = now.on_chip;
  assign tile         = TILE_BITS'(output_tile);

  assign k_end       = k == now.k_words - 16'd1;
  assign pair_end    = pair.p == '0 && pair.q == ((now.weight_kind == KIND_TERNARY) ? 4'd1 : 4'd0);
  assign last_step   = k_end && pair_end;
  assign outputs_end = output_tile == last_output_tile;
  assign tokens_end  = token_tile == now.token_tiles - 16'd1;
  assign tile_done   = step.valid && last_step && outputs_end;
  assign job_done    = tile_done && tokens_end;

  assign act_release    = tile_done;
  assign weight_release = job_done && !now.on_chip;
  assign kv_release     = job_done && now.on_chip;

  assign taking      = step.valid;
  assign wait_weight = now_valid && act_there && !weight_there;
  assign wait_act    = now_valid && !act_there;

  assign act_negative    = now.act_kind == KIND_SIGNED && pair.p == now.act_planes - 4'd1;
  assign weight_negative = (now.weight_kind == KIND_SIGNED || now.weight_kind == KIND_TERNARY)
                        && pair.q == now.weight_planes - 4'd1;
  assign negative        = act_negative != weight_negative;

  always_comb begin
    step.valid               = now_valid && act_there && weight_there && !(last_step && credit == '0);
    step.first               = first;
    step.last                = last_step;
    step.doubling            = doubling;
    step.flip                = negative != (previous_negative && !first);
    step.filler              = previous_negative;
    step.tile.job_last       = outputs_end && tokens_end;
    step.tile.inverted       = negative;
    step.tile.act_bipolar    = now.act_kind == KIND_BIPOLAR;
    step.tile.weight_bipolar = now.weight_kind == KIND_BIPOLAR;
    step.tile.k_bits         = now.k_bits;
  end

  // First pair of an output tile of a job: the top planes; of ternary weights P comes first.
  pair_t job_start, next_tile;
  always_comb begin
    job_start.p      = job.act_planes - 4'd1;
    job_start.q      = (job.weight_kind == KIND_TERNARY) ? 4'd0 : job.weight_planes - 4'd1;
    job_start.up     = 1'b1;
    job_start.act    = act_address_t'(32'(job.k_words) * 32'(job_start.p[2:0]));
    job_start.weight = weight_address_t'(32'(job.k_words) * 32'(job_start.q[2:0]));
  end

  always_comb begin
    act_address_t act_row;
    weight_address_t weight_row;
    logic p_up, p_down, q_up, q_down, same;
    act_row    = act_address_t'(now.k_words);
    weight_row = weight_address_t'(now.k_words);
    same = pair.up ? (pair.p != now.act_planes - 4'd1 && pair.q != '0)
                     : (pair.p != '0 && pair.q != now.weight_planes - 4'd1);
    if (now.weight_kind == KIND_TERNARY) begin
      {p_up, q_up}   = {1'b0, pair.q == '0};
      {p_down, q_down} = {2{pair.q != '0}};
      next_doubling  = p_down;
    end else if (same) begin
      {p_up, q_down} = {2{pair.up}};
      {p_down, q_up} = {2{!pair.up}};
      next_doubling  = 1'b0;
    end else begin
      {p_up, q_up}   = 2'b00;
      q_down         = pair.up ? pair.q != '0 : pair.p == '0;
      p_down         = !q_down;
      next_doubling  = 1'b1;
    end
    next_pair.up     = pair.up ^ next_doubling;
    next_pair.p      = pair.p + 4'(p_up) - 4'(p_down);
    next_pair.q      = pair.q + 4'(q_up) - 4'(q_down);
    next_pair.act    = p_up ? pair.act + act_row : p_down ? pair.act - act_row : pair.act;
    next_pair.weight = q_up ? pair.weight + weight_row : q_down ? pair.weight - weight_row : pair.weight;
  end

  // The last pair's weights begin (planes - 1) rows before the end of the tile, or 0 for ternary.
  always_comb begin
    next_tile        = tile_start;
    next_tile.weight = outputs_end ? tile_start.weight
        : pair.weight + weight_address_t'(now.k_words) + (tile_start.weight << 1);
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      now_valid         <= 1'b0;
      credit            <= CREDIT_BITS'(RESULT_TILES);
      {act_bank, weight_bank, kv_bank} <= '0;
    end else begin
      if (job_ready) now_valid <= job_valid;
      credit <= credit - CREDIT_BITS'(step.valid && last_step) + CREDIT_BITS'(result_freed);
      act_bank    <= act_bank ^ act_release;
      weight_bank <= weight_bank ^ weight_release;
      kv_bank     <= kv_bank ^ kv_release;
    end
  end

  always_ff @(posedge clk) begin
    if (take_job) begin
      now              <= job;
      last_output_tile <= (job.outputs - 16'd1) >> $clog2(OUTPUTS);
      tile_start       <= job_start;
      pair             <= job_start;
      act_address      <= job_start.act;
      weight_address   <= job_start.weight;
      {output_tile, token_tile, k} <= '0;
      {first, doubling} <= 2'b10;
    end else if (step.valid) begin
      k        <= k_end ? '0 : k + 16'd1;
      first    <= last_step;
      doubling <= k_end && !pair_end && next_doubling;
      if (last_step) begin
        pair           <= next_tile;
        act_address    <= next_tile.act;
        weight_address <= next_tile.weight;
        output_tile    <= outputs_end ? '0 : output_tile + 16'd1;
        if (outputs_end) token_tile <= token_tile + 16'd1;
      end else if (k_end) begin
        pair           <= next_pair;
        act_address    <= next_pair.act;
        weight_address <= next_pair.weight;
      end else begin
        act_address    <= act_address + 1'b1;
        weight_address <= weight_address + 1'b1;
      end
    end
    if (step.valid) previous_negative <= negative;
  end
endmodule
