// SPDX-License-Identifier: Apache-2.0
// Sequencer of FFN: walks work items (one layer of one sequence each) and makes of every one
//   the memory commands: descriptor; F1, F2 weights and constants in turn; LN constants (section_reads.sv)
//   the entry's configuration: ffn_in
//   the jobs F1, F2; LN config (ffn_jobs.sv)
// Every output is a stream of its own; FIFOs outside let each run ahead. Descriptor and sections of the
// next item are read while the jobs of this one run. hls/bat_jobs.py has the same in Python.
// `fault`: registers_pkg::ERR_* until reset (descriptor_reader.sv, section_reads.sv). `idle`: no work
// item is here or on the way. Source: ours.
module ffn_sequencer
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS,  // width of a memory beat, a power of two, 64..512
    parameter int unsigned TOKENS,    // rows of a token tile
    parameter int unsigned OUTPUTS,   // outputs of a tile, a power of two
    parameter int unsigned SIMD,      // bits of a word, a power of two
    parameter int unsigned LANES,     // values of a beat of LN, a power of two
    parameter int unsigned MAX_BITS,  // widest activation that is built, 1..8
    parameter int unsigned PARTS      // 2: WTWS is built
) (
    input  logic                     clk,
    input  logic                     rst_n,          // synchronous, active low
    input  program_t                 shape,          // stable while there are work items
    input  logic                     work_valid,
    output logic                     work_ready,
    input  work_t                    work,
    output logic                     read_valid,
    input  logic                     read_ready,
    output read_t                    read,
    input  logic                     in_valid,       // the descriptor's beats
    output logic                     in_ready,
    input  logic [BUS_BITS-1:0]      in_data,
    input  logic                     in_last,
    output logic                     entry_valid,
    input  logic                     entry_ready,
    output entry_t                   entry,
    output logic                     job_valid,
    input  logic                     job_ready,
    output job_t                     job,
    output logic                     norm_valid,
    input  logic                     norm_ready,
    output vector_pkg::norm_job_t    norm,
    output logic                     idle,
    output logic [3:0]               fault
);
  logic layer_valid, layer_ready, bank, front_idle, jobs_idle;
  layer_pkg::layer_t layer;
  work_t item;
  logic [15:0] token_tiles;
  assign idle = front_idle && jobs_idle;

  layer_front #(
      .BUS_BITS(BUS_BITS),
      .TOKENS(TOKENS),
      .MAX_BITS(MAX_BITS),
      .PARTS(PARTS),
      .ATTENTION(1'b0)
  ) u_front (
      .clk,
      .rst_n,
      .shape,
      .work_valid,
      .work_ready,
      .work,
      .read_valid,
      .read_ready,
      .read,
      .in_valid,
      .in_ready,
      .in_data,
      .in_last,
      .entry_valid,
      .entry_ready,
      .entry,
      .layer_valid,
      .layer_ready,
      .layer,
      .item,
      .bank,
      .token_tiles,
      .idle(front_idle),
      .fault
  );

  ffn_jobs #(
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .LANES(LANES)
  ) u_jobs (
      .clk,
      .rst_n,
      .shape,
      .layer_valid,
      .layer_ready,
      .layer,
      .item,
      .bank,
      .token_tiles,
      .job_valid,
      .job_ready,
      .job,
      .norm_valid,
      .norm_ready,
      .norm,
      .idle(jobs_idle)
  );
endmodule
