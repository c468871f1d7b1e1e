// SPDX-License-Identifier: Apache-2.0
// Synchronous FIFO of exactly DEPTH entries, first word fall-through: `out_data` is the oldest entry
// whenever `out_valid`, and `out_valid && out_ready` removes it.
//
// Order: first in, first out. II = 1 on both sides, also at once. Latency 1 clock: an entry taken in
// clock t can leave in clock t + 1. No combinational path joins the two sides; `in_ready` is a
// register, so a full FIFO that gives an entry away in clock t takes the next one in clock t + 1.
// `count`: entries held in this clock, 0..DEPTH, a register; all entries count, in memory or not.
// `in_ready` is 0 from the first clock edge with `rst_n` 0 until one edge after it is 1 again, so
// that no entry is taken and lost; reset empties the FIFO.
//
// STORAGE. DEPTH words with asynchronous read and no reset: it maps to distributed RAM.
// REGISTERED 1 adds a register for the head, so `out_data` comes straight from a flip-flop instead of
// through the RAM; capacity and latency stay the same (an entry goes past an empty memory).
module sync_fifo #(
    parameter int unsigned WIDTH,  // bits of an entry, >= 1
    parameter int unsigned DEPTH,  // entries, >= 2; any number
    parameter bit REGISTERED,      // 1: `out_data` and `out_valid` are flip-flops
    localparam int unsigned COUNT_BITS = $clog2(DEPTH + 1)
) (
    input  logic                  clk,
    input  logic                  rst_n,      // synchronous, active low
    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic [WIDTH-1:0]      in_data,
    output logic                  out_valid,
    input  logic                  out_ready,
    output logic [WIDTH-1:0]      out_data,
    output logic [COUNT_BITS-1:0] count
);
  if (WIDTH < 1 || DEPTH < 2) begin : g_check_shape
    $error("sync_fifo: WIDTH %0d must be >= 1 and DEPTH %0d >= 2", WIDTH, DEPTH);
  end
  localparam int unsigned ADDRESS_BITS = $clog2(DEPTH);
  typedef logic [ADDRESS_BITS-1:0] address_t;

  logic [WIDTH-1:0] memory[DEPTH];
  address_t write_address, read_address;
  logic push, pop;      // through the ports
  logic write, read;    // of the memory
  logic [COUNT_BITS-1:0] next_count;

  function automatic address_t after(address_t address);
    return (address == address_t'(DEPTH - 1)) ? '0 : address + 1'b1;
  endfunction

  assign push       = in_valid && in_ready;
  assign pop        = out_valid && out_ready;
  assign next_count = count + COUNT_BITS'(push) - COUNT_BITS'(pop);

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      in_ready      <= 1'b0;
      count         <= '0;
      write_address <= '0;
      read_address  <= '0;
    end else begin
      in_ready <= next_count != COUNT_BITS'(DEPTH);
      count    <= next_count;
      if (write) write_address <= after(write_address);
      if (read) read_address <= after(read_address);
    end
  end
  always_ff @(posedge clk) begin
    if (write) memory[write_address] <= in_data;
  end

  if (REGISTERED) begin : g_registered
    logic advance, stored;  // the register may change; the memory holds an entry

    assign advance = out_ready || !out_valid;
    assign stored  = count > COUNT_BITS'(out_valid);
    assign read    = advance && stored;
    assign write   = push && !(advance && !stored);
    always_ff @(posedge clk) begin
      if (!rst_n) out_valid <= 1'b0;
      else if (advance) out_valid <= stored || push;
    end
    always_ff @(posedge clk) begin
      if (advance) out_data <= stored ? memory[read_address] : in_data;
    end
  end else begin : g_direct
    assign out_valid = count != '0;
    assign out_data  = memory[read_address];
    assign write     = push;
    assign read      = pop;
  end
endmodule
