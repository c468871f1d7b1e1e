// SPDX-License-Identifier: Apache-2.0
// First pass of LN: S = sum r, Q = sum r*r over a row of d values, LANES a clock, then
// V = d*Q - S*S + E (docs/numerics.md, "LayerNorm"). Rows may follow each other without a gap.
// Stages from the row's last word to V: 3 + max(1, $clog2(LANES)) sums of the word (word_sums.sv),
// 1 accumulate, 3 products, 1 sum. Nothing holds it: the unit has room for every result that it starts.
// Widths for d <= MAX_HIDDEN = 4096: S 28 bits, Q 43, V below 2^55.
module moments #(
    parameter int unsigned LANES,
    parameter int unsigned MAX_HIDDEN,  // largest d
    parameter int unsigned BANK_BITS,   // of the row bank, which travels along
    localparam int unsigned SUM_BITS = 16 + $clog2(MAX_HIDDEN)
) (
    input  logic                            clk,
    input  logic                            rst_n,
    input  logic                            in_valid,
    input  logic                            in_first,    // first word of the row
    input  logic                            in_last,
    input  logic                            in_job,      // job bank of the row
    input  logic        [BANK_BITS-1:0]     in_bank,
    input  logic signed [LANES-1:0][15:0]   in,          // padding is 0
    input  logic        [1:0][12:0]         length,      // d of each job bank
    input  logic        [1:0][39:0]         epsilon,     // E of each job bank
    output logic                            valid,
    output logic        [BANK_BITS-1:0]     bank,
    output logic signed [SUM_BITS-1:0]      sum,         // S
    output logic        [55:0]              variance     // V
);
  localparam int unsigned SQUARE_BITS = 32 + $clog2(MAX_HIDDEN);
  localparam int unsigned LENGTH_BITS = $clog2(MAX_HIDDEN) + 1;
  localparam int unsigned TREE = (LANES > 1) ? $clog2(LANES) : 1;
  localparam int unsigned BEFORE = 3 + TREE;  // stages before the accumulators
  localparam int unsigned AFTER = 4;          // stages behind them

  logic signed [SUM_BITS-1:0] word_sum, row_sum;
  logic signed [SQUARE_BITS-1:0] word_square, row_square;

  word_sums #(
      .LANES(LANES),
      .SUM_BITS(SUM_BITS),
      .SQUARE_BITS(SQUARE_BITS)
  ) u_word (
      .clk,
      .in,
      .sum(word_sum),
      .squares(word_square)
  );

  // What travels along. Index s belongs to stage s + 1.
  logic [BEFORE-1:0] word_valid, word_first, word_last, word_job;
  logic [AFTER:0] row_valid, row_job;  // index 0: the accumulators
  logic [BANK_BITS-1:0] row_bank;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      word_valid <= '0;
      row_valid  <= '0;
    end else begin
      word_valid <= {word_valid[BEFORE-2:0], in_valid};
      row_valid  <= {row_valid[AFTER-1:0], word_valid[BEFORE-1] && word_last[BEFORE-1]};
    end
  end
  always_ff @(posedge clk) begin
    word_first <= {word_first[BEFORE-2:0], in_first};
    word_last  <= {word_last[BEFORE-2:0], in_last};
    word_job   <= {word_job[BEFORE-2:0], in_job};
    row_job    <= {row_job[AFTER-1:0], word_job[BEFORE-1]};
    if (word_valid[BEFORE-1]) begin
      row_sum    <= word_sum + (word_first[BEFORE-1] ? '0 : row_sum);
      row_square <= word_square + (word_first[BEFORE-1] ? '0 : row_square);
    end
  end
  delay #(
      .WIDTH (BANK_BITS),
      .STAGES(BEFORE + 1 + AFTER)
  ) u_bank (
      .clk,
      .enable(1'b1),
      .in (in_bank),
      .out(row_bank)
  );

  logic signed [SQUARE_BITS+LENGTH_BITS:0] scaled_square;
  logic signed [2*SUM_BITS-1:0] squared_sum;
  logic [LENGTH_BITS-1:0] row_length;
  assign row_length = length[row_job[0]][LENGTH_BITS-1:0];

  multiply #(
      .A_BITS(LENGTH_BITS + 1),
      .B_BITS(SQUARE_BITS)
  ) u_scaled_square (
      .clk,
      .enable(1'b1),
      .a({1'b0, row_length}),
      .b(row_square),
      .product(scaled_square)
  );
  multiply #(
      .A_BITS(SUM_BITS),
      .B_BITS(SUM_BITS)
  ) u_squared_sum (
      .clk,
      .enable(1'b1),
      .a(row_sum),
      .b(row_sum),
      .product(squared_sum)
  );
  delay #(
      .WIDTH (SUM_BITS),
      .STAGES(AFTER)
  ) u_row_sum (
      .clk,
      .enable(1'b1),
      .in (row_sum),
      .out(sum)
  );

  always_ff @(posedge clk) begin
    variance <= 56'(58'(scaled_square) - 58'(squared_sum) + 58'({1'b0, epsilon[row_job[AFTER-1]]}));
  end
  assign valid = row_valid[AFTER];
  assign bank  = row_bank;
endmodule
