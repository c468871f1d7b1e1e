// SPDX-License-Identifier: Apache-2.0
// Activations of the QMM engine: two banks of a token tile each, and the sums of their rows (row_sums.sv).
// Order of the beats: qmm_pkg.sv. II = 1 beat; latency of both reads one clock. Source: ours.
module act_memory
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned A_TOKENS,   // of a beat
    parameter int unsigned SIMD,
    parameter int unsigned PLANES,
    parameter int unsigned WORDS,      // of SIMD bits of every token, in a bank
    parameter int unsigned SUM_BITS,   // of the sum of a row
    parameter bit          STRUCTURAL,
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS)
) (
    input  logic                            clk,
    input  logic                            rst_n,
    input  logic                            halt,
    input  logic                            job_valid,
    output logic                            job_ready,
    /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other loaders
    input  config_t                         job,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                            s_axis_tvalid,
    output logic                            s_axis_tready,
    input  logic [A_TOKENS*SIMD-1:0]        s_axis_tdata,
    input  logic                            s_axis_tlast,
    output logic [1:0]                      loaded,         // by bank
    input  logic                            bank,           // that is read
    input  logic                            release_valid,  // the bank that is read is done with
    input  logic                            read,
    input  logic [ADDRESS_BITS-1:0]         read_address,
    output logic [TOKENS-1:0][SIMD-1:0]     word,
    input  logic                            sum_read,
    input  logic                            sum_bank,
    output logic [TOKENS-1:0][SUM_BITS-1:0] sums,
    output error_t                          error
);
  localparam int unsigned SLICES = TOKENS / A_TOKENS;
  localparam int unsigned SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1;
  logic beat_valid, beat_ready, beat_last, write, write_bank, first, ends, negative;
  logic [A_TOKENS*SIMD-1:0] data;
  logic [ADDRESS_BITS-1:0] write_address;
  logic [SLICE_BITS-1:0] write_slice;
  logic [3:0] plane;
  logic [SLICES-1:0] store;  // the tile's last word of these tokens

  axis_register #(
      .WIDTH(A_TOKENS * SIMD + 1)
  ) u_slice (
      .clk,
      .rst_n,
      .in_valid (s_axis_tvalid),
      .in_ready (s_axis_tready),
      .in_data  ({s_axis_tlast, s_axis_tdata}),
      .out_valid(beat_valid),
      .out_ready(beat_ready),
      .out_data ({beat_last, data})
  );
  act_loader #(
      .SLICES(SLICES),
      .WORDS (WORDS)
  ) u_loader (
      .clk,
      .rst_n,
      .halt,
      .job_valid,
      .job_ready,
      .act_kind(job.act_kind),
      .act_planes(job.act_planes),
      .k_words(job.k_words),
      .token_tiles(job.token_tiles),
      .beat_valid,
      .beat_ready,
      .beat_last,
      .release_valid,
      .release_bank(bank),
      .loaded,
      .write,
      .write_bank,
      .write_address,
      .write_slice,
      .write_first(first),
      .write_end(ends),
      .write_plane(plane),
      .write_negative(negative),
      .error
  );
  tile_buffer #(
      .BEAT_BITS(A_TOKENS * SIMD),
      .SLICES(SLICES),
      .WORDS(WORDS)
  ) u_buffer (
      .clk,
      .write,
      .write_bank,
      .write_address,
      .write_slice,
      .write_data(data),
      .read,
      .read_bank(bank),
      .read_address,
      .word
  );

  for (genvar s = 0; s < SLICES; s++) begin : g_store
    assign store[s] = write && ends && write_slice == SLICE_BITS'(s);
  end
  row_sums #(
      .MEMBERS(A_TOKENS),
      .WIDTH(SIMD),
      .SLOTS(SLICES),
      .SLICES(1),
      .COLUMNS(SLICES),
      .WORDS(2),
      .PLANES(PLANES),
      .SUM_BITS(SUM_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_sums (
      .clk,
      .beat(write),
      .bits(data),
      .slot(write_slice),
      .first,
      .negative,
      .plane,
      .store,
      .word(write_bank),
      .read(sum_read),
      .read_word(sum_bank),
      .sums
  );
endmodule
