// SPDX-License-Identifier: Apache-2.0
// block_loader.sv before a weight_buffer that is given back at any time, one bank after the other.
//   the two banks keep bank_ring.sv, and every address written lies in the bank
//   every place of a job, chosen freely (`spot`), is written once, with the beat that belongs there
//   no deadlock: with a job and beats waiting and a bank free, something is taken in every clock
// Blocks of 16 outputs, tiles of 8: a block's upper half goes into the next tile, or nowhere when padding.
module fv_block_loader
  import qmm_pkg::*;
#(
    parameter bit PLACES  // 1: the places too, which are checked from reset alone
) (
    input logic       clk,
    input logic       rst_n,
    input logic       job_valid,
    input logic [1:0] tiles,       // of 8 outputs, less one
    input logic       planes,      // less one
    input logic       words,       // less one
    input logic       beat_valid,
    input logic [7:0] beat,
    input logic       release_wish,
    input logic [3:0] spot
);
  localparam int unsigned WORDS = 16;
  logic past = 1'b0, running, halt, stores, oldest, next;
  logic job_ready, beat_ready, write, write_bank, leave_bank, leaves, write_group, write_part;
  logic [1:0] loaded, held;
  logic [3:0] write_address;
  logic [7:0] write_data;  // the beat that is written, as weight_memory.sv keeps it
  logic beat_first, write_beat, write_slot, write_first, write_end, write_negative;
  logic [3:0] write_plane, write_tile;
  config_t job;
  error_t error;

  assign job = '{
      outputs: 16'(32'(tiles) * 8 + 8), weight_planes: 4'(planes) + 4'd1, k_words: 16'(words) + 16'd1,
      k_bits: 16'(words) * 16'd64 + 16'd1, weight_kind: KIND_BIPOLAR, act_kind: KIND_UNSIGNED, act_planes: 4'd1,
      token_tiles: 16'd1, on_chip: 1'b0
  };
  block_loader #(
      .OUTPUTS(8), .SIMD(64), .BEAT_BITS(512), .WORDS(WORDS), .TILES(WORDS), .WHOLE_ROWS(1'b1),
      .END_ERROR(ERROR_WEIGHT_END)
  ) dut (
      .clk, .rst_n, .halt, .job_valid, .job_ready, .job, .beat_valid, .beat_ready, .beat_last(dut.job_end),
      .beat_first, .release_valid(leaves), .release_bank(leave_bank), .loaded, .write, .write_bank, .write_address,
      .write_group, .write_part, .write_beat, .write_slot, .write_first, .write_end, .write_plane, .write_negative,
      .write_tile, .error
  );

  assign stores = write || dut.last_q;  // the last beat may be padding
  assign leaves = release_wish && loaded[leave_bank];
  always_ff @(posedge clk) begin
    past       <= 1'b1;
    write_data <= beat;
    running    <= rst_n;
    halt       <= rst_n && (halt || error != ERROR_NONE);
    if (!rst_n) leave_bank <= 1'b0;
    else if (leaves) leave_bank <= !leave_bank;
  end
  bank_ring #(.BANKS(2)) ring (
      .clk, .rst_n, .past, .write(stores), .write_bank(stores ? write_bank : next), .complete(dut.last_q), .empty(leaves),
      .empty_bank(leave_bank), .full(loaded), .held, .oldest, .next
  );

  always_comb begin
    if (!past) assume (!rst_n);
    if (past) begin
      if (job_valid && beat_valid && held != 2'd2 && !dut.last_q && !halt) assert (job_ready || beat_ready);
      assert (dut.bank_q == write_bank);
      // Invariants.
      assert (oldest == leave_bank);
      if (!running) assert (!dut.active && !dut.last_q);
      if (dut.last_q) assert (dut.bank != write_bank && !dut.active);
      else if (running && !halt) assert (dut.bank == write_bank);
      if (!halt) assert (dut.bank == (next ^ dut.last_q));
      if (!running || halt) assert (!write && !dut.last_q);
    end
    cover (past && held == 2'd2 && leaves);
  end

  if (PLACES) begin : g_places
    // Ghosts of the job: its shape, beats taken, how often the spot was written and with which beat.
    logic [1:0] last_tile, written;
    logic last_plane, last_word;
    logic [5:0] taken;
    logic [7:0] found, wanted;
    logic [3:0] held_spot;
    logic [3:0] spot_tile;
    logic [5:0] due;  // beats of the job before the spot's
    logic [3:0] offset;
    // Place = (tile * planes + plane) * words + word; a beat for each (block, plane, word, half).
    assign offset    = held_spot % (4'(last_plane) * (4'(last_word) + 4'd1) + 4'(last_word) + 4'd1);
    assign spot_tile = held_spot / ((4'(last_plane) + 4'd1) * (4'(last_word) + 4'd1));
    assign due = 6'(((32'(spot_tile >> 1) * (32'(last_plane) + 1) * (32'(last_word) + 1)) + 32'(offset)) * 2 + 32'(spot_tile[0]));
    always_ff @(posedge clk) begin
      if (job_valid && job_ready) begin
        {last_tile, last_plane, last_word, held_spot} <= {tiles, planes, words, spot};
        taken   <= '0;
        written <= '0;
      end else begin
        if (dut.take) taken <= taken + 6'd1;
        if (dut.take && taken == due) wanted <= beat;
        if (write && write_address == held_spot) begin
          written <= written + 2'd1;
          found   <= write_data;
        end
      end
    end
    logic whole;  // in this clock the bank is complete: all writes of the job are counted
    always_ff @(posedge clk) whole <= rst_n && dut.last_q;
    always_comb begin
      if (past && rst_n && whole && spot_tile <= 4'(last_tile) && 32'(held_spot) < WORDS) begin
        assert (written == 2'd1 && found == wanted);
      end
      assume (!(job_valid && dut.last_q));  // the ghosts are of one job: the next waits for its last write
      if (past && write) assert (write_address / ((4'(last_plane) + 4'd1) * (4'(last_word) + 4'd1)) <= 4'(last_tile));
      cover (past && whole && last_tile == 2'd2);
      cover (past && whole && last_plane && last_word);
    end
  end
endmodule
