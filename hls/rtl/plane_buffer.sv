// SPDX-License-Identifier: Apache-2.0
// Buffer of bit planes: written SEGMENT bits of all planes of WRITE_ROWS rows at once, read one word of one
// plane of BANKS rows at once. Source: skewed storage of parallel memories (Budnik and Kuck); its use here is ours.
//
// LAYOUT. Row r lies in bank r % BANKS as row group r / BANKS. A bank is COLUMNS memories, COLUMNS = PLANES
// rounded up to a power of two, of CHUNK bits. A row is cut into units of COLUMNS chunks (a word, or several
// where segments are wide); chunk c of plane p lies in memory (c + p) % COLUMNS. So the planes of one segment
// go to different memories (one clock to write), and so do the chunks of one plane (one clock to read), and
// all memories are full: no plane has memories of its own. plane_reader.sv turns the chunks back.
//
// WRITE: rows `write_row`, a multiple of WRITE_ROWS, and those after it; they lie in banks of their own. The
// memory holds it 2 clocks after `write`. READ: `raw` is there 2 clocks of `enable` after `read`;
// it keeps its value while this buffer is not read. Content is undefined until written.
module plane_buffer
  import plane_pkg::*;
#(
    parameter int unsigned PLANES,     // 1..8
    parameter int unsigned SIDES,      // 1, or 2 for a double buffer
    parameter int unsigned ROWS,       // of a side; all that are ever read, padding included
    parameter int unsigned BANKS,      // rows read at once, a power of two
    parameter int unsigned ROW_WORDS,  // words of a row
    parameter int unsigned WORD_BITS,  // a power of two
    parameter int unsigned SEGMENT,    // bits of a plane that are written at once, divides WORD_BITS
    parameter int unsigned CHUNK,      // plane_pkg::chunk_bits: bits of a memory
    parameter int unsigned WRITE_ROWS = 1,  // rows written at once, divides BANKS
    localparam int unsigned COLUMNS = columns(PLANES),
    localparam int unsigned RAW_BITS = COLUMNS * CHUNK
) (
    input  logic                             clk,
    input  logic                             write,
    input  logic                             write_side,
    input  logic [15:0]                      write_row,
    input  logic [15:0]                      write_segment,  // of the row
    input  logic [WRITE_ROWS-1:0][PLANES-1:0][SEGMENT-1:0] write_data,
    input  logic                             enable,         // the reader's pipeline moves
    input  logic                             read,
    input  logic                             read_side,
    input  logic [15:0]                      read_group,
    input  logic [15:0]                      read_word,      // of the row
    input  logic [3:0]                       read_plane,
    output logic [BANKS-1:0][RAW_BITS-1:0]   raw
);
  localparam int unsigned UNIT = RAW_BITS / SEGMENT;  // segments of a unit
  localparam int unsigned UNIT_WORDS = RAW_BITS / WORD_BITS;
  localparam int unsigned ROW_UNITS = (ROW_WORDS + UNIT_WORDS - 1) / UNIT_WORDS;
  localparam int unsigned GROUPS = (ROWS + BANKS - 1) / BANKS;
  localparam int unsigned DEPTH = SIDES * GROUPS * ROW_UNITS * PLANES;
  localparam int unsigned ADDRESS_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int unsigned CHUNK_SEGMENTS = CHUNK / SEGMENT;

  if (PLANES < 1 || PLANES > 8 || SIDES < 1 || SIDES > 2) begin : g_check_planes
    $error("plane_buffer: PLANES %0d must be 1..8 and SIDES %0d 1 or 2", PLANES, SIDES);
  end
  if (BANKS < 1 || 2 ** $clog2(BANKS) != BANKS || 2 ** $clog2(WORD_BITS) != WORD_BITS) begin : g_check_shape
    $error("plane_buffer: BANKS %0d and WORD_BITS %0d must be powers of two", BANKS, WORD_BITS);
  end
  if (SEGMENT < 1 || WORD_BITS % SEGMENT != 0) begin : g_check_segment
    $error("plane_buffer: SEGMENT %0d must divide WORD_BITS %0d", SEGMENT, WORD_BITS);
  end
  if (CHUNK % SEGMENT != 0 || WORD_BITS % CHUNK != 0 || COLUMNS * CHUNK < WORD_BITS) begin : g_check_chunk
    $error("plane_buffer: CHUNK %0d is not chunk_bits of these words and segments", CHUNK);
  end

  if (WRITE_ROWS < 1 || BANKS % WRITE_ROWS != 0) begin : g_check_write
    $error("plane_buffer: WRITE_ROWS %0d must divide BANKS %0d", WRITE_ROWS, BANKS);
  end

  // Address of plane 0 of a unit.
  function automatic logic [ADDRESS_BITS-1:0] place(logic side, logic [15:0] group, logic [15:0] unit);
    logic [31:0] row;
    row = 32'(group) + ((SIDES > 1 && side) ? GROUPS : 0);
    return ADDRESS_BITS'(times(times(row, ROW_UNITS) + 32'(unit), PLANES));
  endfunction

  // Which plane of the segment at hand goes to a memory.
  function automatic logic [3:0] plane_of(int unsigned memory_number, logic [3:0] chunk);
    return 4'((memory_number + COLUMNS - 32'(chunk)) % COLUMNS);
  endfunction

  logic w_valid;
  logic [BANKS-1:0] w_bank;
  logic [CHUNK_SEGMENTS-1:0] w_part;  // one hot: segment of the chunk
  logic [3:0] w_chunk;
  logic [ADDRESS_BITS-1:0] w_address, r_address;
  logic [WRITE_ROWS-1:0][PLANES-1:0][SEGMENT-1:0] w_data;
  logic r_valid;

  always_ff @(posedge clk) begin
    w_valid   <= write;
    w_address <= place(write_side, write_row / 16'(BANKS), write_segment / 16'(UNIT));
    w_chunk   <= 4'(write_segment % 16'(UNIT) / 16'(CHUNK_SEGMENTS));
    w_data    <= write_data;
    for (int unsigned b = 0; b < BANKS; b++) begin
      w_bank[b] <= write_row % 16'(BANKS) / 16'(WRITE_ROWS) == 16'(b / WRITE_ROWS);
    end
    for (int unsigned s = 0; s < CHUNK_SEGMENTS; s++) begin
      w_part[s] <= write_segment % 16'(CHUNK_SEGMENTS) == 16'(s);
    end
    if (enable) begin
      r_valid   <= read;
      r_address <= place(read_side, read_group, read_word / 16'(UNIT_WORDS))
                 + ADDRESS_BITS'(32'(read_plane));
    end
  end

  for (genvar m = 0; m < COLUMNS; m++) begin : g_column
    logic [3:0] plane;
    logic [ADDRESS_BITS-1:0] address;
    logic [WRITE_ROWS-1:0][SEGMENT-1:0] data;
    assign plane   = plane_of(m, w_chunk);
    assign address = w_address + ADDRESS_BITS'(plane);
    always_comb begin
      data = '0;
      for (int unsigned r = 0; r < WRITE_ROWS; r++) begin
        for (int unsigned p = 0; p < PLANES; p++) if (plane == 4'(p)) data[r] = w_data[r][p];
      end
    end
    for (genvar b = 0; b < BANKS; b++) begin : g_bank
      logic [CHUNK-1:0] memory[DEPTH];
      logic [CHUNK-1:0] word;
      assign raw[b][m*CHUNK+:CHUNK] = word;
      always_ff @(posedge clk) begin
        if (w_valid && w_bank[b] && plane < 4'(PLANES)) begin
          for (int unsigned s = 0; s < CHUNK_SEGMENTS; s++) begin
            if (w_part[s]) memory[address][s*SEGMENT+:SEGMENT] <= data[b%WRITE_ROWS];
          end
        end
        if (enable && r_valid) word <= memory[r_address];
      end
    end
  end
endmodule
