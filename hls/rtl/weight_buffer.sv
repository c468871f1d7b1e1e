// SPDX-License-Identifier: Apache-2.0
// Double buffer of weight words, a word being SIMD bits of each of OUTPUTS outputs. Written in
// narrow beats, 64 bits of a group of outputs, each group and 64-bit part a memory of its own; read a
// whole word a clock, latency one clock. A write of part 0 writes `write_rest` into the other parts,
// so a word whose later parts never come is complete.
module weight_buffer #(
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned BEAT_BITS,
    parameter int unsigned WORDS,  // words of a bank, >= 2
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned GROUPS = 64 * OUTPUTS / BEAT_BITS,
    localparam int unsigned PARTS = SIMD / 64,
    localparam int unsigned GROUP_BITS = (GROUPS > 1) ? $clog2(GROUPS) : 1,
    localparam int unsigned PART_BITS = (PARTS > 1) ? $clog2(PARTS) : 1
) (
    input  logic                         clk,
    input  logic                         write,
    input  logic                         write_bank,
    input  logic [ADDRESS_BITS-1:0]      write_address,
    input  logic [GROUP_BITS-1:0]        write_group,
    input  logic [PART_BITS-1:0]         write_part,
    input  logic [BEAT_BITS-1:0]         write_data,
    input  logic [BEAT_BITS-1:0]         write_rest,
    input  logic                         read,
    input  logic                         read_bank,
    input  logic [ADDRESS_BITS-1:0]      read_address,
    output logic [OUTPUTS-1:0][SIMD-1:0] word
);
  localparam int unsigned RAM_ADDRESS_BITS = $clog2(2 * WORDS);
  localparam int unsigned MEMBERS = BEAT_BITS / 64;  // outputs of a group

  function automatic logic [RAM_ADDRESS_BITS-1:0] place(logic bank, logic [ADDRESS_BITS-1:0] address);
    return (bank ? RAM_ADDRESS_BITS'(WORDS) : '0) + RAM_ADDRESS_BITS'(address);
  endfunction

  for (genvar g = 0; g < GROUPS; g++) begin : g_group
    for (genvar s = 0; s < PARTS; s++) begin : g_part
      logic [MEMBERS-1:0][63:0] read_data;
      sdp_ram #(
          .WIDTH(BEAT_BITS),
          .DEPTH(2 * WORDS)
      ) u_ram (
          .clk,
          .write(write && write_group == GROUP_BITS'(g) && (write_part == PART_BITS'(s) || write_part == '0)),
          .write_address(place(write_bank, write_address)),
          .write_data((s == 0) ? write_data : write_rest),
          .read,
          .read_address(place(read_bank, read_address)),
          .read_data
      );
      for (genvar m = 0; m < MEMBERS; m++) begin : g_member
        assign word[g*MEMBERS+m][64*s+:64] = read_data[m];
      end
    end
  end
endmodule
