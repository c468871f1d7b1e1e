// SPDX-License-Identifier: Apache-2.0
// Stands in for FFN in tests of control and streams: passes rows through, after it has read the first
// 64 bytes of the layer's descriptor. It adds 256 to every value. Word 0 of a descriptor may ask for a
// fault: 1 stop for good, 2 report a bad descriptor, 3 an internal error.
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off PINCONNECTEMPTY */
module bat_ffn
  import bat_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned LANES,
    parameter int unsigned VU_LANES,
    parameter int unsigned QU_LANES,
    parameter int unsigned PARTS,
    parameter int unsigned A_TOKENS,
    parameter int unsigned RESULT_TILES,
    parameter int unsigned LUT_WORDS,
    parameter int unsigned MAX_BITS,
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_FFN,
    parameter int unsigned BUS_BITS
) (
    input  logic                       clk,
    input  logic                       rst_n,
    input  program_t                   shape,
    input  logic                       stop,
    output logic                       reader_idle,
    input  logic                       s_work_valid,
    output logic                       s_work_ready,
    input  work_t                      s_work,
    output logic                       m_work_valid,
    input  logic                       m_work_ready,
    output work_t                      m_work,
    output logic                       m_out_work_valid,
    input  logic                       m_out_work_ready,
    output work_t                      m_out_work,
    input  logic                       s_rows_valid,
    output logic                       s_rows_ready,
    input  logic [16*LANES-1:0]        s_rows_data,
    output logic                       m_back_valid,
    input  logic                       m_back_ready,
    output logic [16*LANES-1:0]        m_back_data,
    output logic                       m_out_valid,
    input  logic                       m_out_ready,
    output logic [16*LANES-1:0]        m_out_data,
    output logic                       m_axi_arvalid,
    input  logic                       m_axi_arready,
    output logic [63:0]                m_axi_araddr,
    output logic [7:0]                 m_axi_arlen,
    output logic [2:0]                 m_axi_arsize,
    output logic [1:0]                 m_axi_arburst,
    output logic [3:0]                 m_axi_arcache,
    output logic [2:0]                 m_axi_arprot,
    input  logic                       m_axi_rvalid,
    output logic                       m_axi_rready,
    input  logic [BUS_BITS-1:0]        m_axi_rdata,
    input  logic [1:0]                 m_axi_rresp,
    input  logic                       m_axi_rlast,
    output logic [31:0]                error_code,
    output logic                       saturated_valid,
    output logic [31:0]                saturated,
    output logic                       busy,
    output logic                       taking,
    output logic                       wait_weight,
    output logic                       stall_ln
);
  logic        read_valid, read_ready, data_valid, data_ready, bus_error;
  logic [31:0] item_error;
  read_t       read;
  logic [BUS_BITS-1:0] data;
  work_t       work, next;
  logic        next_valid, next_ready, out_valid, out_ready, to_output;

  assign error_code = bus_error ? 32'd8 : item_error;
  axi_reader #(.BUS_BITS(BUS_BITS), .MAX_BURST(16), .OUTSTANDING(4)) u_reader (
      .clk, .rst_n, .stop, .read_valid, .read_ready, .read,
      .out_valid(data_valid), .out_ready(data_ready), .out_data(data), .out_target(), .out_last(),
      .idle(reader_idle), .error(bus_error), .error_address(),
      .m_axi_arvalid, .m_axi_arready, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arcache, .m_axi_arprot, .m_axi_rvalid, .m_axi_rready, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast
  );

  echo_item #(.LANES(LANES), .BUS_BITS(BUS_BITS), .STEP(256)) u_item (
      .clk, .rst_n, .shape, .s_work_valid, .s_work_ready, .s_work, .from_input(),
      .read_valid, .read_ready, .read, .data_valid, .data_ready, .data,
      .m_work_valid(next_valid), .m_work_ready(next_ready), .m_work(work),
      .rows_valid(s_rows_valid), .rows_ready(s_rows_ready), .rows(s_rows_data),
      .out_valid, .out_ready, .out(m_out_data), .out_last_layer(to_output), .error(item_error), .busy
  );

  always_comb begin
    next            = work;
    next.layer      = work.layer + 1'b1;
    next.last_layer = next.layer + 8'd1 == shape.layers;
    next.from_input = 1'b0;
  end
  assign m_work           = next;
  assign m_out_work       = work;
  assign m_work_valid     = next_valid && !work.last_layer;
  assign m_out_work_valid = next_valid && work.last_layer;
  assign next_ready       = work.last_layer ? m_out_work_ready : m_work_ready;
  assign m_out_valid      = out_valid && to_output;
  assign m_back_valid     = out_valid && !to_output;
  assign m_back_data      = m_out_data;
  assign out_ready        = to_output ? m_out_ready : m_back_ready;
  assign taking           = out_valid && out_ready;
  assign wait_weight      = busy && !taking;
  assign stall_ln         = 1'b0;
  assign saturated_valid  = 1'b0;
  assign saturated        = 32'd0;
endmodule
