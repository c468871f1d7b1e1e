// SPDX-License-Identifier: Apache-2.0
// K/V feeder: sends the engine's second operand of the score and context jobs, in the order of weights in
// the image. Source: ours.
//
// ORDER. Outputs are keys (S jobs: rows of K, k along the head's channels) or channels of the head (C jobs:
// rows of V^T, k along the tokens). For block of 16 outputs, for plane, for 64-bit word of the row (k_words *
// SIMD / 64 of them), for group of KV_BITS/64 outputs: one beat, output 0 lowest. Bits >= k_bits are 0,
// outputs beyond the true ones anything; blocks are always whole. TLAST on the job's last beat.
//
// BUFFERS. raw[0]: K, rows = tokens; raw[1]: V^T, rows = channels. Words of 64 bits, BANKS = KV_BITS/64,
// which must divide channel_base, so KV_BITS/64 <= LANES; ROWS must cover the last block's padding.
//
// WAITS. Only S and C jobs come here, in the module's order. A job starts when K (V) of its work item is
// complete; items are counted by the jobs of head 0. II and cycles: plane_reader.sv, one clock more for the
// queue; a job is ceil(channels/16) * weight_planes * k_words*SIMD/64 * 16*64/KV_BITS beats.
module kv_feeder
  import bat_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned KV_BITS,    // of a beat, 64..1024, a power of two
    parameter int unsigned SIMD,       // bits of the engine's word, a multiple of 64
    parameter int unsigned PLANES,     // of the buffers
    parameter int unsigned CHUNK,      // of both buffers
    parameter int unsigned JOBS,       // depth of the job queue, >= 2
    localparam int unsigned BANKS = KV_BITS / 64,
    localparam int unsigned RAW_BITS = columns(PLANES) * CHUNK
) (
    input  logic                        clk,
    input  logic                        rst_n,       // synchronous, active low
    input  logic                        job_valid,
    output logic                        job_ready,
    input  job_t                        job_in,      // weight = WEIGHT_K or WEIGHT_V
    input  progress_t [1:0]             progress,    // of the writers of K and V^T
    output logic                        enable,      // to both buffers, as the five below
    output logic [1:0]                  read,
    output logic [15:0]                 read_group,
    output logic [15:0]                 read_word,
    output logic [3:0]                  read_plane,
    input  logic [1:0][BANKS-1:0][RAW_BITS-1:0] raw,
    output logic                        m_axis_tvalid,
    input  logic                        m_axis_tready,
    output logic [KV_BITS-1:0]          m_axis_tdata,
    output logic                        m_axis_tlast
);
  if (KV_BITS < 64 || KV_BITS > 1024 || 2 ** $clog2(KV_BITS) != KV_BITS || SIMD % 64 != 0) begin : g_check_shape
    $error("kv_feeder: KV_BITS %0d must be a power of two in 64..1024, SIMD %0d a multiple of 64", KV_BITS, SIMD);
  end

  logic queued, job_taken, tile_ready, of_v, unused_side, unused_done, unused_tag;
  logic [15:0] unused_rows;
  job_t job;
  read_job_t request;
  logic [1:0][7:0] items;  // work items begun, of K and V, modulo 256
  logic [7:0] index;
  logic [$clog2(JOBS+1)-1:0] unused_count;
  logic unused_fields;
  assign unused_fields = ^{job, progress};

  sync_fifo #(
      .WIDTH($bits(job_t)),
      .DEPTH(JOBS),
      .REGISTERED(1'b1)
  ) u_jobs (
      .clk,
      .rst_n,
      .in_valid (job_valid),
      .in_ready (job_ready),
      .in_data  (job_in),
      .out_valid(queued),
      .out_ready(job_taken),
      .out_data (job),
      .count    (unused_count)
  );

  assign of_v = job.weight == WEIGHT_V;
  always_comb begin
    request             = '0;
    request.source      = 2'(of_v);
    request.first_group = of_v ? job.channel_base / 16'(BANKS) : '0;
    request.first_word  = of_v ? '0 : 16'(times(32'(job.act_word), SIMD / 64));
    request.tiles       = (job.channels + 16'd15) / 16'd16;
    request.planes      = job.weight_planes;
    request.words       = 16'(times(32'(job.k_words), SIMD / 64));
    request.bits        = job.k_bits;
  end
  assign index      = (job.head == '0) ? items[of_v] : items[of_v] - 8'd1;
  assign tile_ready = complete(progress[of_v].jobs, index);

  always_ff @(posedge clk) begin
    if (!rst_n) items <= '0;
    else if (job_taken && job.head == '0) items[of_v] <= items[of_v] + 8'd1;
  end

  plane_reader #(
      .SOURCES(2),
      .PLANES(PLANES),
      .BANKS(BANKS),
      .WORD_BITS(64),
      .CHUNK(CHUNK),
      .TILE_GROUPS(16 / BANKS),
      .TAG_BITS(1)
  ) u_reader (
      .clk,
      .rst_n,
      .job_valid(queued),
      .job_taken,
      .job      (request),
      .job_tag  (1'b0),
      .tile_rows(unused_rows),
      .tile_ready,
      .read_done(unused_done),
      .read_tag (unused_tag),
      .enable,
      .read,
      .read_side(unused_side),
      .read_group,
      .read_word,
      .read_plane,
      .raw,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tlast
  );
endmodule
