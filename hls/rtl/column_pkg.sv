// SPDX-License-Identifier: Apache-2.0
// Arithmetic of a compressor tree at elaboration. Bits of place value 2^c are column c; a layer makes
// three bits of every six (compressor6), two of three (full_adder), and passes the rest on.
package column_pkg;
  localparam int unsigned COLUMNS = 10;  // counts up to 1023
  typedef logic [COLUMNS-1:0][15:0] heights_t;  // bits in each column

  function automatic int unsigned sixes(int unsigned height);
    return height / 6 + ((height % 6 == 5) ? 1 : 0);
  endfunction

  function automatic int unsigned threes(int unsigned height);
    return (height % 6 == 3 || height % 6 == 4) ? 1 : 0;
  endfunction

  function automatic int unsigned passes(int unsigned height);
    if (height % 6 == 5) return 0;
    return (height % 6) % 3;
  endfunction

  // Bits of a column after a layer that come from its own compressors, and all of them.
  function automatic int unsigned own(int unsigned height);
    return sixes(height) + threes(height) + passes(height);
  endfunction

  function automatic heights_t next_heights(heights_t heights);
    for (int unsigned c = 0; c < COLUMNS; c++) begin
      int unsigned height;
      height = own(32'(heights[c]));
      if (c >= 1) height += sixes(32'(heights[c-1])) + threes(32'(heights[c-1]));
      if (c >= 2) height += sixes(32'(heights[c-2]));
      next_heights[c] = 16'(height);
    end
  endfunction

  function automatic int unsigned highest(heights_t heights);
    highest = 1;
    for (int unsigned c = 0; c < COLUMNS; c++) if (32'(heights[c]) > highest) highest = 32'(heights[c]);
  endfunction
endpackage
