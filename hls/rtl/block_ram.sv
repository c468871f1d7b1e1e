// SPDX-License-Identifier: Apache-2.0
// sdp_ram.sv that stays a block RAM also where it is shallow, for wide tables where LUTs are scarcer; or, with LUTS,
// stays in LUTs also where it is deep, where block RAMs are.
module block_ram #(
    parameter int unsigned WIDTH,
    parameter int unsigned DEPTH,
    parameter bit          LUTS = 1'b0
) (
    input  logic                     clk,
    input  logic                     write,
    input  logic [$clog2(DEPTH)-1:0] write_address,
    input  logic [WIDTH-1:0]         write_data,
    input  logic                     read,
    input  logic [$clog2(DEPTH)-1:0] read_address,
    output logic [WIDTH-1:0]         read_data
);
  if (LUTS) begin : g_luts
    (* ram_style = "distributed" *) logic [WIDTH-1:0] memory[DEPTH];
    always_ff @(posedge clk) begin
      if (write) memory[write_address] <= write_data;
      if (read) read_data <= memory[read_address];
    end
  end else begin : g_block
    (* ram_style = "block" *) logic [WIDTH-1:0] memory[DEPTH];
    always_ff @(posedge clk) begin
      if (write) memory[write_address] <= write_data;
      if (read) read_data <= memory[read_address];
    end
  end
endmodule
