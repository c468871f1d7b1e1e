// SPDX-License-Identifier: Apache-2.0
// Sums of the rows of an operand, made of its beats while a buffer is loaded: `sum A` and `sum B` of qmm_array.sv.
//
// MATHS. A beat brings one WIDTH-bit word of one bit plane of MEMBERS rows. `slot` says which rows these are among
// those whose beats take turns; n counts the beats of a slot:
//   sum[n] = (first[n] ? 0 : sum[n - 1]) + (negative[n] ? -1 : 1) * 2^plane[n] * popcount(word[n])
// A beat that completes its rows has `store` set for their columns: their sums go into these columns of word `word`.
// A beat is SLICES columns wide. Memory of WORDS words, each the sums of COLUMNS * MEMBERS / SLICES rows, read whole.
//
// ORDER. As the beats come; every plane of a row between its `first` and its `store`. II = 1 beat.
// LATENCY. A beat's sums are written four clocks after it (two in the popcount, then term and sum) and can be read from
// the fifth on. Whoever reads a word does so five clocks after its last beat or later, and at most three after the
// first beat of the rows that follow there (qmm_engine.sv); nothing here waits.
module row_sums #(
    parameter int unsigned MEMBERS,    // rows of a beat
    parameter int unsigned WIDTH,      // bits of a row in a beat
    parameter int unsigned SLOTS,      // beats whose rows are unfinished at a time
    parameter int unsigned SLICES,     // columns of a beat
    parameter int unsigned COLUMNS,    // of a word of sums
    parameter int unsigned WORDS,      // >= 2
    parameter int unsigned PLANES,     // place values of planes: 2^0 to 2^(PLANES-1)
    parameter int unsigned SUM_BITS,   // of a sum, two's complement
    parameter bit          STRUCTURAL, // popcount form, see popcount.sv
    localparam int unsigned SLOT_BITS = (SLOTS > 1) ? $clog2(SLOTS) : 1,
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned ROWS = COLUMNS * MEMBERS / SLICES
) (
    input  logic                           clk,
    input  logic                           beat,      // with all below to `word`
    input  logic [MEMBERS-1:0][WIDTH-1:0]  bits,
    input  logic [SLOT_BITS-1:0]           slot,
    input  logic                           first,
    input  logic                           negative,
    input  logic [3:0]                     plane,
    input  logic [COLUMNS-1:0]             store,     // by column
    input  logic [ADDRESS_BITS-1:0]        word,
    input  logic                           read,
    input  logic [ADDRESS_BITS-1:0]        read_word,
    output logic [ROWS-1:0][SUM_BITS-1:0]  sums       // one clock after `read`
);
  localparam int unsigned COUNT_BITS = $clog2(WIDTH + 1);
  localparam int unsigned SHIFT_BITS = (PLANES > 1) ? $clog2(PLANES) : 1;
  localparam int unsigned SHARE = MEMBERS / SLICES;  // rows of a column

  typedef struct packed {
    logic                 beat;
    logic                 first;
    logic                 negative;
    logic [3:0]           plane;
    logic [SLOT_BITS-1:0] slot;
  } step_t;
  typedef struct packed {
    logic [COLUMNS-1:0]      store;
    logic [ADDRESS_BITS-1:0] word;
  } place_t;

  step_t step, counted, summed;
  place_t place, written;
  logic [SHIFT_BITS-1:0] shift;
  logic unused;
  logic [MEMBERS-1:0][SUM_BITS-1:0] term, base, next, sum;
  logic [MEMBERS-1:0][SUM_BITS-1:0] unfinished[2**SLOT_BITS];

  assign step   = '{beat: beat, first: first, negative: negative, plane: plane, slot: slot};
  assign place  = '{store: store, word: word};
  assign shift  = (PLANES > 1) ? SHIFT_BITS'(counted.plane) : '0;
  assign unused = &{1'b0, counted, summed};

  delay #(
      .WIDTH ($bits(step_t)),
      .STAGES(2)
  ) u_step (
      .clk,
      .enable(1'b1),
      .in (step),
      .out(counted)
  );
  delay #(
      .WIDTH ($bits(place_t)),
      .STAGES(4)
  ) u_place (
      .clk,
      .enable(1'b1),
      .in (place),
      .out(written)
  );

  assign base = unfinished[summed.slot];
  always_ff @(posedge clk) begin
    summed <= counted;
    sum    <= next;
    if (summed.beat) unfinished[summed.slot] <= next;
  end

  for (genvar m = 0; m < MEMBERS; m++) begin : g_member
    logic [COUNT_BITS-1:0] count;
    logic unused_low;
    popcount #(
        .WIDTH(WIDTH),
        .STRUCTURAL(STRUCTURAL)
    ) u_popcount (
        .clk,
        .bits(bits[m]),
        .count
    );
    always_ff @(posedge clk) term[m] <= (SUM_BITS'(count) << shift) ^ {SUM_BITS{counted.negative}};
    // base - t = ~t + base + 1, and a + b = a - ~b - 1 with a borrow from a bit below: a carry chain whose first
    // operand is a register takes one LUT a bit, and that of a difference cannot be exchanged.
    assign {next[m], unused_low} = {term[m], summed.negative} - {~(summed.first ? '0 : base[m]), ~summed.negative};
  end

  for (genvar c = 0; c < COLUMNS; c++) begin : g_column
    sdp_ram #(
        .WIDTH(SHARE * SUM_BITS),
        .DEPTH(WORDS)
    ) u_ram (
        .clk,
        .write(written.store[c]),
        .write_address(written.word),
        .write_data(sum[c%SLICES*SHARE+:SHARE]),
        .read,
        .read_address(read_word),
        .read_data(sums[c*SHARE+:SHARE])
    );
  end
endmodule
