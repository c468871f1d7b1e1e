// SPDX-License-Identifier: Apache-2.0
// Takes the weights of one job after the other into the free bank of a weight_buffer. The order of
// the beats is in qmm_pkg.sv, the place of a word in weight_buffer.sv. One clock passes between two
// jobs; II = 1 within a job. `loaded[b]`: bank b holds all weights of its job, readable.
// The write port comes from registers, one clock behind the beat, its data apart. So does what row_sums.sv wants
// to know of a beat, of padding too (`write_beat`): whether its word is the first, or the last, of all planes of
// its outputs, what its bits weigh, and the output tile.
module block_loader
  import qmm_pkg::*;
#(
    parameter int unsigned OUTPUTS,    // power of two >= 8
    parameter int unsigned SIMD,       // power of two, multiple of 64
    parameter int unsigned BEAT_BITS,  // power of two, 64 to 64 * min(OUTPUTS, 16)
    parameter int unsigned WORDS,      // words of a bank
    parameter int unsigned TILES,      // output tiles of a bank
    parameter bit          WHOLE_ROWS, // 1: all k_words*SIMD/64 words of a row come; 0: ceil(k_bits/64)
    parameter error_t      END_ERROR,  // when TLAST is not on the job's last beat
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned TILE_BITS = (TILES > 1) ? $clog2(TILES) : 1,
    localparam int unsigned GROUPS = 64 * OUTPUTS / BEAT_BITS,
    localparam int unsigned PARTS = SIMD / 64,
    localparam int unsigned SLOT_BITS = $clog2(1024 / BEAT_BITS),
    localparam int unsigned GROUP_BITS = (GROUPS > 1) ? $clog2(GROUPS) : 1,
    localparam int unsigned PART_BITS = (PARTS > 1) ? $clog2(PARTS) : 1
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    halt,
    input  logic                    job_valid,
    output logic                    job_ready,
    input  config_t                 job,
    input  logic                    beat_valid,
    output logic                    beat_ready,
    input  logic                    beat_last,
    output logic                    beat_first,     // the beat at hand is of part 0 of its words
    input  logic                    release_valid,  // the bank is done with
    input  logic                    release_bank,
    output logic [1:0]              loaded,
    output logic                    write,
    output logic                    write_bank,
    output logic [ADDRESS_BITS-1:0] write_address,
    output logic [GROUP_BITS-1:0]   write_group,
    output logic [PART_BITS-1:0]    write_part,
    output logic                    write_beat,
    output logic [SLOT_BITS-1:0]    write_slot,     // the beat's place among those of a word of 16 outputs
    output logic                    write_first,
    output logic                    write_end,
    output logic [3:0]              write_plane,
    output logic                    write_negative,
    output logic [TILE_BITS-1:0]    write_tile,
    output error_t                  error
);
  localparam int unsigned SUBS = (OUTPUTS > 16) ? OUTPUTS / 16 : 1;  // blocks in a tile
  localparam int unsigned SUB_BITS = (SUBS > 1) ? $clog2(SUBS) : 1;
  localparam int unsigned WIDE = 20;  // address bits that no job can leave by much

  typedef struct packed {
    logic [15:0]     last_block;
    logic [3:0]      last_plane;
    logic [15:0]     last_word;
    logic [WIDE-1:0] tile_words;  // planes * k_words, counts for OUTPUTS 8
    logic            half;        // the last block's outputs 8 to 15 are padding
    logic            subtracted;  // the last plane weighs less than 0
  } plan_t;

  plan_t plan, next_plan;
  logic [15:0] last_output;
  logic unused, active, bank, last_q, bank_q;
  logic [SLOT_BITS-1:0] group;
  logic [15:0] word, block, tile;
  logic [3:0] plane;
  logic [SUB_BITS-1:0] sub;
  logic [WIDE-1:0] address, tile_base, place;
  logic take, group_end, word_end, plane_end, block_end, tile_end, part_end, job_end, upper, store;

  assign unused     = &{1'b0, job, last_output};
  assign job_ready  = !active && !halt;
  assign beat_ready = active && !halt && !loaded[bank];
  assign take       = beat_valid && beat_ready;

  assign group_end = group == '1;
  assign word_end  = word == plan.last_word;
  assign plane_end = plane == plan.last_plane;
  assign block_end = block == plan.last_block;
  assign tile_end  = sub == SUB_BITS'(SUBS - 1);
  assign job_end   = group_end && word_end && plane_end && block_end;
  if (PARTS > 1) begin : g_part
    assign part_end = word[PART_BITS-1:0] == '1;
  end else begin : g_no_part
    assign part_end = 1'b1;
  end
  if (OUTPUTS == 8) begin : g_upper
    assign upper = group[SLOT_BITS-1];
    assign tile  = {block[14:0], upper};
  end else begin : g_no_upper
    assign upper = 1'b0;
    assign tile  = block >> $clog2(SUBS);
  end
  assign place = upper ? address + plan.tile_words : address;
  assign store = take && !(upper && block_end && plan.half);

  always_comb begin
    error = ERROR_NONE;
    if (store && (place >= WIDE'(WORDS) || 32'(tile) >= TILES)) error = ERROR_CAPACITY;
    else if (take && beat_last != job_end) error = END_ERROR;
  end

  always_comb begin
    last_output          = job.outputs - 16'd1;
    next_plan.last_block = last_output >> 4;
    next_plan.last_plane = job.weight_planes - 4'd1;
    next_plan.last_word  = WHOLE_ROWS ? (job.k_words << $clog2(PARTS)) - 16'd1 : (job.k_bits - 16'd1) >> 6;
    next_plan.tile_words = WIDE'(job.k_words) * WIDE'(job.weight_planes);
    next_plan.half       = !last_output[3];
    next_plan.subtracted = job.weight_kind == KIND_SIGNED || job.weight_kind == KIND_TERNARY;
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      active <= 1'b0;
      bank   <= 1'b0;
      loaded <= '0;
      last_q <= 1'b0;
      write  <= 1'b0;
    end else begin
      if (job_valid && job_ready) active <= 1'b1;
      else if (take && job_end) active <= 1'b0;
      bank   <= bank ^ (take && job_end);
      last_q <= take && job_end && error == ERROR_NONE;
      write  <= store && error == ERROR_NONE;
      if (last_q) loaded[bank_q] <= 1'b1;
      if (release_valid) loaded[release_bank] <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (job_ready) begin
      plan <= next_plan;
      {group, word, plane, block, sub, address, tile_base} <= '0;
    end else if (take) begin
      group <= group + 1'b1;
      if (group_end) begin
        word <= word_end ? '0 : word + 16'd1;
        if (word_end) plane <= plane_end ? '0 : plane + 4'd1;
        if (part_end || word_end) address <= address + 1'b1;
        if (word_end && plane_end) begin
          block <= block + 16'd1;
          sub   <= tile_end ? '0 : sub + 1'b1;
          if (tile_end) begin
            address   <= address + 1'b1 + ((OUTPUTS == 8) ? plan.tile_words : '0);
            tile_base <= address + 1'b1;
          end else begin
            address <= tile_base;
          end
        end
      end
    end
  end

  logic [PART_BITS-1:0] write_part_next;
  logic [GROUP_BITS-1:0] write_group_next;
  assign write_part_next  = (PARTS > 1) ? PART_BITS'(word) : '0;
  assign beat_first       = write_part_next == '0;
  assign write_group_next = (GROUPS > 1) ? GROUP_BITS'({sub, group}) : '0;

  always_ff @(posedge clk) begin
    bank_q        <= bank;
    write_bank    <= bank;
    write_address <= ADDRESS_BITS'(place);
    write_part    <= write_part_next;
    write_group   <= write_group_next;

    write_beat     <= take;
    write_slot     <= group;
    write_first    <= plane == '0 && word == '0;
    write_end      <= plane_end && word_end;
    write_plane    <= plane;
    write_negative <= plan.subtracted && plane_end;
    write_tile     <= TILE_BITS'(tile);
  end
endmodule
