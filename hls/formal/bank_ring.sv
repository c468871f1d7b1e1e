// SPDX-License-Identifier: Apache-2.0
// Properties of BANKS buffers that are filled and emptied in ring order (ping-pong for 2):
//   overrun    no write into a bank that is full; hence none into a bank that is being read
//   order      banks fill in turn and empty in turn
//   underrun   only a full bank is emptied, and it is the oldest
//   state      `full[b]` says exactly which banks hold something
// `held`, `oldest` and `next` are ghosts: banks full, the one to empty next, the one to fill next.
module bank_ring #(
    parameter int unsigned BANKS,
    localparam int unsigned BITS = $clog2(BANKS),
    localparam int unsigned HELD_BITS = $clog2(BANKS + 1)
) (
    input  logic                 clk,
    input  logic                 rst_n,
    input  logic                 past,      // not the first clock
    input  logic                 write,     // something goes into `write_bank`
    input  logic [BITS-1:0]      write_bank,
    input  logic                 complete,  // and with it the bank is full
    input  logic                 empty,     // `empty_bank` is given back
    input  logic [BITS-1:0]      empty_bank,
    input  logic [BANKS-1:0]     full,
    output logic [HELD_BITS-1:0] held,
    output logic [BITS-1:0]      oldest,
    output logic [BITS-1:0]      next
);
  function automatic logic [BITS-1:0] after(logic [BITS-1:0] bank);
    return (bank == BITS'(BANKS - 1)) ? '0 : bank + 1'b1;
  endfunction

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      held   <= '0;
      oldest <= '0;
      next   <= '0;
    end else begin
      held <= held + HELD_BITS'(complete) - HELD_BITS'(empty);
      if (complete) next <= after(next);
      if (empty) oldest <= after(oldest);
    end
  end

  logic [BANKS-1:0] model;
  always_comb begin
    model = '0;
    for (int unsigned b = 0; b < BANKS; b++) begin
      if ((b + BANKS - 32'(oldest)) % BANKS < 32'(held)) model[b] = 1'b1;
    end
  end

  always_comb begin
    if (past) begin
      assert (held <= HELD_BITS'(BANKS) && 32'(oldest) < BANKS && 32'(next) < BANKS);
      assert (32'(next) == (32'(oldest) + 32'(held)) % BANKS);
      assert (full == model);
      assert (write_bank == next);
      if (write) assert (!full[write_bank] && held < HELD_BITS'(BANKS));
      if (complete) assert (write);
      if (empty) assert (held != '0 && empty_bank == oldest);
    end
    cover (past && held == HELD_BITS'(BANKS) && empty);
    cover (past && write && empty && write_bank != empty_bank);
  end
endmodule
