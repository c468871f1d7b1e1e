// SPDX-License-Identifier: Apache-2.0
// Takes the activation stream token tile by token tile into the free bank, job after job without a
// bubble. `loaded[b]`: bank b holds a whole token tile.
module act_loader
  import qmm_pkg::*;
#(
    parameter int unsigned SLICES,  // beats per buffer word
    parameter int unsigned WORDS,   // words per bank
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    halt,
    input  logic                    job_valid,
    output logic                    job_ready,
    input  logic [3:0]              act_planes,    // of the job, as the two below
    input  logic [15:0]             k_words,
    input  logic [15:0]             token_tiles,
    input  logic                    beat_valid,
    output logic                    beat_ready,
    input  logic                    beat_last,
    input  logic                    release_valid,  // the bank is done with
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

  assign beat_ready = !halt && job_valid && !loaded[write_bank];
  assign write      = beat_valid && beat_ready;
  assign job_end    = tile_end && tile == token_tiles - 16'd1;
  assign job_ready  = write && job_end;

  word_counter #(
      .SLICES(SLICES),
      .WORDS (WORDS)
  ) u_counter (
      .clk,
      .rst_n,
      .advance(write),
      .outer(act_planes),
      .inner(k_words),
      .address(write_address),
      .slice(write_slice),
      .last(tile_end),
      .overflow
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
      tile       <= '0;
    end else begin
      if (write && tile_end && error == ERROR_NONE) begin
        loaded[write_bank] <= 1'b1;
        write_bank         <= !write_bank;
        tile               <= job_end ? '0 : tile + 16'd1;
      end
      if (release_valid) loaded[release_bank] <= 1'b0;
    end
  end
endmodule
