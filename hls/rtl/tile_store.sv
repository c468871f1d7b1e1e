// SPDX-License-Identifier: Apache-2.0
// FIFO of whole result tiles between array and drain: TILES in a memory (distributed RAM; one alone takes
// flip-flops and no LUT) and one more in the register `head`. Whoever writes has seen to it that there is room: `freed` tells of
// every tile that leaves the memory. Latency from `write` to `head_valid`: two clocks; tiles that
// wait follow each other in `head` without a bubble.
module tile_store #(
    parameter int unsigned WIDTH,
    parameter int unsigned TILES
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             write,
    input  logic [WIDTH-1:0] write_data,
    output logic             freed,
    output logic             head_valid,
    input  logic             take,        // the head is done with at the end of this clock
    output logic [WIDTH-1:0] head
);
  localparam int unsigned ADDRESS_BITS = (TILES > 1) ? $clog2(TILES) : 1;
  localparam int unsigned COUNT_BITS = $clog2(TILES + 1);
  typedef logic [ADDRESS_BITS-1:0] address_t;

  address_t write_address, read_address;
  logic [COUNT_BITS-1:0] count;

  assign freed = count != '0 && (take || !head_valid);

  function automatic address_t after(address_t address);
    return (address == address_t'(TILES - 1)) ? '0 : address + 1'b1;
  endfunction

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      {write_address, read_address, count} <= '0;
      head_valid <= 1'b0;
    end else begin
      if (write) write_address <= after(write_address);
      if (freed) read_address <= after(read_address);
      count <= count + COUNT_BITS'(write) - COUNT_BITS'(freed);
      if (freed) head_valid <= 1'b1;
      else if (take) head_valid <= 1'b0;
    end
  end

  if (TILES == 1) begin : g_register
    logic [WIDTH-1:0] held;
    always_ff @(posedge clk) begin
      if (write) held <= write_data;
      if (freed) head <= held;
    end
  end else begin : g_memory
    sdp_ram #(
        .WIDTH(WIDTH),
        .DEPTH(TILES)
    ) u_ram (
        .clk,
        .write,
        .write_address,
        .write_data,
        .read(freed),
        .read_address,
        .read_data(head)
    );
  end
endmodule
