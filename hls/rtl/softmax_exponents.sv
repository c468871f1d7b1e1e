// SPDX-License-Identifier: Apache-2.0
// Second pass: reads a loaded row of scores, a beat per clock, and turns it into exponentials and
// their sum by beats. It never waits within a row: the row that takes the results is free before
// the first beat is read.
//
// Clock t: read; t+1: score and maximum; t+6: exponentials are written; t+7: sum of the beat.
module softmax_exponents
  import softmax_pkg::*;
  import vector_pkg::step_t;
  import vector_pkg::step_of;
#(
    parameter int unsigned LANES,
    parameter int unsigned SCORE_BITS,
    parameter int unsigned INDEX_BITS,
    parameter int unsigned ROW_BITS,    // names a row of exponentials
    parameter int unsigned SUM_BITS
) (
    input  logic                                 clk,
    input  logic                                 rst_n,
    input  logic      [1:0]                      loaded,
    input  logic      [1:0][SCORE_BITS-1:0]      largest,
    input  logic      [1:0][15:0]                keys,
    input  exponent_t [1:0]                      exponent,
    input  logic                                 row_free,    // `row` can take exponentials
    input  logic      [ROW_BITS-1:0]             row,
    output logic                                 read,
    output logic                                 read_bank,
    output logic      [INDEX_BITS-1:0]           read_index,
    output logic                                 row_done,    // the last beat is read
    input  logic      [LANES-1:0][SCORE_BITS-1:0] scores,     // one clock after `read`
    output logic                                 write,
    output logic      [ROW_BITS-1:0]             write_row,
    output logic      [INDEX_BITS-1:0]           write_index,
    output logic      [LANES-1:0][EXPONENT_BITS-1:0] write_data,
    output logic                                 sum_valid,   // one clock after `write`
    output logic                                 sum_first,
    output logic                                 sum_last,
    output logic      [ROW_BITS-1:0]             sum_row,
    output logic      [SUM_BITS-1:0]             sum
);
  typedef struct packed {
    logic                  valid;
    logic                  first;
    logic                  last;
    logic [ROW_BITS-1:0]   row;
    logic [INDEX_BITS-1:0] index;
  } place_t;

  localparam int unsigned STAGES = 6;  // one of memory, four of exponent_lane, one of the table

  place_t issued;
  place_t [STAGES:1] place;  // place[i] is i clocks after the read
  logic [LANES-1:0] keep, keep_q;
  logic bank_q;
  exponent_t exponent_1;
  logic [39:0] half_1;
  logic [5:0] shift_2;  // ns
  step_t step_3;
  logic [LANES-1:0][9:0] x;
  logic [LANES-1:0] none;
  logic first, last;
  logic [SUM_BITS-1:0] total;

  assign read     = loaded[read_bank] && row_free;
  assign row_done = read && last;
  assign issued   = '{valid: read, first: first, last: last, row: row, index: read_index};

  row_counter #(
      .LANES(LANES),
      .INDEX_BITS(INDEX_BITS)
  ) u_counter (
      .clk,
      .rst_n,
      .advance(read),
      .keys(keys[read_bank]),
      .index(read_index),
      .first,
      .last,
      .keep
  );

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    exponent_lane #(
        .SCORE_BITS(SCORE_BITS)
    ) u_lane (
        .clk,
        .keep (keep_q[l]),
        .score(scores[l]),
        .top  (largest[bank_q]),
        .scale(exponent_1.scale),
        .half (half_1),
        .step (step_3),
        .x    (x[l]),
        .none (none[l])
    );
    if (l % 2 == 0) begin : g_table
      localparam int unsigned PORTS = (l + 1 < LANES) ? 2 : 1;
      exp2_table #(
          .PORTS(PORTS)
      ) u_table (
          .clk,
          .clear(none[l+:PORTS]),
          .x(x[l+:PORTS]),
          .e(write_data[l+:PORTS])
      );
    end
  end

  assign write       = place[STAGES].valid;
  assign write_row   = place[STAGES].row;
  assign write_index = place[STAGES].index;

  always_comb begin
    total = '0;
    for (int unsigned l = 0; l < LANES; l++) total += SUM_BITS'(write_data[l]);
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      read_bank <= 1'b0;
      place     <= '0;
      sum_valid <= 1'b0;
    end else begin
      if (row_done) read_bank <= !read_bank;
      place     <= {place[STAGES-1:1], issued};
      sum_valid <= write;
    end
  end

  always_ff @(posedge clk) begin
    keep_q     <= keep;
    bank_q     <= read_bank;
    exponent_1 <= exponent[read_bank];
    half_1     <= 40'd1 << (exponent[read_bank].shift - 6'd1);
    shift_2    <= exponent_1.shift;
    step_3     <= step_of(shift_2);
    sum_first  <= place[STAGES].first;
    sum_last   <= place[STAGES].last;
    sum_row    <= write_row;
    sum        <= total;
  end
endmodule
