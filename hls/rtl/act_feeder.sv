// SPDX-License-Identifier: Apache-2.0
// Activation feeder: sends the engine's activation stream for every product job of a module, out of the
// plane buffers. Source: ours.
//
// ORDER (s_axis_a of the engine, serial planes): for token tile, for plane, for word of SIMD bits, for group
// of A_TOKENS tokens: A_TOKENS words. Bits >= k_bits are 0, rows >= rows anything. TLAST on the job's last.
// SOURCES. MHA (SOURCES 4): buffers x, q, P, ctx at index act_source_t. FFN (SOURCES 2): x, mid.
//
// WAITS. Jobs come in the module's order (bat_pkg.sv), so the feeder knows by counting which job of each
// writer it reads: x, q, mid have one a work item; P has one a head, read by the C jobs in turn; ctx has
// one a head, and O reads the last. A token tile starts when its rows of that writer job are complete
// (plane_pkg::progress_t), whatever older or newer content the buffer holds.
//
// `read_done`: the job's last word has left the buffer. `x_free`: that job was the last reader of its side
// of x (V in MHA, F1 in FFN). II and cycles: plane_reader.sv, one clock more for the queue.
module act_feeder
  import bat_pkg::*;
  import plane_pkg::*;
#(
    parameter int unsigned SOURCES,   // 4 in MHA, 2 in FFN
    parameter int unsigned TOKENS,    // of a token tile
    parameter int unsigned A_TOKENS,  // of a beat: divides TOKENS, a power of two; BANKS of the buffers
    parameter int unsigned SIMD,      // bits of a word
    parameter int unsigned PLANES,    // of the buffers
    parameter int unsigned CHUNK,     // of the buffers
    parameter int unsigned JOBS,      // depth of the job queue, >= 2
    localparam int unsigned RAW_BITS = columns(PLANES) * CHUNK
) (
    input  logic                                          clk,
    input  logic                                          rst_n,       // synchronous, active low
    input  logic                                          job_valid,
    output logic                                          job_ready,
    input  job_t                                          job_in,
    input  progress_t [SOURCES-1:0]                       progress,    // of the buffers' writers
    output logic                                          read_done,   // for one clock, with the two below
    output act_source_t                                   read_act,
    output logic                                          read_bank,
    output logic                                          x_free,
    output logic                                          enable,      // to all buffers, as the five below
    output logic [SOURCES-1:0]                            read,
    output logic                                          read_side,
    output logic [15:0]                                   read_group,
    output logic [15:0]                                   read_word,
    output logic [3:0]                                    read_plane,
    input  logic [SOURCES-1:0][A_TOKENS-1:0][RAW_BITS-1:0] raw,
    output logic                                          m_axis_tvalid,
    input  logic                                          m_axis_tready,
    output logic [A_TOKENS*SIMD-1:0]                      m_axis_tdata,
    output logic                                          m_axis_tlast
);
  if (SOURCES != 2 && SOURCES != 4) begin : g_check_sources
    $error("act_feeder: SOURCES %0d must be 4 (MHA) or 2 (FFN)", SOURCES);
  end
  if (A_TOKENS < 1 || TOKENS % A_TOKENS != 0) begin : g_check_tokens
    $error("act_feeder: A_TOKENS %0d must divide TOKENS %0d", A_TOKENS, TOKENS);
  end

  typedef struct packed {
    act_source_t act;
    logic        bank;
    logic        x_last;
  } tag_t;

  logic queued, job_taken, tile_ready;
  logic [15:0] tile_rows, rows;
  job_t job;
  read_job_t request;
  tag_t tag, done_tag;
  logic [7:0] items, contexts, index;  // work items and C jobs read to the end, modulo 256
  logic [$clog2(JOBS+1)-1:0] unused_count;
  logic unused_fields;
  assign unused_fields = ^job;

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

  always_comb begin
    request            = '0;
    request.source     = (job.act == ACT_MID) ? 2'd1 : 2'(job.act);
    request.side       = (job.act == ACT_X) ? job.bank : (job.act == ACT_P) && job.head[0];
    request.first_word = job.act_word;
    request.tiles      = job.token_tiles;
    request.planes     = job.act_planes;
    request.words      = job.k_words;
    request.bits       = job.k_bits;
    tag.act            = job.act;
    tag.bank           = request.side;
    tag.x_last         = job.act == ACT_X && (job.target == TO_V || job.target == TO_MID);
    case (job.act)
      ACT_P:   index = contexts;
      ACT_CTX: index = contexts - 8'd1;
      default: index = items;
    endcase
  end

  assign rows = (tile_rows < job.rows) ? tile_rows : job.rows;
  always_comb begin
    tile_ready = 1'b0;
    for (int unsigned s = 0; s < SOURCES; s++) begin
      if (request.source == 2'(s)) tile_ready = reached(progress[s], index, rows);
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      items    <= '0;
      contexts <= '0;
    end else if (job_taken) begin
      if (job.last) items <= items + 8'd1;
      if (job.act == ACT_P) contexts <= contexts + 8'd1;
    end
  end

  plane_reader #(
      .SOURCES(SOURCES),
      .PLANES(PLANES),
      .BANKS(A_TOKENS),
      .WORD_BITS(SIMD),
      .CHUNK(CHUNK),
      .TILE_GROUPS(TOKENS / A_TOKENS),
      .TAG_BITS($bits(tag_t))
  ) u_reader (
      .clk,
      .rst_n,
      .job_valid(queued),
      .job_taken,
      .job      (request),
      .job_tag  (tag),
      .tile_rows,
      .tile_ready,
      .read_done,
      .read_tag (done_tag),
      .enable,
      .read,
      .read_side,
      .read_group,
      .read_word,
      .read_plane,
      .raw,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tlast
  );
  assign read_act  = done_tag.act;
  assign read_bank = done_tag.bank;
  assign x_free    = read_done && done_tag.x_last;
endmodule
