// SPDX-License-Identifier: Apache-2.0
// row_intake.sv before a second pass of any timing. Shapes, TLAST and gaps are free; a job's config is
// open until its last beat is taken, as constant_loader.sv has it. An error halts it, as in layernorm.sv.
//   the row buffers keep bank_ring.sv
//   every word of a row goes to its own address of the row's buffer, one clock after its beat
//   `ends_job` of a full buffer says whether the row is its job's last; a job has `rows` rows
//   no deadlock: with a buffer free and a job open, a beat is taken
module fv_row_intake #(
    parameter int unsigned BANKS
) (
    input logic                    clk,
    input logic                    rst_n,
    input logic                    beat_valid,
    input logic signed [0:0][15:0] beat,
    input logic                    beat_last,
    input logic                    open_next,
    input logic [1:0]              next_rows,
    input logic                    next_words,
    input logic                    done
);
  localparam int unsigned BITS = $clog2(BANKS);
  logic past = 1'b0;
  logic halt, beat_ready, take_job, take_bank, end_error, valid, first, last, job, address, empty;
  logic [1:0] open;
  logic [1:0][15:0] rows, words;
  logic [1:0][12:0] length;
  logic free;
  logic [BITS-1:0] free_bank, bank;
  logic [BANKS-1:0] ends_job;
  logic signed [0:0][15:0] data;

  row_intake #(.LANES(1), .WORDS(2), .BANKS(BANKS)) dut (.*);

  // Job banks open in turn, each with a shape of its own, never one that is open already.
  logic open_bank;
  assign length = '{default: 13'd2};
  assign free   = done && dut.full[free_bank];
  assign empty  = free;
  always_ff @(posedge clk) begin
    past <= 1'b1;
    if (!rst_n) begin
      open      <= '0;
      open_bank <= 1'b0;
      halt      <= 1'b0;
      free_bank <= '0;
    end else begin
      halt <= halt || end_error;
      if (take_job) open[take_bank] <= 1'b0;
      if (open_next && !open[open_bank]) begin
        open[open_bank]  <= 1'b1;
        rows[open_bank]  <= 16'(next_rows) + 16'd1;
        words[open_bank] <= 16'(next_words) + 16'd1;
        open_bank        <= !open_bank;
      end
      if (free) free_bank <= (free_bank == BITS'(BANKS - 1)) ? '0 : free_bank + 1'b1;
    end
  end

  localparam int unsigned HELD_BITS = $clog2(BANKS + 1);
  logic [HELD_BITS-1:0] held;
  logic [BITS-1:0] oldest, next;
  bank_ring #(.BANKS(BANKS)) ring (
      .clk, .rst_n, .past, .write(dut.take), .write_bank(dut.fill_bank),
      .complete(dut.take && dut.row_end), .empty, .empty_bank(free_bank), .full(dut.full), .held,
      .oldest, .next
  );

  logic was_take, was_first, was_end, was_job, was_address;
  logic [BITS-1:0] was_bank;
  logic [BANKS-1:0] ends;
  logic signed [15:0] was_beat;
  always_ff @(posedge clk) begin
    was_take    <= rst_n && dut.take;
    was_first   <= dut.word == '0;
    was_end     <= dut.row_end;
    was_job     <= take_bank;
    was_bank    <= dut.fill_bank;
    was_address <= dut.word;
    was_beat    <= beat[0];
    if (dut.take && dut.row_end) ends[dut.fill_bank] <= take_job;
  end

  always_comb begin
    if (!past) assume (!rst_n);
    if (past) begin
      assert (valid == was_take);
      if (valid) begin
        assert (first == was_first && last == was_end && job == was_job && address == was_address);
        assert (bank == was_bank && data[0] == was_beat);
      end
      for (int b = 0; b < BANKS; b++) if (dut.full[b]) assert (ends_job[b] == ends[b]);
      if (take_job) assert (dut.row == rows[take_bank] - 16'd1);
      if (!halt && beat_valid && open[take_bank] && 32'(held) < BANKS) assert (beat_ready);
      // Invariants.
      assert (oldest == free_bank && 32'(dut.word) < 32'd2);
      assert (open_bank == (take_bank ^ (open[0] ^ open[1])));
      if (open == 2'b01) assert (take_bank == 1'b0);
      if (open == 2'b10) assert (take_bank == 1'b1);
      if (!open[take_bank]) assert (dut.row == '0 && dut.word == '0);
      for (int b = 0; b < 2; b++) if (open[b]) assert (rows[b] >= 16'd1 && words[b] inside {16'd1, 16'd2});
      if (open[take_bank]) assert (dut.row < rows[take_bank] && 16'(dut.word) < words[take_bank]);
    end
    cover (past && 32'(held) == BANKS && ends_job[0] && !ends_job[1]);
  end
endmodule
