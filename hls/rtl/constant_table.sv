// SPDX-License-Identifier: Apache-2.0
// On-chip tables of M and C: one memory a lane, so one channel is written and LANES are read a clock.
// Channel c is word c / LANES of lane c % LANES. Two banks of WORDS words. Read latency one clock.
// A block RAM a lane: the tables of all units together would take as many LUTs as their lanes. Of LUT_WORDS
// words or fewer it is LUT memory, for parts whose block RAMs are scarcer.
module constant_table
  import vector_pkg::*;
#(
    parameter int unsigned LANES,
    parameter int unsigned WORDS,  // >= 2
    parameter int unsigned PARTS,
    parameter int unsigned LUT_WORDS = 0,
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS)
) (
    input  logic                                             clk,
    input  logic        [LANES-1:0]                          write,
    input  logic                                             write_bank,
    input  logic        [ADDRESS_BITS-1:0]                   write_address,
    input  logic signed [PARTS-1:0][M_BITS-1:0]              write_m,
    input  logic signed [C_BITS-1:0]                         write_c,
    input  logic                                             read,
    input  logic                                             read_bank,
    input  logic        [ADDRESS_BITS-1:0]                   read_address,
    output logic signed [LANES-1:0][PARTS-1:0][M_BITS-1:0]   m,
    output logic signed [LANES-1:0][C_BITS-1:0]              c
);
  localparam int unsigned RAM_ADDRESS_BITS = $clog2(2 * WORDS);

  function automatic logic [RAM_ADDRESS_BITS-1:0] place(logic bank, logic [ADDRESS_BITS-1:0] address);
    return (bank ? RAM_ADDRESS_BITS'(WORDS) : '0) + RAM_ADDRESS_BITS'(address);
  endfunction

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    block_ram #(
        .WIDTH(PARTS * M_BITS + C_BITS),
        .DEPTH(2 * WORDS),
        .LUTS(2 * WORDS <= LUT_WORDS)
    ) u_ram (
        .clk,
        .write(write[l]),
        .write_address(place(write_bank, write_address)),
        .write_data({write_m, write_c}),
        .read,
        .read_address(place(read_bank, read_address)),
        .read_data({m[l], c[l]})
    );
  end
endmodule
