// SPDX-License-Identifier: Apache-2.0
// Rules of an AXI4 read master without IDs, on its AR and R channels (AXI4 specification, A3):
//   reset      no address is offered in the clock after a clock with reset
//   stability  an offered address stays, unchanged, until it is taken
//   bursts     INCR, full width, aligned to a beat, at most MAX_BURST beats, none crosses 4 KB
//   in flight  at most OUTSTANDING bursts are taken and not yet ended
// and of the memory behind it: a beat only for a burst in flight, an offered beat stays unchanged, RLAST
// on the last beat of the burst alone, RRESP free. MEMORY_IS_FREE 1: the memory is the proof's free
// input and its rules are assumed. 0: they are asserted too, of a memory model.
//
// To check a master, instantiate it in a wrapper fv_NAME.sv beside this module (as fv_axi_reader.sv
// does), or in simulation: bind NAME axi_read_checker #(...) u_check (.clk, .rst_n, ...); then add a
// Proof to proofs.py with "axi_read_checker" among its modules.
module axi_read_checker #(
    parameter int unsigned BUS_BITS,
    parameter int unsigned MAX_BURST,
    parameter int unsigned OUTSTANDING,
    parameter bit MEMORY_IS_FREE,
    localparam int unsigned BITS = $clog2(OUTSTANDING + 2)
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                arvalid,
    input  logic                arready,
    input  logic [63:0]         araddr,
    input  logic [7:0]          arlen,
    input  logic [2:0]          arsize,
    input  logic [1:0]          arburst,
    input  logic                rvalid,
    input  logic                rready,
    input  logic [BUS_BITS-1:0] rdata,
    input  logic [1:0]          rresp,
    input  logic                rlast,
    output logic                past,       // not the first clock
    output logic                running,    // the clock before was none of reset
    output logic [BITS-1:0]     in_flight
);
  localparam int unsigned BYTES = BUS_BITS / 8;

  logic ar_waits, r_waits, ar_take, r_end, memory_ok;
  logic [76:0] was_ar;
  logic [BUS_BITS+2:0] was_r;
  logic [OUTSTANDING:0][7:0] length;  // of the bursts in flight, oldest first
  logic [7:0] beat;
  logic [12:0] end_byte;

  initial past = 1'b0;
  assign ar_take  = arvalid && arready;
  assign r_end    = rvalid && rready && rlast;
  assign end_byte = {1'b0, araddr[11:0]} + (13'(arlen) + 13'd1) * 13'(BYTES);
  assign memory_ok = (!rvalid || (in_flight != '0 && rlast == (beat == length[0])))
      && (!r_waits || (rvalid && {rdata, rresp, rlast} == was_r));

  always_ff @(posedge clk) begin
    past     <= 1'b1;
    running  <= rst_n;
    ar_waits <= rst_n && arvalid && !arready;
    r_waits  <= rst_n && rvalid && !rready;
    was_ar   <= {araddr, arlen, arsize, arburst};
    was_r    <= {rdata, rresp, rlast};
    if (!rst_n) begin
      in_flight <= '0;
      beat      <= '0;
    end else begin
      in_flight <= in_flight + BITS'(ar_take) - BITS'(r_end);
      if (rvalid && rready) beat <= rlast ? '0 : beat + 8'd1;
      if (r_end) length <= length >> 8;
      if (ar_take) length[in_flight - BITS'(r_end)] <= arlen;
    end
  end

  always_comb begin
    if (!past) assume (!rst_n);
    if (past) begin
      if (!running) assert (!arvalid);
      if (ar_waits) assert (arvalid && {araddr, arlen, arsize, arburst} == was_ar);
      if (arvalid) begin
        assert (arburst == 2'b01 && (32'd1 << arsize) == BYTES && araddr % BYTES == 0);
        assert (32'(arlen) < MAX_BURST && end_byte <= 13'd4096);
      end
      assert (in_flight <= BITS'(OUTSTANDING));
      if (MEMORY_IS_FREE) assume (memory_ok);
      else assert (memory_ok);
    end
  end
endmodule
