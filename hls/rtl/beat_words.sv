// SPDX-License-Identifier: Apache-2.0
// Takes memory beats apart into 64-bit words, lowest first, one a clock, behind a FIFO of DEPTH beats
// that keeps the memory's other readers from waiting. `drop` gives up what is left of the beat that
// `word` belongs to, and the command's other beats up to its last, one a clock. Latency 1 clock.
module beat_words #(
    parameter int unsigned BUS_BITS,  // width of a beat, a power of two >= 64
    parameter int unsigned DEPTH      // beats held, >= 2
) (
    input  logic                clk,
    input  logic                rst_n,       // synchronous, active low
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [BUS_BITS-1:0] in_data,
    input  logic                in_last,     // of the command
    output logic                word_valid,
    input  logic                word_ready,
    input  logic                drop,        // with word_ready: this word is the last that counts
    output logic [63:0]         word
);
  localparam int unsigned WORDS = BUS_BITS / 64;
  localparam int unsigned INDEX_BITS = (WORDS > 1) ? $clog2(WORDS) : 1;

  logic valid, last, dropping, take, pop;
  logic [WORDS-1:0][63:0] beat;
  logic [INDEX_BITS-1:0] index;
  logic [$clog2(DEPTH + 1)-1:0] unused_count;

  sync_fifo #(
      .WIDTH(BUS_BITS + 1),
      .DEPTH(DEPTH),
      .REGISTERED(1'b0)
  ) u_beats (
      .clk,
      .rst_n,
      .in_valid,
      .in_ready,
      .in_data  ({in_last, in_data}),
      .out_valid(valid),
      .out_ready(pop),
      .out_data ({last, beat}),
      .count    (unused_count)
  );
  assign word_valid = valid && !dropping;
  assign word       = (WORDS > 1) ? beat[index] : beat[0];
  assign take       = word_valid && word_ready;
  assign pop        = valid && (dropping || (take && (drop || index == INDEX_BITS'(WORDS - 1))));

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      dropping <= 1'b0;
      index    <= '0;
    end else begin
      if (pop) dropping <= (dropping || drop) && !last;
      if (pop) index <= '0;
      else if (take) index <= index + 1'b1;
    end
  end
endmodule
