// SPDX-License-Identifier: Apache-2.0
// Reads operands out of plane buffers: what the activation feeder and the K/V feeder share. Source: ours.
//
// ORDER. For each read_job_t: for tile of TILE_GROUPS row groups, for plane, for word, for row group of the
// tile: one beat of BANKS words, row 0 lowest. Bits beyond the job's `bits` are 0; rows beyond the true ones
// are whatever the buffer holds. TLAST on the job's last beat.
// A tile begins when `tile_ready`; `tile_rows` then tells how many rows of the operand it and those before
// it have, padding counted.
//
// PIPELINE. 5 stages: 1 request; 2 address; 3 memory (both in plane_buffer.sv); 4 choice of the source; 5
// rotation and mask; then a register slice. II = 1 beat a clock across tiles and jobs. A job of N beats, N =
// tiles*planes*words*TILE_GROUPS, whose rows are there takes N + 6 clocks from `job_valid` to its last beat,
// both counted; jobs that wait in a queue take N each. Tests hold the simulation to it.
// `read_done` is high for one clock after the job's last word has left the memories.
module plane_reader
  import plane_pkg::*;
#(
    parameter int unsigned SOURCES,      // buffers, 1..4
    parameter int unsigned PLANES,       // of the buffers, as the three below
    parameter int unsigned BANKS,
    parameter int unsigned WORD_BITS,    // >= 8
    parameter int unsigned CHUNK,
    parameter int unsigned TILE_GROUPS,  // row groups of a tile
    parameter int unsigned TAG_BITS,
    localparam int unsigned COLUMNS = columns(PLANES),
    localparam int unsigned RAW_BITS = COLUMNS * CHUNK
) (
    input  logic                                       clk,
    input  logic                                       rst_n,      // synchronous, active low
    input  logic                                       job_valid,  // held until `job_taken`
    output logic                                       job_taken,
    input  read_job_t                                  job,
    input  logic [TAG_BITS-1:0]                        job_tag,    // comes back with `read_done`
    output logic [15:0]                                tile_rows,
    input  logic                                       tile_ready,
    output logic                                       read_done,
    output logic [TAG_BITS-1:0]                        read_tag,
    output logic                                       enable,     // to all buffers, as the five below
    output logic [SOURCES-1:0]                         read,
    output logic                                       read_side,
    output logic [15:0]                                read_group,
    output logic [15:0]                                read_word,
    output logic [3:0]                                 read_plane,
    input  logic [SOURCES-1:0][BANKS-1:0][RAW_BITS-1:0] raw,
    output logic                                       m_axis_tvalid,
    input  logic                                       m_axis_tready,
    output logic [BANKS*WORD_BITS-1:0]                 m_axis_tdata,
    output logic                                       m_axis_tlast
);
  localparam int unsigned WORD_CHUNKS = WORD_BITS / CHUNK;
  localparam int unsigned COUNT_BITS = $clog2(WORD_BITS + 1);
  localparam int unsigned STAGES = 5;

  if (SOURCES < 1 || SOURCES > 4 || WORD_BITS < 8) begin : g_check_shape
    $error("plane_reader: SOURCES %0d must be 1..4 and WORD_BITS %0d >= 8", SOURCES, WORD_BITS);
  end

  // What travels beside a word.
  typedef struct packed {
    logic [1:0]            source;
    logic [2:0]            turn;   // memory that holds the word's first chunk
    logic [COUNT_BITS-1:0] count;  // true bits of the word
    logic                  last;
    logic [TAG_BITS-1:0]   tag;
  } word_t;

  // The walk.
  logic [15:0] group, word, tile, tile_group;
  logic [19:0] bits_before;
  logic [3:0] plane;
  logic first, issue, group_end, word_end, plane_end, tile_end;
  logic [20:0] left;

  assign first     = group == '0 && word == '0 && plane == '0;
  assign issue     = job_valid && (!first || tile_ready);
  assign group_end = group == 16'(TILE_GROUPS - 1);
  assign word_end  = group_end && word == job.words - 16'd1;
  assign plane_end = word_end && plane == job.planes - 4'd1;
  assign tile_end  = plane_end && tile == job.tiles - 16'd1;
  assign job_taken = enable && issue && tile_end;
  assign left      = 21'(job.bits) - 21'(bits_before);
  assign tile_rows = 16'(times(32'(tile_group) + TILE_GROUPS, BANKS));

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      group       <= '0;
      word        <= '0;
      plane       <= '0;
      tile        <= '0;
      tile_group  <= '0;
      bits_before <= '0;
    end else if (enable && issue) begin
      group <= group_end ? '0 : group + 16'd1;
      if (group_end) begin
        word        <= word_end ? '0 : word + 16'd1;
        bits_before <= word_end ? '0 : bits_before + 20'(WORD_BITS);
      end
      if (word_end) plane <= plane_end ? '0 : plane + 4'd1;
      if (plane_end) begin
        tile       <= tile_end ? '0 : tile + 16'd1;
        tile_group <= tile_end ? '0 : tile_group + 16'(TILE_GROUPS);
      end
    end
  end

  // Stages 1 to 3: index s of these holds what belongs to stage s + 1.
  logic [STAGES-1:0] valid;
  word_t [STAGES-1:0] beside;

  always_ff @(posedge clk) begin
    if (!rst_n) valid <= '0;
    else if (enable) valid <= {valid[STAGES-2:0], issue};
  end
  always_ff @(posedge clk) begin
    if (enable) begin
      for (int unsigned s = 0; s < SOURCES; s++) read[s] <= issue && job.source == 2'(s);
      read_side  <= job.side;
      read_group <= job.first_group + tile_group + group;
      read_word  <= job.first_word + word;
      read_plane <= plane;
      beside[0].source <= job.source;
      beside[0].turn   <= 3'((times(32'(job.first_word + word), WORD_CHUNKS) + 32'(plane)) % COLUMNS);
      beside[0].last   <= tile_end;
      beside[0].tag    <= job_tag;
      if (left[20]) beside[0].count <= '0;
      else beside[0].count <= (left >= 21'(WORD_BITS)) ? COUNT_BITS'(WORD_BITS) : COUNT_BITS'(left);
      for (int unsigned s = 1; s < STAGES; s++) beside[s] <= beside[s-1];
    end
  end

  // Stage 4: source, and the mask in bytes, so that a bit of it is one small function.
  logic [BANKS-1:0][RAW_BITS-1:0] chosen;
  logic [WORD_BITS-1:0] mask;
  logic [7:0] edge_byte;
  assign edge_byte = ~(8'hFF << beside[2].count[2:0]);
  always_ff @(posedge clk) begin
    if (enable) begin
      chosen <= raw[0];
      for (int unsigned s = 1; s < SOURCES; s++) if (beside[2].source == 2'(s)) chosen <= raw[s];
      for (int unsigned g = 0; g < WORD_BITS / 8; g++) begin
        mask[8*g+:8] <= (32'(beside[2].count >> 3) > g) ? 8'hFF
                      : (32'(beside[2].count >> 3) == g) ? edge_byte : 8'h00;
      end
    end
  end

  // Stage 5: rotation.
  logic [BANKS-1:0][WORD_BITS-1:0] turned;
  always_ff @(posedge clk) begin
    if (enable) begin
      for (int unsigned b = 0; b < BANKS; b++) begin
        for (int unsigned c = 0; c < WORD_CHUNKS; c++) begin
          turned[b][c*CHUNK+:CHUNK] <= mask[c*CHUNK+:CHUNK]
              & chosen[b][(c+32'(beside[3].turn))%COLUMNS*CHUNK+:CHUNK];
        end
      end
    end
  end

  logic room;
  assign enable = !valid[STAGES-1] || room;
  always_ff @(posedge clk) begin
    read_done <= rst_n && enable && valid[STAGES-1] && beside[STAGES-1].last;
    read_tag  <= beside[STAGES-1].tag;
  end

  axis_register #(
      .WIDTH(BANKS * WORD_BITS + 1)
  ) u_slice (
      .clk,
      .rst_n,
      .in_valid (valid[STAGES-1]),
      .in_ready (room),
      .in_data  ({beside[STAGES-1].last, turned}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );
endmodule
