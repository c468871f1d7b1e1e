// SPDX-License-Identifier: Apache-2.0
// Module FFN with every stream in the form of the test harness. s_program: program_t, once. s_ask: how many
// work items; when so many have left, m_total offers {clocks with `taking`, saturated values}.
module ffn_bench
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
    input  logic                clk,
    input  logic                rst_n,
    output logic [31:0]         error_code,
    input  logic                s_program_tvalid,
    output logic                s_program_tready,
    input  logic [215:0]        s_program_tdata,
    input  logic                s_work_tvalid,
    output logic                s_work_tready,
    input  logic [31:0]         s_work_tdata,
    input  logic                s_rows_tvalid,
    output logic                s_rows_tready,
    input  logic [16*LANES-1:0] s_rows_tdata,
    input  logic                s_ask_tvalid,
    output logic                s_ask_tready,
    input  logic [15:0]         s_ask_tdata,
    output logic                m_work_tvalid,
    input  logic                m_work_tready,
    output logic [31:0]         m_work_tdata,
    output logic                m_work_tlast,
    output logic                m_done_tvalid,
    input  logic                m_done_tready,
    output logic [31:0]         m_done_tdata,
    output logic                m_done_tlast,
    output logic                m_back_tvalid,
    input  logic                m_back_tready,
    output logic [16*LANES-1:0] m_back_tdata,
    output logic                m_back_tlast,
    output logic                m_out_tvalid,
    input  logic                m_out_tready,
    output logic [16*LANES-1:0] m_out_tdata,
    output logic                m_out_tlast,
    output logic                m_total_tvalid,
    input  logic                m_total_tready,
    output logic [63:0]         m_total_tdata,
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
  logic loaded, work_ready, asked, saturated_valid, busy, taking, idle, unused_wait, unused_stall;
  logic [15:0] items, left;
  logic [31:0] saturated, saturations, steps;
  work_t next, done;

  assign s_program_tready = !loaded;
  assign s_work_tready    = loaded && work_ready;
  assign s_ask_tready     = !asked;
  assign m_work_tdata     = 32'(next);
  assign m_done_tdata     = 32'(done);
  assign m_total_tvalid   = asked && left == items && !busy;
  assign m_total_tdata    = {steps, saturations};
  assign {m_work_tlast, m_done_tlast, m_back_tlast, m_out_tlast, m_total_tlast} = '1;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      loaded      <= 1'b0;
      asked       <= 1'b0;
      left        <= '0;
      steps       <= '0;
      saturations <= '0;
    end else begin
      if (s_program_tvalid) loaded <= 1'b1;
      if (m_total_tvalid && m_total_tready) begin
        asked       <= 1'b0;
        left        <= '0;
        steps       <= '0;
        saturations <= '0;
      end else begin
        if (s_ask_tvalid) asked <= 1'b1;
        if (u_ffn.ends) left <= left + 16'd1;
        steps <= steps + 32'(taking);
        if (saturated_valid) saturations <= saturations + saturated;
      end
    end
    if (s_program_tvalid && !loaded) shape <= s_program_tdata;
    if (s_ask_tvalid && !asked) items <= s_ask_tdata;
  end

  bat_ffn #(
      .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .SIMD(SIMD), .LANES(LANES), .VU_LANES(VU_LANES),
      .QU_LANES(QU_LANES), .PARTS(PARTS), .A_TOKENS(A_TOKENS),
      .LUT_WORDS(LUT_WORDS), .RESULT_TILES(RESULT_TILES), .MAX_BITS(MAX_BITS), .MAX_TOKENS(MAX_TOKENS), .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_FFN(MAX_FFN), .BUS_BITS(BUS_BITS)
  ) u_ffn (
      .clk, .rst_n, .shape, .stop(1'b0), .reader_idle(idle),
      .s_work_valid(s_work_tvalid && loaded), .s_work_ready(work_ready), .s_work(s_work_tdata[$bits(work_t)-1:0]),
      .m_work_valid(m_work_tvalid), .m_work_ready(m_work_tready), .m_work(next),
      .m_out_work_valid(m_done_tvalid), .m_out_work_ready(m_done_tready), .m_out_work(done),
      .s_rows_valid(s_rows_tvalid), .s_rows_ready(s_rows_tready), .s_rows_data(s_rows_tdata),
      .m_back_valid(m_back_tvalid), .m_back_ready(m_back_tready), .m_back_data(m_back_tdata),
      .m_out_valid(m_out_tvalid), .m_out_ready(m_out_tready), .m_out_data(m_out_tdata),
      .m_axi_arvalid, .m_axi_arready, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arcache, .m_axi_arprot, .m_axi_rvalid, .m_axi_rready, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast,
      .error_code, .saturated_valid, .saturated, .busy, .taking, .wait_weight(unused_wait), .stall_ln(unused_stall)
  );

  logic unused;
  assign unused = ^{s_work_tdata[31:$bits(work_t)], idle};
endmodule
