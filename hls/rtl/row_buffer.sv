// SPDX-License-Identifier: Apache-2.0
// BANKS row buffers of WORDS words in one memory, one write and one read a clock, read latency one.
module row_buffer #(
    parameter int unsigned WIDTH,
    parameter int unsigned WORDS,
    parameter int unsigned BANKS,
    localparam int unsigned BANK_BITS = $clog2(BANKS),
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS)
) (
    input  logic                    clk,
    input  logic                    write,
    input  logic [BANK_BITS-1:0]    write_bank,
    input  logic [ADDRESS_BITS-1:0] write_address,
    input  logic [WIDTH-1:0]        write_data,
    input  logic                    read,
    input  logic [BANK_BITS-1:0]    read_bank,
    input  logic [ADDRESS_BITS-1:0] read_address,
    output logic [WIDTH-1:0]        read_data
);
  localparam int unsigned BITS = $clog2(BANKS * WORDS);

  function automatic logic [BITS-1:0] place(logic [BANK_BITS-1:0] bank, logic [ADDRESS_BITS-1:0] address);
    return BITS'(bank) * BITS'(WORDS) + BITS'(address);
  endfunction

  sdp_ram #(
      .WIDTH(WIDTH),
      .DEPTH(BANKS * WORDS)
  ) u_ram (
      .clk,
      .write,
      .write_address(place(write_bank, write_address)),
      .write_data,
      .read,
      .read_address(place(read_bank, read_address)),
      .read_data
  );
endmodule
