// SPDX-License-Identifier: Apache-2.0
// constant_loader.sv before a data side of any timing, as scale_unit.sv and layernorm.sv join them: the
// data stream of a job is taken once its bank is `open` and leaves the pipeline once it is loaded.
//   the two banks of constants keep bank_ring.sv, and every address written lies in the bank
//   the config of a job stays unchanged until the job is released
//   `open` is never a later job in the same bank: jobs are taken once each, in order
//   no deadlock: with both sides willing, one of them moves in every clock
module fv_constant_loader
  import vector_pkg::*;
(
    input logic         clk,
    input logic         rst_n,
    input logic         valid,
    input logic [127:0] beat,
    input logic         last,
    input logic         config_bad,
    input logic         common,
    input logic [1:0]   channels,
    input logic         take,     // the data side is at the end of a job and willing
    input logic         leave     // the last result of a job can leave
);
  localparam int unsigned LANES = 2;
  localparam int unsigned WORDS = 2;
  logic past = 1'b0;
  logic halt, ready, write_bank, write_address, take_job, take_bank, leaves, leave_bank;
  logic [1:0][95:0] config_bits;
  logic [1:0] open, loaded, write;
  logic signed [0:0][M_BITS-1:0] write_m;
  logic signed [C_BITS-1:0] write_c;
  logic [15:0] count;
  vector_error_t error;
  // The units refuse 0 channels and more than the table holds (config_bad).
  assign count = common ? 16'd1 : 16'(channels) + 16'd1;

  constant_loader #(.LANES(LANES), .WORDS(WORDS), .PARTS(1)) dut (
      .clk, .rst_n, .halt, .beat_valid(valid), .beat_ready(ready), .beat, .beat_last(last), .config_bad,
      .config_count(count), .config_common(common), .take_job, .take_bank, .release_job(leaves),
      .release_bank(leave_bank), .config_bits, .open, .loaded, .write, .write_bank, .write_address, .write_m,
      .write_c, .error
  );

  logic [1:0] held, under_way;  // under_way: jobs taken that have not left
  logic oldest;
  assign take_job = take && open[take_bank];
  assign leaves   = leave && under_way != '0 && loaded[leave_bank];
  always_ff @(posedge clk) begin
    past <= 1'b1;
    if (!rst_n) begin
      halt       <= 1'b0;
      take_bank  <= 1'b0;
      leave_bank <= 1'b0;
      under_way     <= '0;
    end else begin
      halt   <= halt || error != ERROR_NONE;
      under_way <= under_way + 2'(take_job) - 2'(leaves);
      if (take_job) take_bank <= !take_bank;
      if (leaves) leave_bank <= !leave_bank;
    end
  end

  bank_ring #(.BANKS(2)) ring (
      .clk, .rst_n, .past, .write(write != '0), .write_bank,
      .complete(dut.take_constant && dut.last_constant && error == ERROR_NONE), .empty(leaves),
      .empty_bank(leave_bank), .full(loaded), .held, .oldest, .next()
  );

  logic [1:0][95:0] was_config;
  logic [1:0] was_known;
  logic [2:0] written;  // constants of this job so far
  logic [15:0] promised;
  always_ff @(posedge clk) begin
    was_config <= config_bits;
    if (dut.take_config) promised <= count;
    for (int b = 0; b < 2; b++) was_known[b] <= rst_n && dut.known[b] && !(leaves && leave_bank == 1'(b));
    if (!rst_n || (dut.take && dut.take_config)) written <= '0;
    else if (dut.take_constant) written <= written + 3'd1;
  end

  always_comb begin
    if (!past) assume (!rst_n);
    if (past) begin
      for (int b = 0; b < 2; b++) if (was_known[b]) assert (config_bits[b] == was_config[b]);
      if (take_job) assert (under_way < 2'd2 && take_bank == (leave_bank ^ under_way[0]));
      if (!halt && valid && take && leave) assert (ready || open[take_bank] || leaves);
      if (write != '0 && !dut.common) assert (32'(written) == 32'(write_address) * LANES + 32'(write[1]));
      if (dut.take_constant && !halt) begin
        assert (dut.last_constant == (16'(written) + 16'd1 == promised));
      end
      // Invariants.
      assert (under_way <= 2'd2 && oldest == leave_bank && take_bank == (leave_bank ^ under_way[0]));
      assert ((loaded & ~dut.known) == '0 && (dut.taken & ~dut.known) == '0);
      assert (dut.taken[leave_bank] == (under_way != '0) && dut.taken[!leave_bank] == (under_way == 2'd2));
      if (held == '0) assert (!dut.known[!leave_bank]);
      if (dut.known[write_bank] && !loaded[write_bank] && !halt) begin
        assert (dut.left >= 16'd1 && promised <= 16'd4 && 32'(dut.left) + 32'(written) == 32'(promised));
        if (dut.common) assert (dut.left == 16'd1 && written == '0);
        assert (dut.lane == (written[0] ? 2'd2 : 2'd1) && write_address == written[1]);
      end
    end
    cover (past && under_way == 2'd2 && leaves);
    cover (past && write == 2'd2 && write_address && take_job);
  end
endmodule
