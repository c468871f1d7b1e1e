// SPDX-License-Identifier: Apache-2.0
// The sum of a row's exponentials and its one division: D = sum e; R = floor(Kp / D).
// Rows are summed and divided in turn; a row's sum waits while the divider is at an earlier row.
// `solved[r]`: quotient[r] is valid, until the third pass releases the row.
module softmax_reciprocal
  import softmax_pkg::*;
#(
    parameter int unsigned ROWS,
    parameter int unsigned ROW_BITS,
    parameter int unsigned SUM_BITS,
    parameter int unsigned STEPS      // quotient bits a clock
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
  logic [ROWS-1:0][SUM_BITS-1:0] total;
  logic [ROWS-1:0] summed;
  logic [ROW_BITS-1:0] row, row_in_divider;
  logic start, busy, done;
  logic [QUOTIENT_BITS-1:0] result;

  assign start = summed[row] && !busy;

  divider #(
      .DIVIDEND_BITS(RECIPROCAL_BITS),
      .DIVISOR_BITS(SUM_BITS),
      .QUOTIENT_BITS(QUOTIENT_BITS),
      .STEPS(STEPS)
  ) u_divider (
      .clk,
      .rst_n,
      .start,
      .dividend(reciprocal[row]),
      .divisor(total[row]),
      .busy,
      .done,
      .quotient(result)
  );

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      summed <= '0;
      solved <= '0;
      row    <= '0;
    end else begin
      if (sum_valid && sum_last) summed[sum_row] <= 1'b1;
      if (start) begin
        summed[row] <= 1'b0;
        row         <= (row == ROW_BITS'(ROWS - 1)) ? '0 : row + 1'b1;
      end
      if (release_row) solved[released] <= 1'b0;
      if (done) solved[row_in_divider] <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (sum_valid) total[sum_row] <= sum + (sum_first ? '0 : total[sum_row]);
    if (start) row_in_divider <= row;
    if (done) quotient[row_in_divider] <= result;
  end
endmodule
