// SPDX-License-Identifier: Apache-2.0
// One weight input of the QMM engine: register slice, block_loader, weight_buffer, and the sums of its rows.
module weight_side
  import qmm_pkg::*;
#(
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned BEAT_BITS,
    parameter int unsigned WORDS,       // 0: there is no such input
    parameter int unsigned TILES,       // output tiles of a job
    parameter int unsigned PLANES,      // place values of planes
    parameter int unsigned SUM_BITS,    // of the sum of a row
    parameter int unsigned READ_BITS,   // of a read address, >= $clog2(WORDS)
    parameter int unsigned TILE_BITS,   // of the number of an output tile, >= $clog2(TILES)
    parameter bit          WHOLE_ROWS,
    parameter error_t      END_ERROR,
    parameter bit          STRUCTURAL
) (
    input  logic                         clk,
    input  logic                         rst_n,
    input  logic                         halt,
    input  logic                         job_valid,
    output logic                         job_ready,
    input  config_t                      job,
    input  logic                         s_axis_tvalid,
    output logic                         s_axis_tready,
    input  logic [BEAT_BITS-1:0]         s_axis_tdata,
    input  logic                         s_axis_tlast,
    output logic [1:0]                   loaded,
    input  logic                         bank,           // that is read
    input  logic                         release_valid,  // the bank that is read is done with
    input  logic                         read,
    input  logic [READ_BITS-1:0]         read_address,
    output logic [OUTPUTS-1:0][SIMD-1:0] word,
    input  logic                         sum_read,
    input  logic                         sum_bank,
    input  logic [TILE_BITS-1:0]         sum_tile,
    output logic [OUTPUTS-1:0][SUM_BITS-1:0] sums,
    output error_t                       error
);
  if (WORDS == 0) begin : g_none
    logic unused;
    assign unused = &{1'b0, clk, rst_n, halt, job_valid, job, s_axis_tvalid, s_axis_tdata, s_axis_tlast, bank,
                      release_valid, read, read_address, sum_read, sum_bank, sum_tile};
    assign job_ready     = 1'b0;
    assign s_axis_tready = 1'b0;
    assign loaded        = '0;
    assign word          = '0;
    assign sums          = '0;
    assign error         = ERROR_NONE;
  end else begin : g_side
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS);
    localparam int unsigned GROUPS = 64 * OUTPUTS / BEAT_BITS;
    localparam int unsigned PARTS = SIMD / 64;
    localparam int unsigned OWN_TILE_BITS = (TILES > 1) ? $clog2(TILES) : 1;

    logic beat_valid, beat_ready, beat_last, write, write_bank;
    logic [BEAT_BITS-1:0] beat_data, write_data, write_rest;
    logic [ADDRESS_BITS-1:0] write_address;
    logic [((GROUPS > 1) ? $clog2(GROUPS) : 1)-1:0] write_group;
    logic [((PARTS > 1) ? $clog2(PARTS) : 1)-1:0] write_part;
    logic write_beat, write_first, write_end, write_negative;
    logic [3:0] write_plane;
    logic [OWN_TILE_BITS-1:0] write_tile;

    logic unused;
    assign unused = &{1'b0, read_address, sum_tile};  // the other side's buffer may be deeper

    axis_skid #(
        .WIDTH(BEAT_BITS + 1)
    ) u_slice (
        .clk,
        .rst_n,
        .in_valid (s_axis_tvalid),
        .in_ready (s_axis_tready),
        .in_data  ({s_axis_tlast, s_axis_tdata}),
        .out_valid(beat_valid),
        .out_ready(beat_ready),
        .out_data ({beat_last, beat_data})
    );

    block_loader #(
        .OUTPUTS(OUTPUTS),
        .SIMD(SIMD),
        .BEAT_BITS(BEAT_BITS),
        .WORDS(WORDS),
        .TILES(TILES),
        .WHOLE_ROWS(WHOLE_ROWS),
        .END_ERROR(END_ERROR)
    ) u_loader (
        .clk,
        .rst_n,
        .halt,
        .job_valid,
        .job_ready,
        .job,
        .beat_valid,
        .beat_ready,
        .beat_data,
        .beat_last,
        .release_valid,
        .release_bank(bank),
        .loaded,
        .write,
        .write_bank,
        .write_address,
        .write_group,
        .write_part,
        .write_data,
        .write_rest,
        .write_beat,
        .write_first,
        .write_end,
        .write_plane,
        .write_negative,
        .write_tile,
        .error
    );

    weight_buffer #(
        .OUTPUTS(OUTPUTS),
        .SIMD(SIMD),
        .BEAT_BITS(BEAT_BITS),
        .WORDS(WORDS)
    ) u_buffer (
        .clk,
        .write,
        .write_bank,
        .write_address,
        .write_group,
        .write_part,
        .write_data,
        .write_rest,
        .read,
        .read_bank(bank),
        .read_address(ADDRESS_BITS'(read_address)),
        .word
    );

    row_sums #(
        .MEMBERS(BEAT_BITS / 64),
        .WIDTH(64),
        .RING(1024 / BEAT_BITS),
        .COLUMNS(GROUPS),
        .WORDS(TILES),
        .PLANES(PLANES),
        .SUM_BITS(SUM_BITS),
        .STRUCTURAL(STRUCTURAL)
    ) u_sums (
        .clk,
        .beat(write_beat),
        .bits(write_data),
        .first(write_first),
        .negative(write_negative),
        .plane(write_plane),
        .store(write && write_end),
        .bank(write_bank),
        .word(write_tile),
        .column(write_group),
        .read(sum_read),
        .read_bank(sum_bank),
        .read_word(OWN_TILE_BITS'(sum_tile)),
        .sums
    );
  end
endmodule
