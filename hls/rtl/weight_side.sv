// SPDX-License-Identifier: Apache-2.0
// One weight input of the QMM engine: register and block_loader. What is written stands one clock behind a beat; the
// beat itself is at hand with `take`, for a register that both inputs share (weight_memory.sv). `hold` must come from
// registers: a beat waits in that clock, and the input's ready looks through to it.
module weight_side
  import qmm_pkg::*;
#(
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned BEAT_BITS,
    parameter int unsigned WORDS,       // of a bank; 0: there is no such input
    parameter int unsigned TILES,       // output tiles of a job
    parameter bit          WHOLE_ROWS,
    parameter error_t      END_ERROR,
    localparam int unsigned ADDRESS_BITS = (WORDS > 1) ? $clog2(WORDS) : 1,
    localparam int unsigned TILE_BITS = (TILES > 1) ? $clog2(TILES) : 1,
    localparam int unsigned GROUPS = 64 * OUTPUTS / BEAT_BITS,
    localparam int unsigned GROUP_BITS = (GROUPS > 1) ? $clog2(GROUPS) : 1,
    localparam int unsigned SLOT_BITS = $clog2(1024 / BEAT_BITS),
    localparam int unsigned PARTS = SIMD / 64,
    localparam int unsigned PART_BITS = (PARTS > 1) ? $clog2(PARTS) : 1
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    halt,
    input  logic                    hold,           // no beat is taken in this clock
    input  logic                    job_valid,
    output logic                    job_ready,
    input  config_t                 job,
    input  logic                    s_axis_tvalid,
    output logic                    s_axis_tready,
    input  logic [BEAT_BITS-1:0]    s_axis_tdata,
    input  logic                    s_axis_tlast,
    output logic [1:0]              loaded,
    input  logic                    release_valid,  // the bank is done with
    input  logic                    release_bank,
    output logic                    take,
    output logic                    take_first,     // the beat is of part 0 of its words
    output logic [BEAT_BITS-1:0]    take_data,
    output logic                    write,
    output logic                    write_bank,
    output logic [ADDRESS_BITS-1:0] write_address,
    output logic [GROUP_BITS-1:0]   write_group,
    output logic [PART_BITS-1:0]    write_part,
    output logic                    write_beat,
    output logic [SLOT_BITS-1:0]    write_slot,
    output logic                    write_first,
    output logic                    write_end,
    output logic [3:0]              write_plane,
    output logic                    write_negative,
    output logic [TILE_BITS-1:0]    write_tile,
    output error_t                  error
);
  if (WORDS == 0) begin : g_none
    logic unused;
    assign unused = &{1'b0, clk, rst_n, halt, hold, job_valid, job, s_axis_tvalid, s_axis_tlast, release_valid,
                      release_bank};
    assign {job_ready, s_axis_tready, loaded, take, take_first} = '0;
    assign {write, write_bank, write_address, write_group, write_part, write_beat, write_slot, write_first, write_end,
            write_plane, write_negative, write_tile} = '0;
    assign take_data = s_axis_tdata;
    assign error     = ERROR_NONE;
  end else begin : g_side
    logic beat_valid, beat_ready, beat_last, ready;
    assign beat_ready = ready && !hold;
    assign take       = beat_valid && beat_ready;

    axis_register #(
        .WIDTH(BEAT_BITS + 1)
    ) u_slice (
        .clk,
        .rst_n,
        .in_valid (s_axis_tvalid),
        .in_ready (s_axis_tready),
        .in_data  ({s_axis_tlast, s_axis_tdata}),
        .out_valid(beat_valid),
        .out_ready(beat_ready),
        .out_data ({beat_last, take_data})
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
        .beat_valid(beat_valid && !hold),
        .beat_ready(ready),
        .beat_last,
        .beat_first(take_first),
        .release_valid,
        .release_bank,
        .loaded,
        .write,
        .write_bank,
        .write_address,
        .write_group,
        .write_part,
        .write_beat,
        .write_slot,
        .write_first,
        .write_end,
        .write_plane,
        .write_negative,
        .write_tile,
        .error
    );
  end
endmodule
