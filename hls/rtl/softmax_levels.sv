// SPDX-License-Identifier: Apache-2.0
// Third pass: reads a row of exponentials, a beat per clock, and makes its k-bit probabilities:
//   p = min((e * R + (1 << (np-1))) >> np, 2^k - 1)
// Lanes beyond the row hold e = 0 and give 0. `enable` holds the whole pass while a beat waits to
// leave. Clock t: read; t+1: exponentials; t+2: product; t+3: with half; t+4: beat.
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
  // e * R <= Kp < 2^39, and half is below 2^39 or the probability is 0 in any case.
  localparam int unsigned LEVEL_BITS = RECIPROCAL_BITS + 1;

  logic read, last, unused_first;
  logic [LANES-1:0] unused_keep;
  logic [3:1] valid_q, last_q;
  level_t level_1, level_2, level_3;
  logic [QUOTIENT_BITS-1:0] quotient_1;
  logic [LANES-1:0][LEVEL_BITS-1:0] product, rounded;

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

  function automatic logic [7:0] clipped(logic [LEVEL_BITS-1:0] value, level_t constants);
    logic [LEVEL_BITS-1:0] shifted, most;
    shifted = value >> constants.shift;
    most = (LEVEL_BITS'(1) << constants.bits) - 1'b1;
    return (shifted > most) ? most[7:0] : shifted[7:0];
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
      level_2    <= level_1;
      level_3    <= level_2;
      quotient_1 <= quotient;
      beat_last  <= last_q[3];
      for (int unsigned l = 0; l < LANES; l++) begin
        product[l] <= LEVEL_BITS'(exponentials[l]) * LEVEL_BITS'(quotient_1);
        rounded[l] <= product[l] + (LEVEL_BITS'(1) << (level_2.shift - 6'd1));
        beat[l]    <= clipped(rounded[l], level_3);
      end
    end
  end
endmodule
