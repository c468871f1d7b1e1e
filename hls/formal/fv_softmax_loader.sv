// SPDX-License-Identifier: Apache-2.0
// softmax_loader.sv before a second pass of any timing. Scores, TLAST, configs and gaps are free; an
// error halts it, as in softmax.sv.
//   the two score rows keep bank_ring.sv, and every index written lies in the row
//   keys, exponent, level and reciprocal of a row stay unchanged until the row is released
//   `largest` is the maximum of the row's scores, one clock after its end
//   no deadlock: with a row free and both streams there, a beat is taken
module fv_softmax_loader
  import softmax_pkg::*;
(
    input logic              clk,
    input logic              rst_n,
    input logic              config_valid,
    input config_t           job_in,
    input logic              config_last,
    input logic              beat_valid,
    input logic [1:0][31:0]  beat,
    input logic              beat_last,
    input logic              done
);
  localparam int unsigned MAX_KEYS = 3;
  localparam int unsigned SCORE_BITS = 3;
  logic past = 1'b0;
  logic halt, config_ready, beat_ready, write, write_bank, write_index, release_row, release_bank;
  logic [1:0][SCORE_BITS-1:0] scores, largest;
  logic [1:0] loaded;
  logic [1:0][15:0] keys;
  exponent_t [1:0] exponent;
  level_t [1:0] level;
  logic [1:0][RECIPROCAL_BITS-1:0] reciprocal;
  error_t error;

  // The config stream keeps an offered beat until it is taken.
  config_t job;
  logic was_offered, was_last;
  config_t was_job;
  assign job = job_in;

  softmax_loader #(
      .LANES(2), .MAX_KEYS(MAX_KEYS), .SCORE_BITS(SCORE_BITS), .INDEX_BITS(1)
  ) dut (.*);

  assign release_row = done && loaded[release_bank];
  always_ff @(posedge clk) begin
    past        <= 1'b1;
    was_offered <= rst_n && config_valid && !config_ready;
    was_job     <= job;
    was_last    <= config_last;
    if (!rst_n) begin
      halt         <= 1'b0;
      release_bank <= 1'b0;
    end else begin
      halt <= halt || error != ERROR_NONE;
      if (release_row) release_bank <= !release_bank;
    end
  end

  logic [1:0] held;
  logic oldest;
  bank_ring #(.BANKS(2)) ring (
      .clk, .rst_n, .past, .write, .write_bank, .complete(dut.row_end && error == ERROR_NONE),
      .empty(release_row), .empty_bank(release_bank), .full(loaded), .held, .oldest, .next()
  );

  // Ghost maximum of the row that comes in, and of the rows held.
  logic signed [SCORE_BITS-1:0] so_far, now;
  logic signed [1:0][SCORE_BITS-1:0] maximum;
  logic [1:0] settled, was_held;
  logic [1:0][15:0] was_keys;
  exponent_t [1:0] was_exponent;
  level_t [1:0] was_level;
  logic [1:0][RECIPROCAL_BITS-1:0] was_reciprocal;
  always_comb begin
    now = dut.first ? $signed(scores[0]) : so_far;
    for (int l = 0; l < 2; l++) if (dut.keep[l] && $signed(scores[l]) > now) now = $signed(scores[l]);
  end
  always_ff @(posedge clk) begin
    if (write) so_far <= now;
    if (dut.row_end) maximum[write_bank] <= now;
    for (int b = 0; b < 2; b++) begin
      was_held[b] <= rst_n && loaded[b] && !(release_row && release_bank == 1'(b));
      settled[b]  <= rst_n && loaded[b];
    end
    {was_keys, was_exponent, was_level, was_reciprocal} <= {keys, exponent, level, reciprocal};
  end

  // `largest` with the beat that is still in its register.
  logic signed [1:0][SCORE_BITS-1:0] settling;
  for (genvar b = 0; b < 2; b++) begin : g_settling
    logic later;
    assign later = dut.beat_q && dut.bank_q == 1'(b)
        && (dut.first_q || dut.beat_largest_q > $signed(largest[b]));
    assign settling[b] = later ? dut.beat_largest_q : largest[b];
  end

  always_comb begin
    if (!past) assume (!rst_n);
    if (was_offered) assume (config_valid && job == was_job && config_last == was_last);
    if (past) begin
      for (int b = 0; b < 2; b++) begin
        if (was_held[b]) assert (keys[b] == was_keys[b] && exponent[b] == was_exponent[b]);
        if (was_held[b]) assert (level[b] == was_level[b] && reciprocal[b] == was_reciprocal[b]);
        if (loaded[b] && settled[b]) assert (largest[b] == maximum[b]);
        if (loaded[b]) assert (keys[b] >= 16'd1 && keys[b] <= 16'(MAX_KEYS));
      end
      if (write) assert ((write_index == 1'b0) == dut.first);
      if (!halt && config_valid && beat_valid && held < 2'd2 && error != ERROR_CONFIG) assert (beat_ready);
      // Invariants.
      assert (oldest == release_bank);
      for (int b = 0; b < 2; b++) begin
        if (loaded[b]) assert (settling[b] == maximum[b]);
        if (loaded[b] && settled[b]) assert (!(dut.beat_q && dut.bank_q == 1'(b)));
      end
      if (!dut.first && !halt) assert (settling[write_bank] == so_far);
      if (!halt) begin
        if (dut.first) assert (write_index == 1'b0);
        else assert (write_index == 1'b1 && config_valid && dut.u_counter.left_q == 16'd1 && job.keys == 16'd3);
        if (!dut.first) assert (was_offered);
      end
    end
    cover (past && held == 2'd2 && largest[0] == 3'd7 && largest[1] == 3'd2);
    cover (past && config_ready && dut.row == 16'd1);
  end
endmodule
