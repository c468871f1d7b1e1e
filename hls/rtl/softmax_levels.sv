// SPDX-License-Identifier: Apache-2.0
// Third pass: reads a row of exponentials, a beat per clock, and makes its k-bit probabilities:
//   p = min((e * R + (1 << (np-1))) >> np, 2^k - 1), computed as min(((e * R >> (np-1)) + 1) >> 1, 2^k - 1)
// Lanes beyond the row hold e = 0 and give 0. `enable` holds the whole pass while a beat waits to
// leave. Clock t: read; t+1: exponentials; t+2: product; t+3: shifted; t+4: beat.
module softmax_levels
  import softmax_pkg::*;
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
  localparam int unsigned PRODUCT_BITS = RECIPROCAL_BITS;  // e * R <= Kp
  localparam int unsigned KEEP = 9;  // a level of 8 bits, doubled

  logic read, last, unused_first;
  logic [LANES-1:0] unused_keep;
  logic [3:1] valid_q, last_q;
  level_t level_1;
  logic [3:0] bits_2;
  logic [5:0] shift_2;   // np - 1
  logic [KEEP-1:0] beyond_3;  // bits above a level's
  logic [QUOTIENT_BITS-1:0] quotient_1;
  logic [LANES-1:0][PRODUCT_BITS-1:0] product;
  logic [LANES-1:0][KEEP-1:0] doubled;
  logic [LANES-1:0] more, unused_sign;

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
    shift_window #(
        .WIDTH(PRODUCT_BITS + 1),
        .KEEP (KEEP),
        .SPLIT(1'b0)
    ) u_shift (
        .clk,
        .enable,
        .value ({1'b0, product[l]}),
        .coarse(shift_2[5:4]),
        .fine  (shift_2[3:0]),
        .kept  (doubled[l]),
        .sign  (unused_sign[l]),
        .over  (more[l])
    );
  end

  function automatic logic [7:0] clipped(logic [KEEP-1:0] twice, logic far, logic [KEEP-1:0] beyond);
    logic [KEEP-1:0] rounded;
    rounded = KEEP'(((KEEP + 1)'(1) + (KEEP + 1)'(twice)) >> 1);
    return (far || (rounded & beyond) != '0) ? ~beyond[7:0] : rounded[7:0];
  endfunction

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      valid_q    <= '0;
      beat_valid <= 1'b0;
    end else if (enable) begin
      valid_q    <= {valid_q[2:1], row_solved};
      beat_valid <= valid_q[3];
    end
  end

  always_ff @(posedge clk) begin
    if (enable) begin
      last_q     <= {last_q[2:1], last};
      level_1    <= level;
      bits_2     <= level_1.bits;
      shift_2    <= level_1.shift - 6'd1;
      beyond_3   <= {KEEP{1'b1}} << bits_2;
      quotient_1 <= quotient;
      beat_last  <= last_q[3];
      for (int unsigned l = 0; l < LANES; l++) begin
        product[l] <= PRODUCT_BITS'(exponentials[l]) * PRODUCT_BITS'(quotient_1);
        beat[l]    <= clipped(doubled[l], more[l], beyond_3);
      end
    end
  end
endmodule
