// SPDX-License-Identifier: Apache-2.0
// Weights from memory and on-chip operands (K, V) of the QMM engine, in one buffer of two banks each, and the sums of
// their rows (row_sums.sv).
//
// ONE WRITE PORT. An on-chip beat is taken first; a memory beat waits in that clock. A shared register behind the two
// inputs takes the beat that came, so that the buffer's port needs no choice of its own. The buffer's columns are as
// wide as the narrower beat, a wider one writes SLICES of them.
// ADDRESSES of words: memory bank 0, 1, then on-chip bank 0, 1; of sums likewise, by output tile.
// Latency of both reads one clock. II = 1 beat, of one input at a time.
module weight_memory
  import qmm_pkg::*;
#(
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned BUS_BITS,
    parameter int unsigned KV_BITS,
    parameter int unsigned W_WORDS,      // words of a bank
    parameter int unsigned KV_WORDS,     // 0: there are no on-chip operands
    parameter int unsigned W_TILES,      // output tiles of a bank
    parameter int unsigned KV_TILES,
    parameter int unsigned PLANES,       // place values of the planes of on-chip operands; of weights there is one
    parameter int unsigned SUM_BITS,     // of the sum of a row
    parameter int unsigned READ_BITS,    // of a place in a bank, >= $clog2 of the most words
    parameter int unsigned TILE_BITS,    // of the number of an output tile, >= $clog2 of the most tiles
    parameter bit          STRUCTURAL
) (
    input  logic                             clk,
    input  logic                             rst_n,
    input  logic                             halt,
    input  logic                             w_job_valid,
    output logic                             w_job_ready,
    input  config_t                          w_job,
    input  logic                             kv_job_valid,
    output logic                             kv_job_ready,
    input  config_t                          kv_job,
    input  logic                             s_axis_w_tvalid,
    output logic                             s_axis_w_tready,
    input  logic [BUS_BITS-1:0]              s_axis_w_tdata,
    input  logic                             s_axis_w_tlast,
    input  logic                             s_axis_kv_tvalid,
    output logic                             s_axis_kv_tready,
    input  logic [KV_BITS-1:0]               s_axis_kv_tdata,
    input  logic                             s_axis_kv_tlast,
    output logic [1:0]                       w_loaded,       // by bank
    output logic [1:0]                       kv_loaded,
    input  logic                             w_bank,         // that is read
    input  logic                             kv_bank,
    input  logic                             w_release,      // the bank that is read is done with
    input  logic                             kv_release,
    input  logic                             read,
    input  logic                             on_chip,        // with read
    input  logic [READ_BITS-1:0]             read_address,
    output logic [OUTPUTS-1:0][SIMD-1:0]     word,
    input  logic                             sum_read,
    input  logic                             sum_on_chip,    // with sum_read, as the three below
    input  logic                             sum_w_bank,
    input  logic                             sum_kv_bank,
    input  logic [TILE_BITS-1:0]             sum_tile,
    output logic [OUTPUTS-1:0][SUM_BITS-1:0] sums,
    output error_t                           w_error,
    output error_t                           kv_error
);
  localparam bit HAS_KV = KV_WORDS != 0;
  localparam int unsigned KV_BEAT = HAS_KV ? KV_BITS : BUS_BITS;
  localparam int unsigned WIDE = (BUS_BITS > KV_BEAT) ? BUS_BITS : KV_BEAT;
  localparam int unsigned NARROW = (BUS_BITS > KV_BEAT) ? KV_BEAT : BUS_BITS;
  localparam int unsigned SLICES = WIDE / NARROW;
  localparam int unsigned COLUMNS = 64 * OUTPUTS / NARROW;
  localparam int unsigned W_SHARE = BUS_BITS / NARROW;  // columns of a beat
  localparam int unsigned KV_SHARE = KV_BEAT / NARROW;
  localparam int unsigned W_SLOTS = 1024 / BUS_BITS;
  localparam int unsigned SLOTS = W_SLOTS + (HAS_KV ? 1024 / KV_BITS : 0);
  localparam int unsigned WORDS = 2 * W_WORDS + 2 * KV_WORDS;
  localparam int unsigned TILES = 2 * W_TILES + 2 * (HAS_KV ? KV_TILES : 0);
  localparam int unsigned PARTS = SIMD / 64;
  localparam int unsigned PART_BITS = (PARTS > 1) ? $clog2(PARTS) : 1;
  typedef logic [$clog2(WORDS)-1:0] address_t;
  typedef logic [$clog2(TILES)-1:0] tile_address_t;
  typedef logic [$clog2(SLOTS)-1:0] slot_t;

  // Where a bank begins.
  function automatic address_t base(logic kv, logic bank);
    if (HAS_KV && kv) return bank ? address_t'(2 * W_WORDS + KV_WORDS) : address_t'(2 * W_WORDS);
    return bank ? address_t'(W_WORDS) : '0;
  endfunction
  function automatic tile_address_t tile_base(logic kv, logic bank);
    if (HAS_KV && kv) return bank ? tile_address_t'(2 * W_TILES + KV_TILES) : tile_address_t'(2 * W_TILES);
    return bank ? tile_address_t'(W_TILES) : '0;
  endfunction

  // What a loader says of the beat that it took a clock ago.
  typedef struct packed {
    logic                 beat;
    logic                 write;
    logic                 first;
    logic                 store;
    logic                 negative;
    logic [3:0]           plane;
    logic [PART_BITS-1:0] part;
    slot_t                slot;
    address_t             address;
    tile_address_t        tile;
    logic [COLUMNS-1:0]   columns;
  } written_t;
  written_t w, kv, port;
  logic w_take, kv_take, w_first, kv_first;
  logic [BUS_BITS-1:0] w_data;
  logic [KV_BITS-1:0] kv_data;
  logic [WIDE-1:0] data, rest;

  logic w_bank_in, kv_bank_in;
  logic [$clog2(W_WORDS)-1:0] w_address;
  logic [((KV_WORDS > 1) ? $clog2(KV_WORDS) : 1)-1:0] kv_address;
  logic [((COLUMNS > W_SHARE) ? $clog2(COLUMNS / W_SHARE) : 1)-1:0] w_group;
  logic [((64 * OUTPUTS > KV_BITS) ? $clog2(64 * OUTPUTS / KV_BITS) : 1)-1:0] kv_group;
  logic [$clog2(W_SLOTS)-1:0] w_slot;
  logic [$clog2(1024 / KV_BITS)-1:0] kv_slot;
  logic [((W_TILES > 1) ? $clog2(W_TILES) : 1)-1:0] w_tile;
  logic [((KV_TILES > 1) ? $clog2(KV_TILES) : 1)-1:0] kv_tile;
  logic w_end, kv_end;
  logic [3:0] unused_plane;

  weight_side #(
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .BEAT_BITS(BUS_BITS),
      .WORDS(W_WORDS),
      .TILES(W_TILES),
      .WHOLE_ROWS(1'b0),
      .END_ERROR(ERROR_WEIGHT_END)
  ) u_memory (
      .clk,
      .rst_n,
      .halt,
      .hold(kv_take),
      .job_valid(w_job_valid),
      .job_ready(w_job_ready),
      .job(w_job),
      .s_axis_tvalid(s_axis_w_tvalid),
      .s_axis_tready(s_axis_w_tready),
      .s_axis_tdata(s_axis_w_tdata),
      .s_axis_tlast(s_axis_w_tlast),
      .loaded(w_loaded),
      .release_valid(w_release),
      .release_bank(w_bank),
      .take(w_take),
      .take_first(w_first),
      .take_data(w_data),
      .write(w.write),
      .write_bank(w_bank_in),
      .write_address(w_address),
      .write_group(w_group),
      .write_part(w.part),
      .write_beat(w.beat),
      .write_slot(w_slot),
      .write_first(w.first),
      .write_end(w_end),
      .write_plane(unused_plane),
      .write_negative(w.negative),
      .write_tile(w_tile),
      .error(w_error)
  );
  weight_side #(
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .BEAT_BITS(KV_BITS),
      .WORDS(KV_WORDS),
      .TILES(KV_TILES),
      .WHOLE_ROWS(1'b1),
      .END_ERROR(ERROR_KV_END)
  ) u_kv (
      .clk,
      .rst_n,
      .halt,
      .hold(1'b0),
      .job_valid(kv_job_valid),
      .job_ready(kv_job_ready),
      .job(kv_job),
      .s_axis_tvalid(s_axis_kv_tvalid),
      .s_axis_tready(s_axis_kv_tready),
      .s_axis_tdata(s_axis_kv_tdata),
      .s_axis_tlast(s_axis_kv_tlast),
      .loaded(kv_loaded),
      .release_valid(kv_release),
      .release_bank(kv_bank),
      .take(kv_take),
      .take_first(kv_first),
      .take_data(kv_data),
      .write(kv.write),
      .write_bank(kv_bank_in),
      .write_address(kv_address),
      .write_group(kv_group),
      .write_part(kv.part),
      .write_beat(kv.beat),
      .write_slot(kv_slot),
      .write_first(kv.first),
      .write_end(kv_end),
      .write_plane(kv.plane),
      .write_negative(kv.negative),
      .write_tile(kv_tile),
      .error(kv_error)
  );

  assign w.store    = w.write && w_end;
  assign w.plane    = '0;  // both planes of ternary weights weigh 1
  assign w.slot     = slot_t'(w_slot);
  assign w.address  = base(1'b0, w_bank_in) + address_t'(w_address);
  assign w.tile     = tile_base(1'b0, w_bank_in) + tile_address_t'(w_tile);
  assign kv.store   = kv.write && kv_end;
  assign kv.slot    = slot_t'(W_SLOTS) + slot_t'(kv_slot);
  assign kv.address = base(1'b1, kv_bank_in) + address_t'(kv_address);
  assign kv.tile    = tile_base(1'b1, kv_bank_in) + tile_address_t'(kv_tile);
  for (genvar c = 0; c < COLUMNS; c++) begin : g_column
    assign w.columns[c]  = 32'(w_group) == c / W_SHARE;
    assign kv.columns[c] = 32'(kv_group) == c / KV_SHARE;
  end
  assign port = (HAS_KV && kv.beat) ? kv : w;

  logic [WIDE-1:0] taken;
  logic taken_first, unused;
  if (HAS_KV) begin : g_both
    assign taken       = kv_take ? {(WIDE / KV_BITS) {kv_data}} : {(WIDE / BUS_BITS) {w_data}};
    assign taken_first = kv_take ? kv_first : w_first;
    assign unused      = &{1'b0, w_take};
  end else begin : g_memory
    assign taken       = w_data;
    assign taken_first = w_first;
    assign unused      = &{1'b0, w_take, kv_data, kv_first, kv_slot, kv};
  end
  always_ff @(posedge clk) begin
    data <= taken;
    rest <= (PARTS > 1 && taken_first) ? '0 : taken;
  end

  weight_buffer #(
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .COLUMN_BITS(NARROW),
      .SLICES(SLICES),
      .WORDS(WORDS)
  ) u_buffer (
      .clk,
      .write(port.columns & {COLUMNS{port.write}}),
      .write_address(port.address),
      .write_part(port.part),
      .write_data(data),
      .write_rest(rest),
      .read,
      .read_address(base(on_chip, (HAS_KV && on_chip) ? kv_bank : w_bank) + address_t'(read_address)),
      .word
  );
  row_sums #(
      .MEMBERS(WIDE / 64),
      .WIDTH(64),
      .SLOTS(SLOTS),
      .SLICES(SLICES),
      .COLUMNS(COLUMNS),
      .WORDS(TILES),
      .PLANES(HAS_KV ? PLANES : 1),
      .SUM_BITS(SUM_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_sums (
      .clk,
      .beat(port.beat),
      .bits(data),
      .slot(port.slot),
      .first(port.first),
      .negative(port.negative),
      .plane(port.plane),
      .store(port.columns & {COLUMNS{port.store}}),
      .word(port.tile),
      .read(sum_read),
      .read_word(tile_base(sum_on_chip, (HAS_KV && sum_on_chip) ? sum_kv_bank : sum_w_bank) + tile_address_t'(sum_tile)),
      .sums
  );
endmodule
