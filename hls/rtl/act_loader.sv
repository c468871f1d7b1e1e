// SPDX-License-Identifier: Apache-2.0
// Takes the activation stream tile by tile into the free bank. It follows the jobs in their order:
// `job_bank` is the job whose tiles come in now. It runs at most two tiles ahead of the compute
// step, hence it can never reach a job bank that still holds an earlier job.
module act_loader
  import qmm_pkg::*;
#(
    parameter int unsigned SLICES,    // beats per buffer word
    parameter int unsigned WORDS,     // words per bank
    parameter int unsigned A_PLANES,  // activation planes in parallel
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    halt,
    input  logic                    beat_valid,
    output logic                    beat_ready,
    input  logic                    beat_last,
    output logic                    job_bank,
    input  logic                    job_known,    // of job_bank, as the three below
    input  logic [3:0]              act_planes,
    input  logic [15:0]             k_words,
    input  logic [15:0]             token_tiles,
    input  logic                    release_tile,  // the tile of release_bank is done
    input  logic                    release_bank,
    output logic [1:0]              loaded,
    output logic                    write,
    output logic                    write_bank,
    output logic [ADDRESS_BITS-1:0] write_address,
    output logic [SLICE_BITS-1:0]   write_slice,
    output error_t                  error
);
  logic tile_end, job_end, overflow;
  logic [15:0] tile;
  logic [3:0] groups;

  assign beat_ready = !halt && job_known && !loaded[write_bank];
  assign write      = beat_valid && beat_ready;
  assign groups     = 4'((32'(act_planes) + A_PLANES - 1) / A_PLANES);
  assign job_end    = tile_end && tile == token_tiles - 16'd1;

  word_counter #(
      .SLICES(SLICES),
      .WORDS (WORDS)
  ) u_counter (
      .clk,
      .rst_n,
      .advance (write),
      .outer   (16'd1),
      .middle  (groups),
      .inner   (k_words),
      .address (write_address),
      .slice   (write_slice),
      .last    (tile_end),
      .overflow(overflow)
  );

  always_comb begin
    error = ERROR_NONE;
    if (write && overflow) error = ERROR_CAPACITY;
    else if (write && beat_last != job_end) error = ERROR_ACT_END;
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      loaded     <= '0;
      write_bank <= 1'b0;
      job_bank   <= 1'b0;
      tile       <= '0;
    end else begin
      if (write && tile_end && error == ERROR_NONE) begin
        loaded[write_bank] <= 1'b1;
        write_bank         <= !write_bank;
        tile               <= job_end ? '0 : tile + 16'd1;
        if (job_end) job_bank <= !job_bank;
      end
      if (release_tile) loaded[release_bank] <= 1'b0;
    end
  end
endmodule
