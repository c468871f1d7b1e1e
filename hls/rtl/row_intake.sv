// SPDX-License-Identifier: Apache-2.0
// Intake of LN: takes whole rows into the free one of BANKS row buffers, in ring order. `full[b]`: row
// buffer b is complete and not yet read again. The outputs leave one clock after the beat, padding 0.
module row_intake #(
    parameter int unsigned LANES,
    parameter int unsigned WORDS,  // of one row buffer
    parameter int unsigned BANKS,
    localparam int unsigned BANK_BITS = $clog2(BANKS),
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS)
) (
    input  logic                           clk,
    input  logic                           rst_n,
    input  logic                           halt,
    input  logic                           beat_valid,
    output logic                           beat_ready,
    input  logic signed [LANES-1:0][15:0]  beat,
    input  logic                           beat_last,
    input  logic [1:0]                     open,       // the config of that job bank is valid
    input  logic [1:0][15:0]               rows,       // of each job bank, as the two below
    input  logic [1:0][15:0]               words,
    input  logic [1:0][12:0]               length,
    input  logic                           free,       // free_bank has been read
    input  logic [BANK_BITS-1:0]           free_bank,
    output logic                           take_job,   // the last beat of job bank `take_bank` is taken
    output logic                           take_bank,
    output logic                           end_error,  // TLAST is not where the job ends
    output logic [BANKS-1:0]               ends_job,   // the row of that buffer is the job's last
    output logic                           valid,      // a word of a row, as those below
    output logic                           first,
    output logic                           last,
    output logic                           job,
    output logic [BANK_BITS-1:0]           bank,
    output logic [ADDRESS_BITS-1:0]        address,
    output logic signed [LANES-1:0][15:0]  data
);
  logic [BANKS-1:0] full;
  logic [BANK_BITS-1:0] fill_bank;
  logic [ADDRESS_BITS-1:0] word;
  logic [15:0] row;
  logic take, row_end, job_end;
  logic signed [LANES-1:0][15:0] raw;

  assign beat_ready = !halt && open[take_bank] && !full[fill_bank];
  assign take       = beat_valid && beat_ready;
  assign row_end    = 16'(word) == words[take_bank] - 16'd1;
  assign job_end    = row_end && row == rows[take_bank] - 16'd1;
  assign take_job   = take && job_end;
  assign end_error  = take && beat_last != job_end;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid     <= 1'b0;
      full      <= '0;
      fill_bank <= '0;
      word      <= '0;
      row       <= '0;
      take_bank <= 1'b0;
    end else begin
      valid <= take;
      if (take) word <= row_end ? '0 : word + 1'b1;
      if (take && row_end) begin
        full[fill_bank] <= 1'b1;
        fill_bank       <= (fill_bank == BANK_BITS'(BANKS - 1)) ? '0 : fill_bank + 1'b1;
        row             <= job_end ? '0 : row + 16'd1;
      end
      if (take_job) take_bank <= !take_bank;
      if (free) full[free_bank] <= 1'b0;
    end
  end
  always_ff @(posedge clk) begin
    first   <= word == '0;
    last    <= row_end;
    job     <= take_bank;
    bank    <= fill_bank;
    address <= word;
    raw     <= beat;
    if (take) ends_job[fill_bank] <= job_end;
  end

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    assign data[l] = (32'(address) * LANES + l < 32'(length[job])) ? raw[l] : '0;
  end
endmodule
