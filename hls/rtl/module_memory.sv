// SPDX-License-Identifier: Apache-2.0
// Memory side of a module: its AXI4 read master, and the streams made of what it reads. Source: ours.
//
//   s_read (sequencer) -> axi_reader -> read_splitter -> descriptor (m_descriptor), weights (m_weight): raw
//     beats on m_data with m_last at a command's end; constants of QU, VU, LN (vector_pkg.sv)
// Jobs of the constants: s_qu and s_vu take every job_t in order and skip what is not theirs (scale_feed.sv),
// so a filtered stream serves as well; a job is taken when its last constant has left. s_norm: LN configs.
// HEADER. While `reading`, control owns the reader: s_header instead of s_read, and m_header instead of
// m_descriptor; it must not change while a command is under way. FFN ties it to 0.
// `stop`, `idle`, errors: axi_reader.sv. Latency from an R beat: 2 clocks to m_descriptor and m_weight.
module module_memory
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS,  // width of a memory beat, a power of two, 64..512
    parameter int unsigned TOKENS,    // rows of a result tile
    parameter int unsigned OUTPUTS,   // accumulators of a row of a result tile, a power of two
    parameter int unsigned QU_LANES,  // values of a beat of QU, a power of two
    parameter int unsigned VU_LANES   // values of a beat of VU, a power of two
) (
    input  logic                  clk,
    input  logic                  rst_n,               // synchronous, active low
    input  logic                  stop,
    output logic                  idle,
    output logic                  bus_error,           // until reset
    input  logic                  reading,
    input  logic                  s_header_valid,
    output logic                  s_header_ready,
    input  read_t                 s_header,
    output logic                  m_header_valid,
    input  logic                  m_header_ready,
    input  logic                  s_read_valid,
    output logic                  s_read_ready,
    input  read_t                 s_read,
    output logic                  m_descriptor_valid,
    input  logic                  m_descriptor_ready,
    output logic                  m_weight_valid,
    input  logic                  m_weight_ready,
    output logic [BUS_BITS-1:0]   m_data,              // of m_header, m_descriptor and m_weight
    output logic                  m_last,              // of the command
    input  logic                  s_qu_valid,
    output logic                  s_qu_ready,
    input  job_t                  s_qu,
    input  logic                  s_vu_valid,
    output logic                  s_vu_ready,
    input  job_t                  s_vu,
    input  logic                  s_norm_valid,
    output logic                  s_norm_ready,
    input  vector_pkg::norm_job_t s_norm,
    output logic                  m_qu_tvalid,
    input  logic                  m_qu_tready,
    output logic [127:0]          m_qu_tdata,
    output logic                  m_qu_tlast,
    output logic                  m_vu_tvalid,
    input  logic                  m_vu_tready,
    output logic [127:0]          m_vu_tdata,
    output logic                  m_vu_tlast,
    output logic                  m_ln_tvalid,
    input  logic                  m_ln_tready,
    output logic [127:0]          m_ln_tdata,
    output logic                  m_ln_tlast,
    output logic                  m_axi_arvalid,
    input  logic                  m_axi_arready,
    output logic [63:0]           m_axi_araddr,
    output logic [7:0]            m_axi_arlen,
    output logic [2:0]            m_axi_arsize,
    output logic [1:0]            m_axi_arburst,
    output logic [3:0]            m_axi_arcache,
    output logic [2:0]            m_axi_arprot,
    input  logic                  m_axi_rvalid,
    output logic                  m_axi_rready,
    input  logic [BUS_BITS-1:0]   m_axi_rdata,
    input  logic [1:0]            m_axi_rresp,
    input  logic                  m_axi_rlast
);
  localparam int unsigned PAGE = 4096 * 8 / BUS_BITS;  // beats
  localparam int unsigned MAX_BURST = (PAGE > 64) ? 64 : PAGE;
  localparam int unsigned OUTSTANDING = 8;  // covers a latency of several hundred clocks
  localparam int unsigned HOLD = 16;        // constants that do not keep weights waiting
  localparam int unsigned NORMS = 4;

  logic read_valid, read_ready, beat_valid, beat_ready, beat_last;
  read_t read;
  data_t target;
  logic [BUS_BITS-1:0] beat;
  logic [4:0] part_valid, part_ready;
  logic [63:0] unused_address;

  assign read_valid     = reading ? s_header_valid : s_read_valid;
  assign read           = reading ? s_header : s_read;
  assign s_header_ready = reading && read_ready;
  assign s_read_ready   = !reading && read_ready;

  axi_reader #(
      .BUS_BITS(BUS_BITS),
      .MAX_BURST(MAX_BURST),
      .OUTSTANDING(OUTSTANDING)
  ) u_reader (
      .clk, .rst_n, .stop, .read_valid, .read_ready, .read,
      .out_valid(beat_valid), .out_ready(beat_ready), .out_data(beat), .out_target(target), .out_last(beat_last),
      .idle, .error(bus_error), .error_address(unused_address),
      .m_axi_arvalid, .m_axi_arready, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arcache, .m_axi_arprot, .m_axi_rvalid, .m_axi_rready, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast
  );
  read_splitter #(
      .BUS_BITS(BUS_BITS)
  ) u_splitter (
      .clk, .rst_n,
      .in_valid(beat_valid), .in_ready(beat_ready), .in_data(beat), .in_target(target), .in_last(beat_last),
      .out_valid(part_valid), .out_ready(part_ready), .out_data(m_data), .out_last(m_last)
  );

  assign m_header_valid              = part_valid[DATA_DESCRIPTOR] && reading;
  assign m_descriptor_valid          = part_valid[DATA_DESCRIPTOR] && !reading;
  assign part_ready[DATA_DESCRIPTOR] = reading ? m_header_ready : m_descriptor_ready;
  assign m_weight_valid              = part_valid[DATA_WEIGHT];
  assign part_ready[DATA_WEIGHT]     = m_weight_ready;

  scale_feed #(
      .BUS_BITS(BUS_BITS), .HOLD(HOLD), .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .LANES(QU_LANES), .RESIDUAL(1'b0)
  ) u_qu (
      .clk, .rst_n, .job_valid(s_qu_valid), .job_ready(s_qu_ready), .job(s_qu),
      .in_valid(part_valid[DATA_QU_CONSTANT]), .in_ready(part_ready[DATA_QU_CONSTANT]),
      .in_data(m_data), .in_last(m_last), .m_axis_tvalid(m_qu_tvalid), .m_axis_tready(m_qu_tready),
      .m_axis_tdata(m_qu_tdata), .m_axis_tlast(m_qu_tlast)
  );
  scale_feed #(
      .BUS_BITS(BUS_BITS), .HOLD(HOLD), .TOKENS(TOKENS), .OUTPUTS(OUTPUTS), .LANES(VU_LANES), .RESIDUAL(1'b1)
  ) u_vu (
      .clk, .rst_n, .job_valid(s_vu_valid), .job_ready(s_vu_ready), .job(s_vu),
      .in_valid(part_valid[DATA_VU_CONSTANT]), .in_ready(part_ready[DATA_VU_CONSTANT]),
      .in_data(m_data), .in_last(m_last), .m_axis_tvalid(m_vu_tvalid), .m_axis_tready(m_vu_tready),
      .m_axis_tdata(m_vu_tdata), .m_axis_tlast(m_vu_tlast)
  );

  logic norm_valid, norm_ready;
  vector_pkg::norm_job_t norm;
  logic [$clog2(NORMS + 1)-1:0] unused_norms;
  sync_fifo #(
      .WIDTH($bits(vector_pkg::norm_job_t)),
      .DEPTH(NORMS),
      .REGISTERED(1'b1)
  ) u_norms (
      .clk, .rst_n, .in_valid(s_norm_valid), .in_ready(s_norm_ready), .in_data(s_norm),
      .out_valid(norm_valid), .out_ready(norm_ready), .out_data(norm), .count(unused_norms)
  );
  norm_feed #(
      .BUS_BITS(BUS_BITS),
      .HOLD(HOLD)
  ) u_ln (
      .clk, .rst_n, .job_valid(norm_valid), .job_ready(norm_ready), .job(norm),
      .in_valid(part_valid[DATA_LN_CONSTANT]), .in_ready(part_ready[DATA_LN_CONSTANT]),
      .in_data(m_data), .in_last(m_last), .m_axis_tvalid(m_ln_tvalid), .m_axis_tready(m_ln_tready),
      .m_axis_tdata(m_ln_tdata), .m_axis_tlast(m_ln_tlast)
  );
endmodule
