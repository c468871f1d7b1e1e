// SPDX-License-Identifier: Apache-2.0
// First pass of LN: S = sum r, Q = sum r*r over a row of d values, LANES a clock, then
// V = d*Q - S*S + E (docs/numerics.md, "LayerNorm"). Rows may follow each other without a gap.
// Stages from the row's last word to V: 3 squares, max(1, $clog2(LANES)) adder trees,
// 1 accumulate, 3 products, 1 sum. Nothing holds it: the unit has room for every result that it starts.
// Widths for d <= 4096: S 28 bits, Q 43, V below 2^55.
module moments #(
    parameter int unsigned LANES,
    parameter int unsigned BANK_BITS  // of the row bank, which travels along
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
    output logic signed [27:0]              sum,         // S
    output logic        [55:0]              variance     // V
);
  localparam int unsigned TREE = (LANES > 1) ? $clog2(LANES) : 1;
  localparam int unsigned BEFORE = 3 + TREE;  // stages before the accumulators
  localparam int unsigned AFTER = 4;          // stages behind them

  logic signed [LANES-1:0][31:0] square;
  logic signed [LANES-1:0][15:0] value;
  logic signed [27:0] word_sum, row_sum;
  logic signed [43:0] word_square, row_square;

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    multiply #(
        .A_BITS(16),
        .B_BITS(16)
    ) u_square (
        .clk,
        .enable(1'b1),
        .a(in[l]),
        .b(in[l]),
        .product(square[l])
    );
  end
  delay #(
      .WIDTH (16 * LANES),
      .STAGES(3)
  ) u_value (
      .clk,
      .enable(1'b1),
      .in,
      .out(value)
  );
  adder_tree #(
      .COUNT(LANES),
      .IN_BITS(16),
      .OUT_BITS(28)
  ) u_sum (
      .clk,
      .in (value),
      .sum(word_sum)
  );
  adder_tree #(
      .COUNT(LANES),
      .IN_BITS(32),
      .OUT_BITS(44)
  ) u_squares (
      .clk,
      .in (square),
      .sum(word_square)
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
      row_sum    <= word_first[BEFORE-1] ? word_sum : row_sum + word_sum;
      row_square <= word_first[BEFORE-1] ? word_square : row_square + word_square;
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

  logic signed [57:0] scaled_square;
  logic signed [55:0] squared_sum;

  multiply #(
      .A_BITS(44),
      .B_BITS(14)
  ) u_scaled_square (
      .clk,
      .enable(1'b1),
      .a(row_square),
      .b({1'b0, length[row_job[0]]}),
      .product(scaled_square)
  );
  multiply #(
      .A_BITS(28),
      .B_BITS(28)
  ) u_squared_sum (
      .clk,
      .enable(1'b1),
      .a(row_sum),
      .b(row_sum),
      .product(squared_sum)
  );
  delay #(
      .WIDTH (28),
      .STAGES(AFTER)
  ) u_row_sum (
      .clk,
      .enable(1'b1),
      .in (row_sum),
      .out(sum)
  );

  always_ff @(posedge clk) begin
    variance <= 56'(scaled_square - 58'(squared_sum) + 58'({1'b0, epsilon[row_job[AFTER-1]]}));
  end
  assign valid = row_valid[AFTER];
  assign bank  = row_bank;
endmodule
