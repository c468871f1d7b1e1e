// SPDX-License-Identifier: Apache-2.0
// The sum of a row's exponentials and its one division: D = sum e; R = floor(Kp / D).
// Rows are summed and divided in turn, the dividers one after the other; a row's sum waits while its divider is at
// an earlier row. Divisions take equally long and no two begin in one clock, so no two end in one.
// `solved[r]`: quotient[r] is valid, until the third pass releases the row.
module softmax_reciprocal
  import softmax_pkg::*;
#(
    parameter int unsigned ROWS,
    parameter int unsigned ROW_BITS,
    parameter int unsigned SUM_BITS,
    parameter int unsigned STEPS,     // quotient bits a clock
    parameter int unsigned DIVIDERS   // that take rows in turn
) (
    input  logic                                 clk,
    input  logic                                 rst_n,
    input  logic                                 sum_valid,    // of one beat
    input  logic                                 sum_first,
    input  logic                                 sum_last,
    input  logic [ROW_BITS-1:0]                  sum_row,
    input  logic [SUM_BITS-1:0]                  sum,
    input  logic [ROWS-1:0][RECIPROCAL_BITS-1:0] reciprocal,   // Kp of each row
    input  logic                                 release_row,
    input  logic [ROW_BITS-1:0]                  released,
    output logic [ROWS-1:0]                      solved,
    output logic [ROWS-1:0][QUOTIENT_BITS-1:0]   quotient
);
  localparam int unsigned TURN_BITS = (DIVIDERS > 1) ? $clog2(DIVIDERS) : 1;

  logic [ROWS-1:0][SUM_BITS-1:0] total;
  logic [ROWS-1:0] summed;
  logic [ROW_BITS-1:0] row;
  logic [TURN_BITS-1:0] turn;  // the divider of `row`
  logic start;
  logic [DIVIDERS-1:0] busy, done;
  logic [DIVIDERS-1:0][ROW_BITS-1:0] row_in_divider;
  logic [DIVIDERS-1:0][QUOTIENT_BITS-1:0] result;

  assign start = summed[row] && !busy[turn];

  for (genvar d = 0; d < DIVIDERS; d++) begin : g_divider
    divider #(
        .DIVIDEND_BITS(RECIPROCAL_BITS),
        .DIVISOR_BITS(SUM_BITS),
        .QUOTIENT_BITS(QUOTIENT_BITS),
        .STEPS(STEPS)
    ) u_divider (
        .clk,
        .rst_n,
        .start(start && turn == TURN_BITS'(d)),
        .dividend(reciprocal[row]),
        .divisor(total[row]),
        .busy(busy[d]),
        .done(done[d]),
        .quotient(result[d])
    );
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      summed <= '0;
      solved <= '0;
      row    <= '0;
      turn   <= '0;
    end else begin
      if (sum_valid && sum_last) summed[sum_row] <= 1'b1;
      if (start) begin
        summed[row] <= 1'b0;
        row         <= (row == ROW_BITS'(ROWS - 1)) ? '0 : row + 1'b1;
        turn        <= (turn == TURN_BITS'(DIVIDERS - 1)) ? '0 : turn + 1'b1;
      end
      if (release_row) solved[released] <= 1'b0;
      for (int unsigned d = 0; d < DIVIDERS; d++) if (done[d]) solved[row_in_divider[d]] <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (sum_valid) total[sum_row] <= sum + (sum_first ? '0 : total[sum_row]);
    if (start) row_in_divider[turn] <= row;
    for (int unsigned d = 0; d < DIVIDERS; d++) if (done[d]) quotient[row_in_divider[d]] <= result[d];
  end
endmodule
