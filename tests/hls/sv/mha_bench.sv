// SPDX-License-Identifier: Apache-2.0
// Module MHA with every stream in the form of the test harness. s_program: program_t, once. s_ask: how many
// work items; when so many have left, m_total offers {clocks with stall_softmax, with `taking`, saturated values}.
module mha_bench
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
    input  logic                clk,
    input  logic                rst_n,
    output logic [31:0]         error_code,
    input  logic                s_program_tvalid,
    output logic                s_program_tready,
    input  logic [215:0]        s_program_tdata,
    input  logic                s_work_tvalid,
    output logic                s_work_tready,
    input  logic [31:0]         s_work_tdata,
    input  logic                s_input_tvalid,
    output logic                s_input_tready,
    input  logic [16*LANES-1:0] s_input_tdata,
    input  logic                s_back_tvalid,
    output logic                s_back_tready,
    input  logic [16*LANES-1:0] s_back_tdata,
    input  logic                s_ask_tvalid,
    output logic                s_ask_tready,
    input  logic [15:0]         s_ask_tdata,
    output logic                m_work_tvalid,
    input  logic                m_work_tready,
    output logic [31:0]         m_work_tdata,
    output logic                m_work_tlast,
    output logic                m_rows_tvalid,
    input  logic                m_rows_tready,
    output logic [16*LANES-1:0] m_rows_tdata,
    output logic                m_rows_tlast,
    output logic                m_total_tvalid,
    input  logic                m_total_tready,
    output logic [95:0]         m_total_tdata,
    output logic                m_total_tlast,
    output logic                m_axi_arvalid,
    input  logic                m_axi_arready,
    output logic [63:0]         m_axi_araddr,
    output logic [7:0]          m_axi_arlen,
    output logic [2:0]          m_axi_arsize,
    output logic [1:0]          m_axi_arburst,
    output logic [3:0]          m_axi_arcache,
    output logic [2:0]          m_axi_arprot,
    input  logic                m_axi_rvalid,
    output logic                m_axi_rready,
    input  logic [BUS_BITS-1:0] m_axi_rdata,
    input  logic [1:0]          m_axi_rresp,
    input  logic                m_axi_rlast
);
  program_t shape;
  logic loaded, work_ready, asked, saturated_valid, busy, taking, idle, stall_softmax, header_ready, header_valid;
  logic [1:0] unused_stalls;
  logic [15:0] items, left;
  logic [31:0] saturated, saturations, steps, stalls;
  logic [BUS_BITS-1:0] header;
  work_t next;

  assign s_program_tready = !loaded;
  assign s_work_tready    = loaded && work_ready;
  assign s_ask_tready     = !asked;
  assign m_work_tdata     = 32'(next);
  assign m_total_tvalid   = asked && left == items && !busy;
  assign m_total_tdata    = {stalls, steps, saturations};
  assign {m_work_tlast, m_rows_tlast, m_total_tlast} = '1;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      loaded      <= 1'b0;
      asked       <= 1'b0;
      left        <= '0;
      stalls      <= '0;
      steps       <= '0;
      saturations <= '0;
    end else begin
      if (s_program_tvalid) loaded <= 1'b1;
      if (m_total_tvalid && m_total_tready) asked <= 1'b0;
      else if (s_ask_tvalid) asked <= 1'b1;
      if (u_mha.ends) left <= left + 16'd1;
      stalls <= stalls + 32'(stall_softmax);
      steps  <= steps + 32'(taking);
      if (saturated_valid) saturations <= saturations + saturated;
    end
    if (s_program_tvalid && !loaded) shape <= s_program_tdata;
    if (s_ask_tvalid && !asked) items <= s_ask_tdata;
  end

  bat_mha #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .LANES(LANES), .VU_LANES(VU_LANES),
      .QU_LANES(QU_LANES), .SOFTMAX_LANES(SOFTMAX_LANES), .PARTS(PARTS), .A_TOKENS(A_TOKENS),
      .LUT_WORDS(LUT_WORDS), .MAX_HEAD(MAX_HEAD), .RESULT_TILES(RESULT_TILES), .MAX_BITS(MAX_BITS), .MAX_TOKENS(MAX_TOKENS), .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_HEADS(MAX_HEADS), .BUS_BITS(BUS_BITS), .V_CHANNELS(V_CHANNELS)
  ) u_mha (
      .clk, .rst_n, .shape, .stop(1'b0), .reader_idle(idle), .reading(1'b0), .s_read_valid(1'b0),
      .s_read_ready(header_ready), .s_read('0), .m_read_valid(header_valid), .m_read_ready(1'b0),
      .m_read_data(header),
      .s_work_valid(s_work_tvalid && loaded), .s_work_ready(work_ready), .s_work(s_work_tdata[$bits(work_t)-1:0]),
      .m_work_valid(m_work_tvalid), .m_work_ready(m_work_tready), .m_work(next),
      .s_input_valid(s_input_tvalid), .s_input_ready(s_input_tready), .s_input_data(s_input_tdata),
      .s_back_valid(s_back_tvalid), .s_back_ready(s_back_tready), .s_back_data(s_back_tdata),
      .m_rows_valid(m_rows_tvalid), .m_rows_ready(m_rows_tready), .m_rows_data(m_rows_tdata),
      .m_axi_arvalid, .m_axi_arready, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arcache, .m_axi_arprot, .m_axi_rvalid, .m_axi_rready, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast,
      .error_code, .saturated_valid, .saturated, .busy, .taking, .wait_weight(unused_stalls[0]), .stall_softmax,
      .stall_ln(unused_stalls[1])
  );

  logic unused;
  assign unused = ^{s_work_tdata[31:$bits(work_t)], idle, header_ready, header_valid, header, unused_stalls};
endmodule
