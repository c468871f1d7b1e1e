// SPDX-License-Identifier: Apache-2.0
// AXI4 read master: commands (bat_pkg::read_t) become bursts, and their beats leave in order.
//
// BURSTS. INCR, full width, cut at multiples of MAX_BURST beats, so none crosses 4 KB. Up to
// OUTSTANDING are in flight. One burst is issued a clock; the next command follows without a gap.
// BACKPRESSURE. A burst is asked for whether or not its data has room: beats that nobody takes wait
// in the memory (RREADY low).
// LATENCY. Command to address: 2 clocks. R beat to output: 1 clock. II = 1 beat a clock.
//
// ERRORS. RRESP other than OKAY, or RLAST elsewhere than on a burst's last beat, sets `error` until
// reset, with the byte address of the beat. From then on, as while `stop` is 1, no new burst is
// issued, no command taken, and the beats that come are dropped; an address that was offered stays
// until it is taken. In that state a burst ends at its RLAST. `idle`: no burst is in flight, so a
// reset abandons none. Source: ours.
module axi_reader
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS,    // width of the bus, a power of two, 64..512
    parameter int unsigned MAX_BURST,   // beats of the longest burst: a power of two, 64 bytes to 4 KB
    parameter int unsigned OUTSTANDING  // bursts in flight, >= 2
) (
    input  logic                clk,
    input  logic                rst_n,          // synchronous, active low
    input  logic                stop,
    input  logic                read_valid,
    output logic                read_ready,
    input  read_t               read,
    output logic                out_valid,
    input  logic                out_ready,
    output logic [BUS_BITS-1:0] out_data,
    output data_t               out_target,
    output logic                out_last,       // of the command
    output logic                idle,
    output logic                error,
    output logic [63:0]         error_address,
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
  localparam int unsigned BEAT_SHIFT = $clog2(BUS_BITS / 8);
  localparam int unsigned BURST_BYTES = MAX_BURST * BUS_BITS / 8;
  localparam int unsigned COUNT_BITS = $clog2(MAX_BURST);

  if (BUS_BITS != 2 ** $clog2(BUS_BITS) || BUS_BITS < 64 || BUS_BITS > 512) begin : g_check_bus
    $error("axi_reader: BUS_BITS %0d must be a power of two, 64..512", BUS_BITS);
  end
  if (MAX_BURST != 2 ** COUNT_BITS || MAX_BURST > 256 || BURST_BYTES < 64 || BURST_BYTES > 4096
      || COUNT_BITS < 1) begin : g_check_burst
    $error("axi_reader: MAX_BURST %0d must be a power of two, 2..256, and 64 to 4096 bytes", MAX_BURST);
  end

  typedef struct packed {
    data_t                 target;
    logic                  last;      // burst of its command
    logic [COUNT_BITS-1:0] end_beat;  // number of the last beat
    logic [57:0]           block;     // address of the first beat in units of 64 bytes
  } burst_t;

  logic halt, bad;
  always_ff @(posedge clk) begin
    if (!rst_n) halt <= 1'b0;
    else halt <= stop || error || bad;
  end

  // Commands.
  logic command_open, command_valid, command_ready;
  read_t command;
  assign read_ready = command_open && !halt;
  axis_skid #(
      .WIDTH($bits(read_t))
  ) u_command (
      .clk,
      .rst_n,
      .in_valid (read_valid && !halt),
      .in_ready (command_open),
      .in_data  (read),
      .out_valid(command_valid),
      .out_ready(command_ready),
      .out_data (command)
  );

  // What is left of the command under way, in blocks of 64 bytes.
  logic active, issue, ends, pending_ready;
  data_t target;
  logic [57:0] block;
  logic [25:0] left, room, size;
  burst_t issued, burst;

  assign room           = 26'(BURST_BYTES / 64) - (26'(block) & 26'(BURST_BYTES / 64 - 1));
  assign ends           = left <= room;
  assign size           = ends ? left : room;
  assign issue          = active && pending_ready && (!m_axi_arvalid || m_axi_arready) && !halt;
  assign command_ready  = !active || (issue && ends);
  assign issued.target   = target;
  assign issued.last     = ends;
  assign issued.block    = block;
  assign issued.end_beat = COUNT_BITS'(({6'd0, size} << (6 - BEAT_SHIFT)) - 32'd1);

  always_ff @(posedge clk) begin
    if (!rst_n) active <= 1'b0;
    else if (command_ready) active <= command_valid;
  end
  always_ff @(posedge clk) begin
    if (command_ready) begin
      target <= command.data;
      block  <= command.address[63:6];
      left   <= command.bytes[31:6];
    end else if (issue) begin
      block <= block + 58'(size);
      left  <= left - size;
    end
  end

  // Addresses.
  assign m_axi_arsize  = 3'(BEAT_SHIFT);
  assign m_axi_arburst = 2'b01;    // INCR
  assign m_axi_arcache = 4'b0011;  // normal, bufferable
  assign m_axi_arprot  = 3'b000;
  always_ff @(posedge clk) begin
    if (!rst_n) m_axi_arvalid <= 1'b0;
    else if (issue) m_axi_arvalid <= 1'b1;
    else if (m_axi_arready) m_axi_arvalid <= 1'b0;
  end
  always_ff @(posedge clk) begin
    if (issue) begin
      m_axi_araddr <= {block, 6'd0};
      m_axi_arlen  <= 8'(issued.end_beat);
    end
  end

  // Bursts in flight, oldest first.
  logic burst_valid, burst_end;
  logic [$clog2(OUTSTANDING + 1)-1:0] in_flight;
  sync_fifo #(
      .WIDTH($bits(burst_t)),
      .DEPTH(OUTSTANDING),
      .REGISTERED(1'b0)
  ) u_bursts (
      .clk,
      .rst_n,
      .in_valid (issue),
      .in_ready (pending_ready),
      .in_data  (issued),
      .out_valid(burst_valid),
      .out_ready(burst_end),
      .out_data (burst),
      .count    (in_flight)
  );
  assign idle = in_flight == '0 && !m_axi_arvalid;

  // Beats.
  logic beat_valid, beat_ready, beat_take, beat_last, final_beat;
  logic [1:0] beat_response;
  logic [COUNT_BITS-1:0] beat;
  axis_skid #(
      .WIDTH(BUS_BITS + 3)
  ) u_beats (
      .clk,
      .rst_n,
      .in_valid (m_axi_rvalid),
      .in_ready (m_axi_rready),
      .in_data  ({m_axi_rlast, m_axi_rresp, m_axi_rdata}),
      .out_valid(beat_valid),
      .out_ready(beat_ready),
      .out_data ({beat_last, beat_response, out_data})
  );
  assign final_beat = beat == burst.end_beat;
  assign bad        = beat_valid && !halt && (beat_response != 2'b00 || beat_last != final_beat || !burst_valid);
  assign out_valid  = beat_valid && !halt && !bad;
  assign beat_ready = out_ready || halt || bad;
  assign beat_take  = beat_valid && beat_ready;
  assign burst_end  = beat_take && beat_last;
  assign out_target = burst.target;
  assign out_last   = burst.last && final_beat;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      beat  <= '0;
      error <= 1'b0;
    end else begin
      if (beat_take) beat <= beat_last ? '0 : beat + 1'b1;
      if (bad) error <= 1'b1;
    end
  end
  always_ff @(posedge clk) begin
    if (bad && !error) error_address <= {burst.block, 6'd0} + (64'(beat) << BEAT_SHIFT);
  end
endmodule
