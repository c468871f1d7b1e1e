// SPDX-License-Identifier: Apache-2.0
// Counts the beats that fill one bank of a tile_buffer: outer * inner words of SLICES beats, without a
// multiplier. `last` marks the final beat; then everything restarts at 0.
module word_counter #(
    parameter int unsigned SLICES,  // beats per word
    parameter int unsigned WORDS,   // words in the bank
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    advance,   // a beat is taken in this clock
    input  logic [3:0]              outer,     // loop lengths, >= 1, stable while a bank fills
    input  logic [15:0]             inner,
    output logic [ADDRESS_BITS-1:0] address,
    output logic [SLICE_BITS-1:0]   slice,
    output logic [3:0]              outer_index,
    output logic                    last_word,  // the beat is of the bank's last word
    output logic                    last,
    output logic                    overflow   // this beat ends the bank, but more must follow
);
  logic [15:0] inner_index;
  logic slice_end, inner_end, outer_end;

  assign slice_end  = slice == SLICE_BITS'(SLICES - 1);
  assign inner_end  = inner_index == inner - 16'd1;
  assign outer_end  = outer_index == outer - 4'd1;
  assign last_word  = inner_end && outer_end;
  assign last       = slice_end && last_word;
  assign overflow   = slice_end && !last && address == ADDRESS_BITS'(WORDS - 1);

  always_ff @(posedge clk) begin
    if (!rst_n || (advance && last)) begin
      address      <= '0;
      slice        <= '0;
      inner_index  <= '0;
      outer_index  <= '0;
    end else if (advance && !slice_end) begin
      slice <= slice + 1'b1;
    end else if (advance) begin
      slice       <= '0;
      address     <= address + 1'b1;
      inner_index <= inner_end ? '0 : inner_index + 16'd1;
      if (inner_end) outer_index <= outer_index + 4'd1;
    end
  end
endmodule
