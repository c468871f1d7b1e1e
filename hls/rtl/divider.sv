// SPDX-License-Identifier: Apache-2.0
// quotient = floor(dividend / divisor), unsigned, by restoring division.
//
// The caller knows that the quotient fits QUOTIENT_BITS, that is dividend >> QUOTIENT_BITS <
// divisor: those high bits are the first remainder, and only the other bits take steps.
// STEPS quotient bits a clock. `start` while not `busy` takes the operands; `done` is high for one
// clock, QUOTIENT_BITS/STEPS + 1 clocks later, and then a new division may start.
module divider #(
    parameter int unsigned DIVIDEND_BITS,
    parameter int unsigned DIVISOR_BITS,   // >= DIVIDEND_BITS - QUOTIENT_BITS
    parameter int unsigned QUOTIENT_BITS,  // < DIVIDEND_BITS
    parameter int unsigned STEPS           // divides QUOTIENT_BITS
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic                     start,
    input  logic [DIVIDEND_BITS-1:0] dividend,
    input  logic [DIVISOR_BITS-1:0]  divisor,
    output logic                     busy,
    output logic                     done,
    output logic [QUOTIENT_BITS-1:0] quotient
);
  localparam int unsigned CLOCKS = QUOTIENT_BITS / STEPS;
  localparam int unsigned COUNT_BITS = $clog2(CLOCKS + 1);

  logic [COUNT_BITS-1:0] clocks_left;
  logic [DIVISOR_BITS-1:0] divisor_q, remainder, next_remainder;
  logic [QUOTIENT_BITS-1:0] next_quotient;  // dividend bits leave at the top, quotient bits enter

  if (QUOTIENT_BITS % STEPS != 0) begin : g_check_steps
    $error("divider: STEPS %0d must divide QUOTIENT_BITS %0d", STEPS, QUOTIENT_BITS);
  end
  if (DIVISOR_BITS + QUOTIENT_BITS < DIVIDEND_BITS || QUOTIENT_BITS >= DIVIDEND_BITS) begin : g_check_widths
    $error("divider: widths %0d, %0d, %0d do not fit", DIVIDEND_BITS, DIVISOR_BITS, QUOTIENT_BITS);
  end

  assign busy = clocks_left != '0;

  always_comb begin
    next_remainder = remainder;
    next_quotient  = quotient;
    for (int unsigned step = 0; step < STEPS; step++) begin
      logic [DIVISOR_BITS:0] trial;
      logic fits;
      trial = {next_remainder, next_quotient[QUOTIENT_BITS-1]};
      fits  = trial >= {1'b0, divisor_q};
      next_quotient  = {next_quotient[QUOTIENT_BITS-2:0], fits};
      next_remainder = DIVISOR_BITS'(fits ? trial - {1'b0, divisor_q} : trial);
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      clocks_left <= '0;
      done        <= 1'b0;
    end else begin
      done <= clocks_left == COUNT_BITS'(1);
      if (busy) clocks_left <= clocks_left - 1'b1;
      else if (start) clocks_left <= COUNT_BITS'(CLOCKS);
    end
  end

  always_ff @(posedge clk) begin
    if (busy) begin
      remainder <= next_remainder;
      quotient  <= next_quotient;
    end else if (start) begin
      divisor_q <= divisor;
      remainder <= DIVISOR_BITS'(dividend >> QUOTIENT_BITS);
      quotient  <= QUOTIENT_BITS'(dividend);
    end
  end
endmodule
