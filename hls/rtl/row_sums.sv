// SPDX-License-Identifier: Apache-2.0
// Sums of the rows of an operand, made of its beats while a buffer is loaded: `sum A` and `sum B` of qmm_array.sv.
//
// MATHS. A beat brings one WIDTH-bit word of one bit plane of MEMBERS rows; RING beats later the same rows come again.
// With n counting the beats,
//   sum[n] = (first[n] ? 0 : sum[n - RING]) + (negative[n] ? -1 : 1) * 2^plane[n] * popcount(word[n])
// A beat with `store` completes its rows: their sums go into column `column` of word `word` of the bank. Two banks of
// WORDS words, a word being the sums of COLUMNS * MEMBERS rows, which is read whole.
//
// ORDER. As the beats come; every plane of a row between its `first` and its `store`. II = 1 beat.
// LATENCY. A beat's sums are written four clocks after it (two in the popcount, then term and sum) and can be read from
// the fifth on. Whoever reads a bank does so five clocks after the bank's last beat or later, and at most three after
// the next job's first beat into it (qmm_engine.sv); nothing here waits.
module row_sums #(
    parameter int unsigned MEMBERS,    // rows of a beat
    parameter int unsigned WIDTH,      // bits of a row in a beat
    parameter int unsigned RING,       // beats until the same rows come again
    parameter int unsigned COLUMNS,    // beats of a word of sums
    parameter int unsigned WORDS,      // words of a bank
    parameter int unsigned PLANES,     // place values of planes: 2^0 to 2^(PLANES-1)
    parameter int unsigned SUM_BITS,   // of a sum, two's complement
    parameter bit          STRUCTURAL, // popcount form, see popcount.sv
    localparam int unsigned WORD_BITS = (WORDS > 1) ? $clog2(WORDS) : 1,
    localparam int unsigned COLUMN_BITS = (COLUMNS > 1) ? $clog2(COLUMNS) : 1
) (
    input  logic                                          clk,
    input  logic                                          beat,       // with all below to `column`
    input  logic [MEMBERS-1:0][WIDTH-1:0]                 bits,
    input  logic                                          first,
    input  logic                                          negative,
    input  logic [3:0]                                    plane,
    input  logic                                          store,
    input  logic                                          bank,
    input  logic [WORD_BITS-1:0]                          word,
    input  logic [COLUMN_BITS-1:0]                        column,
    input  logic                                          read,
    input  logic                                          read_bank,
    input  logic [WORD_BITS-1:0]                          read_word,
    output logic [COLUMNS*MEMBERS-1:0][SUM_BITS-1:0]      sums        // one clock after `read`
);
  localparam int unsigned COUNT_BITS = $clog2(WIDTH + 1);
  localparam int unsigned SHIFT_BITS = (PLANES > 1) ? $clog2(PLANES) : 1;
  localparam int unsigned ADDRESS_BITS = $clog2(2 * WORDS);

  typedef struct packed {
    logic       beat;
    logic       first;
    logic       negative;
    logic [3:0] plane;
  } step_t;
  typedef struct packed {
    logic                    store;
    logic [ADDRESS_BITS-1:0] address;
    logic [COLUMN_BITS-1:0]  column;
  } place_t;

  function automatic logic [ADDRESS_BITS-1:0] address(logic of, logic [WORD_BITS-1:0] number);
    return (of ? ADDRESS_BITS'(WORDS) : '0) + ADDRESS_BITS'(number);
  endfunction

  step_t step, counted, summed;
  place_t place, written;
  logic [SHIFT_BITS-1:0] shift;
  logic unused;
  logic [MEMBERS-1:0][SUM_BITS-1:0] term, base, sum;

  assign step   = '{beat: beat, first: first, negative: negative, plane: plane};
  assign place  = '{store: store, address: address(bank, word), column: column};
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
  always_ff @(posedge clk) summed <= counted;

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
    // base - t = ~t + base + 1, and a + b = a - ~b - 1 with a borrow from a bit below: a carry chain whose first
    // operand is a register takes one LUT a bit, and that of a difference cannot be exchanged.
    always_ff @(posedge clk) begin
      term[m] <= (SUM_BITS'(count) << shift) ^ {SUM_BITS{counted.negative}};
      if (summed.beat) begin
        {sum[m], unused_low} <= {term[m], summed.negative} - {~(summed.first ? '0 : base[m]), ~summed.negative};
      end
    end
  end

  if (RING > 1) begin : g_ring
    delay #(
        .WIDTH ($bits(sum)),
        .STAGES(RING - 1)
    ) u_ring (
        .clk,
        .enable(summed.beat),
        .in (sum),
        .out(base)
    );
  end else begin : g_same
    assign base = sum;
  end

  for (genvar c = 0; c < COLUMNS; c++) begin : g_column
    sdp_ram #(
        .WIDTH($bits(sum)),
        .DEPTH(2 * WORDS)
    ) u_ram (
        .clk,
        .write(written.store && written.column == COLUMN_BITS'(c)),
        .write_address(written.address),
        .write_data(sum),
        .read,
        .read_address(address(read_bank, read_word)),
        .read_data(sums[c*MEMBERS+:MEMBERS])
    );
  end
endmodule
