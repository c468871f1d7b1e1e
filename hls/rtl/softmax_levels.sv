// SPDX-License-Identifier: Apache-2.0
// Third pass: reads a row of exponentials, a beat per clock, and makes its k-bit probabilities:
//   p = min((e * R + (1 << (np-1))) >> np, 2^k - 1)
// Past np = 41 the result is 0, as at 41, since e * R < 2^39. Lanes beyond the row hold e = 0 and give 0. `enable`
// holds the whole pass while a beat waits to leave. Clock t: read; t+1: exponentials; t+2: product + half;
// t+4: shifted (step_shift.sv); t+5: beat.
module softmax_levels
  import softmax_pkg::*;
  import vector_pkg::STEP;
  import vector_pkg::step_t;
  import vector_pkg::step_of;
#(
    parameter int unsigned LANES,
    parameter int unsigned INDEX_BITS
) (
    input  logic                                    clk,
    input  logic                                    rst_n,
    input  logic                                    row_solved,  // the row to read is complete
    input  logic [15:0]                             keys,        // of that row, as the two below
    input  level_t                                  level,
    input  logic [QUOTIENT_BITS-1:0]                quotient,
    output logic                                    enable,
    output logic [INDEX_BITS-1:0]                   read_index,
    output logic                                    row_done,
    input  logic [LANES-1:0][EXPONENT_BITS-1:0]     exponentials,
    output logic                                    beat_valid,
    input  logic                                    beat_ready,
    output logic [LANES-1:0][7:0]                   beat,
    output logic                                    beat_last
);
  localparam int unsigned PRODUCT_BITS = 42;  // e * R + half < 2^41
  localparam logic [5:0] MOST = 6'd41;        // np that gives 0 always

  logic read, last, unused_first;
  logic [LANES-1:0] unused_keep;
  logic [4:1] valid_q, last_q;
  logic [5:0] shift, shift_1;  // np, at most MOST
  logic [3:0] bits_1, bits_2;
  step_t step_2;
  logic [7:0] highest_3, highest_4;  // 2^k - 1
  logic [LANES-1:0][7:0] low;
  logic [LANES-1:0] above;
  logic unused_shift;

  assign shift        = (level.shift > MOST) ? MOST : level.shift;
  assign unused_shift = shift == '0;

  assign enable   = !beat_valid || beat_ready;
  assign read     = row_solved && enable;
  assign row_done = read && last;

  row_counter #(
      .LANES(LANES),
      .INDEX_BITS(INDEX_BITS)
  ) u_counter (
      .clk,
      .rst_n,
      .advance(read),
      .keys,
      .index(read_index),
      .first(unused_first),
      .last,
      .keep (unused_keep)
  );

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    logic signed [47:0] product;
    logic signed [48-STEP:0] shifted;
    logic [1:0] unused_fit;
    logic sign, too_far, zeros, ones, unused;

    dsp_mac #(
        .PRE(1'b0),
        .PLUS(1'b0),
        .A_REG(1'b1),
        .B_REG(1'b0),
        .C_REG(1'b1),
        .M_REG(1'b0),
        .ADD(1'b1),
        .FIT(47)
    ) u_product (
        .clk,
        .enable,
        .a(27'(quotient)),
        .d('0),
        .b(18'(exponentials[l])),
        .c(48'd1 << (shift - 6'd1)),
        .p(product),
        .zeros(unused_fit[0]),
        .ones(unused_fit[1])
    );
    step_shift #(
        .VALUE_BITS(PRODUCT_BITS),
        .BASE(0),
        .STEP(STEP),
        .KEEP(8),
        .FIT(8),
        .M_REG(1'b0),
        .ADD(1'b0)
    ) u_shift (
        .clk,
        .enable,
        .value(product[PRODUCT_BITS-1:0]),
        .coarse(step_2.coarse),
        .factor(step_2.factor),
        .c((48'd1 << (5'(STEP - 1) + 5'(bits_2))) - 48'd1),
        .level(shifted),
        .sign,
        .too_far,
        .zeros,
        .ones
    );
    assign low[l]   = shifted[7:0];
    assign above[l] = too_far || !zeros;
    assign unused   = &{1'b0, product, shifted, unused_fit, sign, ones};
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid_q    <= '0;
      beat_valid <= 1'b0;
    end else if (enable) begin
      valid_q    <= {valid_q[3:1], row_solved};
      beat_valid <= valid_q[4];
    end
  end

  always_ff @(posedge clk) begin
    if (enable) begin
      last_q    <= {last_q[3:1], last};
      shift_1   <= shift;
      step_2    <= step_of(shift_1);
      bits_1    <= level.bits;
      bits_2    <= bits_1;
      highest_3 <= ~8'(9'h1FF << bits_2);
      highest_4 <= highest_3;
      beat_last <= last_q[4];
      for (int unsigned l = 0; l < LANES; l++) beat[l] <= above[l] ? highest_4 : low[l];
    end
  end
endmodule
