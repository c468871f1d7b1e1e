// SPDX-License-Identifier: Apache-2.0
// Stands in for MHA in tests of control and streams: passes rows through, after it has read the first
// 64 bytes of the layer's descriptor. It adds 1 to every value. Word 0 of a descriptor may ask for a
// fault: 1 stop for good, 2 report a bad descriptor, 3 an internal error.
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off PINCONNECTEMPTY */
module bat_mha
  import bat_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned LANES,
    parameter int unsigned VU_LANES,
    parameter int unsigned QU_LANES,
    parameter int unsigned SOFTMAX_LANES,
    parameter int unsigned PARTS,
    parameter int unsigned A_TOKENS,
    parameter int unsigned RESULT_TILES,
    parameter int unsigned V_CHANNELS,
    parameter int unsigned MAX_HEAD,
    parameter int unsigned LUT_WORDS,
    parameter int unsigned MAX_BITS,
    parameter int unsigned MAX_TOKENS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_HEADS,
    parameter int unsigned BUS_BITS
) (
    input  logic                       clk,
    input  logic                       rst_n,
    input  program_t                   shape,
    input  logic                       stop,
    output logic                       reader_idle,
    input  logic                       reading,
    input  logic                       s_read_valid,
    output logic                       s_read_ready,
    input  read_t                      s_read,
    output logic                       m_read_valid,
    input  logic                       m_read_ready,
    output logic [BUS_BITS-1:0]        m_read_data,
    input  logic                       s_work_valid,
    output logic                       s_work_ready,
    input  work_t                      s_work,
    output logic                       m_work_valid,
    input  logic                       m_work_ready,
    output work_t                      m_work,
    input  logic                       s_input_valid,
    output logic                       s_input_ready,
    input  logic [16*LANES-1:0]        s_input_data,
    input  logic                       s_back_valid,
    output logic                       s_back_ready,
    input  logic [16*LANES-1:0]        s_back_data,
    output logic                       m_rows_valid,
    input  logic                       m_rows_ready,
    output logic [16*LANES-1:0]        m_rows_data,
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
    output logic                       stall_softmax,
    output logic                       stall_ln
);
  logic        read_valid, read_ready, data_valid, data_ready, bus_error;
  read_t       read, own_read;
  logic [BUS_BITS-1:0] data;
  logic        own_valid, own_ready;
  logic        from_input;
  work_t       item;
  logic [31:0] item_error;

  // Control owns the reader while `reading`.
  assign read_valid   = reading ? s_read_valid : own_valid;
  assign read         = reading ? s_read : own_read;
  assign s_read_ready = reading && read_ready;
  assign m_read_valid = reading && data_valid;
  assign m_read_data  = data;
  assign data_ready   = reading ? m_read_ready : own_ready;
  assign error_code   = bus_error ? 32'd8 : item_error;

  axi_reader #(.BUS_BITS(BUS_BITS), .MAX_BURST(16), .OUTSTANDING(4)) u_reader (
      .clk, .rst_n, .stop, .read_valid, .read_ready, .read,
      .out_valid(data_valid), .out_ready(data_ready), .out_data(data), .out_target(), .out_last(),
      .idle(reader_idle), .error(bus_error), .error_address(),
      .m_axi_arvalid, .m_axi_arready, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arcache, .m_axi_arprot, .m_axi_rvalid, .m_axi_rready, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast
  );

  logic rows_in_valid, rows_in_ready;
  assign rows_in_valid = from_input ? s_input_valid : s_back_valid;
  assign s_input_ready = from_input && rows_in_ready;
  assign s_back_ready  = !from_input && rows_in_ready;
  echo_item #(.LANES(LANES), .BUS_BITS(BUS_BITS), .STEP(1)) u_item (
      .clk, .rst_n, .shape, .s_work_valid, .s_work_ready, .s_work, .from_input,
      .read_valid(own_valid), .read_ready(read_ready && !reading), .read(own_read),
      .data_valid(data_valid && !reading), .data_ready(own_ready), .data,
      .m_work_valid, .m_work_ready, .m_work(item),
      .rows_valid(rows_in_valid), .rows_ready(rows_in_ready), .rows(from_input ? s_input_data : s_back_data),
      .out_valid(m_rows_valid), .out_ready(m_rows_ready), .out(m_rows_data), .out_last_layer(),
      .error(item_error), .busy
  );
  // FFN takes every item's rows from here.
  always_comb begin
    m_work            = item;
    m_work.from_input = 1'b0;
  end
  assign taking          = m_rows_valid && m_rows_ready;
  assign wait_weight     = 1'b0;
  assign stall_softmax   = busy && !taking;
  assign stall_ln        = 1'b0;
  assign saturated_valid = taking;
  assign saturated       = 32'd1;
endmodule
