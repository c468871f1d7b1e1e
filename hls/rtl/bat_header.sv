// SPDX-License-Identifier: Apache-2.0
// Reads the header of image.bin (docs/contracts.md, 16 words of 64 bits) and checks it against the
// host's hash, the built maxima and the layout's needs.
//
// `start` takes `base` and `expected_hash`; one read command leaves, HEADER_BYTES at `base`; its
// beats (BUS_BITS) come back in order. Then `done` is 1 for a clock, with `error` and, where that is
// ERR_NONE, `shape`. Checks, first one first: alignment of `base` (BUS_ERROR, nothing is read), magic,
// hash, shape (1 <= each <= its maximum; hidden % heads, hidden % 4, hidden % LANES and head size % QU_LANES
// are 0), descriptor table inside the image. Latency: the read, and 18 clocks for head size = hidden /
// heads by restoring division, one bit a clock. Source: ours.
module bat_header
  import bat_pkg::*;
  import image_pkg::*;
  import registers_pkg::*;
#(
    parameter int unsigned BUS_BITS,    // of a memory beat: 64..512
    parameter int unsigned LANES,       // of rows
    parameter int unsigned QU_LANES,    // of QU: a head begins a word of its own
    parameter int unsigned MAX_LAYERS,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned MAX_HEADS,
    parameter int unsigned MAX_HEAD,    // channels of one head
    parameter int unsigned MAX_FFN,
    parameter int unsigned MAX_TOKENS
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                start,
    input  logic [63:0]         base,
    input  logic [63:0]         expected_hash,
    output logic                read_valid,
    input  logic                read_ready,
    output read_t               read,
    input  logic                data_valid,
    output logic                data_ready,
    input  logic [BUS_BITS-1:0] data,
    output logic                done,
    output logic [31:0]         error,
    output program_t            shape
);
  localparam int unsigned WORDS = BUS_BITS / 64;
  localparam logic [31:0] TABLE_FIRST = 32'(HEADER_BYTES);

  typedef enum logic [2:0] {
    IDLE, COMMAND, WORDS_IN, LOAD, DIVIDE, VERDICT
  } state_t;

  state_t      state;
  logic [3:0]  word_index;  // of the beat's first word
  logic [3:0]  steps_left;
  logic        magic_bad, hash_bad, shape_bad, table_bad, stride_bad;
  logic [15:0] quotient, remainder;
  logic [16:0] trial;
  logic        fits;
  logic [31:0] table_bytes;

  // Whether a dimension is 0 or above its maximum.
  function automatic logic outside(logic [63:0] value, int unsigned maximum);
    return value == '0 || value > 64'(maximum);
  endfunction

  assign read_valid   = state == COMMAND;
  assign read.data    = DATA_DESCRIPTOR;
  assign read.address = shape.base;
  assign read.bytes   = 32'(HEADER_BYTES);
  assign data_ready   = state == WORDS_IN;
  assign done         = state == VERDICT;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state <= IDLE;
    end else begin
      unique case (state)
        IDLE:     if (start) state <= (base[5:0] != '0) ? VERDICT : COMMAND;
        COMMAND:  if (read_ready) state <= WORDS_IN;
        WORDS_IN: if (data_valid && word_index == 4'(16 - WORDS)) state <= LOAD;
        LOAD:     state <= DIVIDE;
        DIVIDE:   if (steps_left == '0) state <= VERDICT;
        default:  state <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk) begin
    if (state == IDLE) begin
      word_index <= '0;
      shape.base <= base;
      {magic_bad, hash_bad, shape_bad, table_bad, stride_bad} <= '0;
    end else if (data_ready && data_valid) begin
      word_index <= word_index + 4'(WORDS);
      for (int unsigned i = 0; i < WORDS; i++) begin
        logic [63:0] word;
        word = data[64*i+:64];
        unique case (word_index + 4'(i))
          4'd0: magic_bad <= word != IMAGE_MAGIC;
          4'd1: shape.image_bytes <= (word[63:32] != '0) ? '1 : word[31:0];
          4'd2: hash_bad <= word != expected_hash;
          4'd3: begin
            shape.layers <= word[7:0];
            if (outside(word, MAX_LAYERS)) shape_bad <= 1'b1;
          end
          4'd4: begin
            shape.hidden <= word[15:0];
            if (outside(word, MAX_HIDDEN)) shape_bad <= 1'b1;
          end
          4'd5: begin
            shape.heads <= word[15:0];
            if (outside(word, MAX_HEADS)) shape_bad <= 1'b1;
          end
          4'd6: begin
            shape.ffn <= word[15:0];
            if (outside(word, MAX_FFN)) shape_bad <= 1'b1;
          end
          4'd7: begin
            shape.max_len <= word[15:0];
            if (outside(word, MAX_TOKENS)) shape_bad <= 1'b1;
          end
          4'd8: begin
            shape.table_offset <= word[31:0];
            table_bad <= word[63:32] != '0 || word[5:0] != '0 || word[31:0] < TABLE_FIRST;
          end
          4'd9: stride_bad <= word != 64'(DESCRIPTOR_BYTES);
          default: ;
        endcase
      end
    end
  end

  // Restoring division of hidden by heads, from the top bit.
  assign trial = {remainder, quotient[15]};
  assign fits  = trial >= {1'b0, shape.heads};
  always_ff @(posedge clk) begin
    if (state == LOAD) begin
      quotient   <= shape.hidden;
      remainder  <= '0;
      steps_left <= '1;
    end else if (state == DIVIDE) begin
      quotient   <= {quotient[14:0], fits};
      remainder  <= 16'(fits ? trial - {1'b0, shape.heads} : trial);
      steps_left <= steps_left - 1'b1;
    end
  end

  assign shape.head_channels = quotient;
  assign table_bytes = 32'(shape.layers) * DESCRIPTOR_BYTES;
  always_comb begin
    if (shape.base[5:0] != '0) error = ERR_BUS_ERROR;
    else if (magic_bad) error = ERR_BAD_MAGIC;
    else if (hash_bad) error = ERR_HASH_MISMATCH;
    else if (shape_bad || remainder != '0 || quotient > 16'(MAX_HEAD) || shape.hidden[1:0] != '0
             || (shape.hidden & 16'(LANES - 1)) != '0 || (quotient & 16'(QU_LANES - 1)) != '0)
      error = ERR_UNSUPPORTED_SHAPE;
    else if (table_bad || stride_bad || shape.table_offset > shape.image_bytes
             || table_bytes > shape.image_bytes - shape.table_offset)
      error = ERR_BAD_DESCRIPTOR;
    else error = ERR_NONE;
  end
endmodule
