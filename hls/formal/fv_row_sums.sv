// SPDX-License-Identifier: Apache-2.0
// row_sums.sv beside block_loader.sv, read as the engine reads it: four clocks after a step that is issued at any time
// while its bank is loaded; with the last one the bank is given back, and the next job's beats may follow at once.
//   the sum of a row of one job (`mark`), of an output tile chosen freely (`spot`), is that of the job's own bits, by
//   what each plane weighs, whenever it is read
// Beats of 512 bits, blocks of 16 outputs, tiles of 8; row 0 of each tile has two bits a word, the others none.
module fv_row_sums
  import qmm_pkg::*;
#(
    parameter int unsigned AFTER  // clocks from step to read
) (
    input logic       clk,
    input logic       rst_n,
    input logic       job_valid,
    input logic       tiles,       // of 8 outputs, less one
    input logic       planes,      // less one
    input logic       words,       // less one
    input logic [1:0] kind,
    input logic       beat_valid,
    input logic [1:0] beat,
    input logic       mark,
    input logic       spot,
    input logic       step,
    input logic       step_tile,
    input logic       release_wish
);
  localparam int unsigned SUM_BITS = 5;
  logic past = 1'b0, running;
  logic job_ready, beat_ready, beat_first, write, write_bank, write_group, write_part, write_beat, write_slot;
  logic write_first, write_end, write_negative, write_tile, bank, issue, leaves;
  logic [1:0] loaded, write_data;
  logic [2:0] write_address;
  logic [3:0] write_plane;
  logic [7:0][SUM_BITS-1:0] sums;
  config_t job;
  error_t error;

  assign job = '{
      outputs: 16'(32'(tiles) * 8 + 8), weight_planes: 4'(planes) + 4'd1, k_words: 16'(words) + 16'd1,
      k_bits: 16'(words) * 16'd64 + 16'd1, weight_kind: kind_t'({2'b00, kind}), act_kind: KIND_UNSIGNED,
      act_planes: 4'd1, token_tiles: 16'd1, on_chip: 1'b1
  };
  block_loader #(
      .OUTPUTS(8), .SIMD(64), .BEAT_BITS(512), .WORDS(8), .TILES(2), .WHOLE_ROWS(1'b1), .END_ERROR(ERROR_KV_END)
  ) dut (
      .clk, .rst_n, .halt(1'b0), .job_valid, .job_ready, .job, .beat_valid, .beat_ready, .beat_last(dut.job_end),
      .beat_first, .release_valid(leaves), .release_bank(bank), .loaded, .write, .write_bank, .write_address,
      .write_group, .write_part, .write_beat, .write_slot, .write_first, .write_end, .write_plane, .write_negative,
      .write_tile, .error
  );

  // The steps, and the reads behind them.
  typedef struct packed {
    logic read;
    logic marked;  // it is of the marked job and tile
    logic bank;
    logic tile;
  } read_t;
  logic marked, loading, whole, over, reads_marked;
  logic marked_bank, marked_tile;
  read_t [AFTER:0] path;
  assign issue   = step && loaded[bank];
  assign leaves  = issue && release_wish;
  assign path[0] = '{issue, issue && whole && !over && bank == marked_bank && step_tile == marked_tile, bank, step_tile};
  always_ff @(posedge clk) begin
    past          <= 1'b1;
    running       <= rst_n;
    write_data    <= beat;
    path[AFTER:1] <= path[AFTER-1:0] & {(AFTER * $bits(read_t)) {rst_n}};
    reads_marked  <= rst_n && path[AFTER].read && path[AFTER].marked;
    if (!rst_n) bank <= 1'b0;
    else if (leaves) bank <= !bank;
  end
  row_sums #(
      .MEMBERS(8), .WIDTH(64), .SLOTS(2), .SLICES(1), .COLUMNS(1), .WORDS(4), .PLANES(2), .SUM_BITS(SUM_BITS),
      .STRUCTURAL(1'b0)
  ) sum (
      .clk, .beat(write_beat), .bits({510'd0, write_data}), .slot(write_slot), .first(write_first),
      .negative(write_negative), .plane(write_plane), .store(write && write_end), .word({write_bank, write_tile}),
      .read(path[AFTER].read), .read_word({path[AFTER].bank, path[AFTER].tile}), .sums
  );

  // Ghosts: the job being loaded, the place of its next beat, and the marked row's sum.
  logic last_plane, last_word, top_negative, half, word, plane;
  logic [SUM_BITS-1:0] wanted, value;
  assign value = SUM_BITS'($countones(beat)) << plane;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      {marked, loading, whole, over} <= '0;
    end else if (job_valid && job_ready) begin
      {last_plane, last_word} <= {planes, words};
      {half, word, plane}     <= '0;
      top_negative            <= kind == 2'd1;
      if (mark && !marked) begin
        {marked, loading, marked_bank, marked_tile} <= {2'b11, dut.bank, spot && tiles};
        wanted <= '0;
      end
    end else if (dut.take) begin
      half <= !half;
      if (half) word <= (word == last_word) ? 1'b0 : 1'b1;
      if (half && word == last_word) plane <= 1'b1;
      if (loading && half == marked_tile) begin
        wanted <= (top_negative && plane == last_plane) ? wanted - value : wanted + value;
      end
      if (loading && half && word == last_word && plane == last_plane) {loading, whole} <= 2'b01;
    end
    if (rst_n && leaves && whole && bank == marked_bank) over <= 1'b1;
  end

  always_comb begin
    if (!past) assume (!rst_n);
    if (job_valid) assume (kind != 2'd3 && (kind != 2'd2 || !planes));  // unsigned, signed, one plane of {-1,+1}
    if (past && rst_n && reads_marked) assert (sums[0] == wanted);
    cover (past && reads_marked && over && last_plane && last_word);
    cover (past && reads_marked && write_beat && write_bank == marked_bank);
  end
endmodule
