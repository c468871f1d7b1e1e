// SPDX-License-Identifier: Apache-2.0
// 6:3 compressor: count = number of ones among six bits. Each output bit is one truth table of
// six inputs, so it maps to one LUT6. Combinational. The hierarchy is kept so that synthesis does
// not restructure these three LUTs into more.
(* keep_hierarchy = "yes" *)
module compressor6 (
    input  logic [5:0] bits,
    output logic [2:0] count
);
  function automatic logic [63:0] truth_table(int unsigned place);
    for (int unsigned row = 0; row < 64; row++) begin
      truth_table[row] = 1'(($countones(6'(row)) >> place) & 1);
    end
  endfunction

  localparam logic [63:0] ONES = truth_table(0);
  localparam logic [63:0] TWOS = truth_table(1);
  localparam logic [63:0] FOURS = truth_table(2);

  assign count = {FOURS[bits], TWOS[bits], ONES[bits]};
endmodule
