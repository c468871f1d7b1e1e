// SPDX-License-Identifier: Apache-2.0
// axi_reader.sv keeps axi_read_checker.sv against any memory, with `stop`, bad RRESPs, addresses, sizes and
// backpressure free; the bursts that it counts are those in flight, so `idle` is true only when there is none.
module fv_axi_reader
  import bat_pkg::*;
#(
    parameter int unsigned MAX_BURST,
    parameter int unsigned OUTSTANDING
) (
    input logic        clk,
    input logic        rst_n,
    input logic        stop,
    input logic        read_valid,
    input read_t       read,
    input logic        out_ready,
    input logic        arready,
    input logic        rvalid,
    input logic [63:0] rdata,
    input logic [1:0]  rresp,
    input logic        rlast
);
  localparam int unsigned BITS = $clog2(OUTSTANDING + 2);
  logic read_ready, out_valid, out_last, idle, error, arvalid, rready, past, running;
  logic [63:0] out_data, error_address, araddr;
  data_t out_target;
  logic [7:0] arlen;
  logic [2:0] arsize, arprot;
  logic [1:0] arburst;
  logic [3:0] arcache;
  logic [BITS-1:0] in_flight;

  axi_reader #(
      .BUS_BITS(64), .MAX_BURST(MAX_BURST), .OUTSTANDING(OUTSTANDING)
  ) dut (
      .*, .m_axi_arvalid(arvalid), .m_axi_arready(arready), .m_axi_araddr(araddr), .m_axi_arlen(arlen),
      .m_axi_arsize(arsize), .m_axi_arburst(arburst), .m_axi_arcache(arcache), .m_axi_arprot(arprot),
      .m_axi_rvalid(rvalid), .m_axi_rready(rready), .m_axi_rdata(rdata), .m_axi_rresp(rresp), .m_axi_rlast(rlast)
  );
  axi_read_checker #(
      .BUS_BITS(64), .MAX_BURST(MAX_BURST), .OUTSTANDING(OUTSTANDING), .MEMORY_IS_FREE(1'b1)
  ) rules (.*);

  // Commands are whole blocks of 64 bytes, at least one.
  read_t spare;
  assign spare = read_t'(dut.u_command.spare_data);
  always_comb if (read_valid) assume (read.bytes[31:6] != '0 && read.bytes[5:0] == '0);

  // RLASTs that wait in the register slice of the R channel.
  logic [1:0] ends_inside;
  assign ends_inside = 2'(dut.beat_valid && dut.beat_last)
      + 2'(dut.u_beats.spare_valid && dut.u_beats.spare_data[66]);
  always_comb begin
    if (past) begin
      assert (32'(in_flight) + 32'(arvalid) + 32'(ends_inside) == 32'(dut.in_flight));
      assert (32'(dut.in_flight) <= OUTSTANDING);
      assert (idle == (in_flight == '0 && !arvalid && ends_inside == '0));
      if (running) assert (dut.pending_ready == (32'(dut.in_flight) != OUTSTANDING));
      // Invariants.
      assert (dut.u_bursts.in_ready == (running && 32'(dut.in_flight) != OUTSTANDING));
      if (dut.active) assert (dut.left != '0);
      if (dut.command_valid) assert (dut.command.bytes[31:6] != '0);
      if (dut.u_command.spare_valid) assert (spare.bytes[31:6] != '0);
    end
    cover (past && arvalid && arready && in_flight != '0 && arlen != 8'(MAX_BURST - 1));
  end
endmodule
