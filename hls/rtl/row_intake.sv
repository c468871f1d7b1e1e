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
  logic [15:0] row, next_row, next_word;
  logic take, row_end, job_end;
  logic signed [16:0] left;  // values of the row from this word on
  logic [LANES-1:0] keep;

  assign beat_ready = !halt && open[take_bank] && !full[fill_bank];
  assign take       = beat_valid && beat_ready;
  assign next_word  = 16'd1 + 16'(word);
  assign next_row   = 16'd1 + row;
  assign row_end    = next_word == words[take_bank];
  assign job_end    = row_end && next_row == rows[take_bank];
  assign take_job   = take && job_end;
  assign left       = 17'(length[take_bank]) - 17'(32'(word) * LANES);
  assign end_error  = take && beat_last != job_end;

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    assign keep[l] = left > 17'(l);
  end

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
      if (take) word <= row_end ? '0 : next_word[ADDRESS_BITS-1:0];
      if (take && row_end) begin
        full[fill_bank] <= 1'b1;
        fill_bank       <= (fill_bank == BANK_BITS'(BANKS - 1)) ? '0 : fill_bank + 1'b1;
        row             <= job_end ? '0 : next_row;
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
    for (int unsigned l = 0; l < LANES; l++) data[l] <= keep[l] ? beat[l] : '0;
    if (take) ends_job[fill_bank] <= job_end;
  end

endmodule
