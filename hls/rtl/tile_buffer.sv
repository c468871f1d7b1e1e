// SPDX-License-Identifier: Apache-2.0
// Double buffer of wide words, written in narrow beats. A word is SLICES beats; each slice is a
// memory of its own, so a beat is written as it comes and a whole word is read in one clock.
// Two banks of WORDS words: one fills while the other is read.
module tile_buffer #(
    parameter int unsigned BEAT_BITS,  // bits of one beat
    parameter int unsigned SLICES,     // beats in one word
    parameter int unsigned WORDS,      // words in one bank, >= 2
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1
) (
    input  logic                             clk,
    input  logic                             write,
    input  logic                             write_bank,
    input  logic [ADDRESS_BITS-1:0]          write_address,
    input  logic [SLICE_BITS-1:0]            write_slice,
    input  logic [BEAT_BITS-1:0]             write_data,
    input  logic                             read,
    input  logic                             read_bank,
    input  logic [ADDRESS_BITS-1:0]          read_address,
    output logic [SLICES-1:0][BEAT_BITS-1:0] word
);
  localparam int unsigned RAM_ADDRESS_BITS = $clog2(2 * WORDS);

  function automatic logic [RAM_ADDRESS_BITS-1:0] place(logic bank, logic [ADDRESS_BITS-1:0] address);
    return (bank ? RAM_ADDRESS_BITS'(WORDS) : '0) + RAM_ADDRESS_BITS'(address);
  endfunction

  for (genvar s = 0; s < SLICES; s++) begin : g_slice
    sdp_ram #(
        .WIDTH(BEAT_BITS),
        .DEPTH(2 * WORDS)
    ) u_ram (
        .clk,
        .write(write && write_slice == SLICE_BITS'(s)),
        .write_address(place(write_bank, write_address)),
        .write_data,
        .read,
        .read_address(place(read_bank, read_address)),
        .read_data(word[s])
    );
  end
endmodule
