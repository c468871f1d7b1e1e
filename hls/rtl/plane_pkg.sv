// SPDX-License-Identifier: Apache-2.0
// Types of the activation buffers: what a writer puts where, how far it is, what a feeder reads.
//
// PLANES. An activation of k bits is k planes: plane p holds bit p of the two's complement or unsigned
// value; {-1,+1} has one plane, 1 where q = +1. Rows of a plane are words of bits, bit = channel.
package plane_pkg;
  import bat_pkg::*;

  // A matrix on its way into a buffer: rows x channels, in tile order (for row tile, for column tile, for
  // row of the tile, for word of LANES channels) or row order (tile_rows = tiles = 1).
  // Channel c goes to bit channel_base + (c / head_channels) * head_stride + c % head_channels of its row.
  typedef struct packed {
    logic [15:0] rows;
    logic [15:0] tile_rows;
    logic [15:0] tiles;          // column tiles
    logic [15:0] words;          // words of LANES channels in one row of a tile
    logic [15:0] channels;
    logic [15:0] channel_base;
    logic [15:0] head_channels;
    logic [15:0] head_stride;
    logic        bipolar;
    logic        side;           // of a double buffer; 0 in a single one
  } write_job_t;

  // How far a writer is: jobs complete since reset (modulo 256) and complete rows of the next one.
  typedef struct packed {
    logic [7:0]  jobs;
    logic [15:0] rows;
  } progress_t;

  // One operand of the engine: for tile, for plane, for word, for row group of the tile.
  typedef struct packed {
    logic [1:0]  source;       // which buffer
    logic        side;
    logic [15:0] first_group;  // row group of the operand's first row
    logic [15:0] first_word;
    logic [15:0] tiles;
    logic [3:0]  planes;
    logic [15:0] words;
    logic [15:0] bits;         // true length of a row; the bits beyond are sent as 0
  } read_job_t;

  // Memories of a bank of a plane buffer, and bits of one: the CHUNK of plane_buffer.sv that stores words of
  // `word` bits, written `segment` bits at once, without a gap. Sources of one reader share the largest.
  function automatic int unsigned columns(int unsigned planes);
    return 2 ** $clog2(planes);
  endfunction
  function automatic int unsigned chunk_bits(int unsigned word, int unsigned planes, int unsigned segment);
    return (word / columns(planes) > segment) ? word / columns(planes) : segment;
  endfunction

  // Job number `index` of a writer is complete. It is never 128 or more jobs away.
  function automatic logic complete(logic [7:0] jobs, logic [7:0] index);
    logic [7:0] ahead;
    ahead = jobs - index;
    return ahead != '0 && !ahead[7];
  endfunction

  // Its first `rows` rows are.
  function automatic logic reached(progress_t progress, logic [7:0] index, logic [15:0] rows);
    return complete(progress.jobs, index) || (progress.jobs == index && progress.rows >= rows);
  endfunction

  // value * factor for a constant factor, as shifts and additions: addresses shall not take a multiplier.
  function automatic logic [31:0] times(logic [31:0] value, int unsigned factor);
    logic [31:0] sum;
    sum = '0;
    for (int unsigned b = 0; b < 16; b++) if (factor[b]) sum += value << b;
    return sum;
  endfunction

  // The writer job of an engine job whose results come in tile order.
  function automatic write_job_t tile_write(job_t job, logic [15:0] tile_rows, logic [15:0] words);
    write_job_t w;
    logic unused_fields;
    unused_fields   = ^job;
    w.rows          = job.rows;
    w.tile_rows     = tile_rows;
    w.tiles         = job.output_tiles;
    w.words         = words;
    w.channels      = job.channels;
    w.channel_base  = job.channel_base;
    w.head_channels = job.head_channels;
    w.head_stride   = job.head_stride;
    w.bipolar       = job.scale.is_signed && job.scale.bits == 4'd1;
    w.side          = 1'b0;
    return w;
  endfunction

  // The writer job of a matrix in row order: probabilities, module input.
  function automatic write_job_t row_write(logic [15:0] rows, logic [15:0] channels, logic [15:0] words,
                                           logic bipolar, logic side);
    write_job_t w;
    w               = '0;
    w.rows          = rows;
    w.tile_rows     = 16'd1;
    w.tiles         = 16'd1;
    w.words         = words;
    w.channels      = channels;
    w.head_channels = channels;
    w.head_stride   = channels;
    w.bipolar       = bipolar;
    w.side          = side;
    return w;
  endfunction
endpackage
