// SPDX-License-Identifier: Apache-2.0
// Takes the activation stream token tile by token tile into the free bank, job after job without a
// bubble. `loaded[b]`: bank b holds a whole token tile. `write_first`, `write_end`: the beat is of the tile's first
// word of its first plane, of the last word of its last plane; `write_plane`, `write_negative`: what a bit of it weighs.
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
    input  kind_t                   act_kind,      // of the job, as the three below
    input  logic [3:0]              act_planes,
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
    output logic                    write_first,
    output logic                    write_end,
    output logic [3:0]              write_plane,
    output logic                    write_negative,
    output error_t                  error
);
  logic tile_end, job_end, overflow;
  logic [15:0] tile;

  assign beat_ready = !halt && job_valid && !loaded[write_bank];
  assign write      = beat_valid && beat_ready;
  assign job_end    = tile_end && tile == token_tiles - 16'd1;
  assign job_ready  = write && job_end;

  assign write_first    = write_address == '0;
  assign write_negative = act_kind == KIND_SIGNED && write_plane == act_planes - 4'd1;

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
      .outer_index(write_plane),
      .last_word(write_end),
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
