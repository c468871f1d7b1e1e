// SPDX-License-Identifier: Apache-2.0
// Memory commands of a work item, in job order: for each matrix its weights, then its constants (the
// last matrix's are VU's, the others QU's); then LN's constants. One command a clock; the first comes
// 3 clocks after `start`.
//
// BYTES. Weights: 128 * blocks * planes * ceil(inputs/64), with blocks of 16 rows, two rows a channel
// with WTWS. Constants: 8 a channel, twice that with WTWS, rounded up to 64.
// A section that does not end within the image sets `fault` until reset; it and what follows is not
// read. Source: ours.
module section_reads
  import bat_pkg::*;
  import layer_pkg::*;
#(
    parameter int unsigned MATRICES  // of the module, 2..4
) (
    input  logic                         clk,
    input  logic                         rst_n,      // synchronous, active low
    /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
    input  program_t                     shape,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                         start,      // the fields below are valid until `done`
    input  matrix_t [MATRICES-1:0]       matrix,
    input  logic    [MATRICES-1:0][15:0] inputs,
    input  logic    [MATRICES-1:0][15:0] outputs,
    input  logic    [31:0]               norm_constants,
    output logic                         done,       // the last command has left
    output logic                         read_valid,
    input  logic                         read_ready,
    output read_t                        read,
    output logic                         fault
);
  localparam int unsigned STEPS = 2 * MATRICES + 1;
  localparam int unsigned STEP_BITS = $clog2(STEPS + 1);
  localparam int unsigned CHOICE_BITS = $clog2(MATRICES);

  typedef struct packed {
    logic        last;
    data_t       data;
    logic [31:0] offset;
    logic        weights;
    logic        ternary;
    logic [13:0] blocks;  // of 16 rows of weights, or of 8 words of constants
    logic [10:0] words;   // of a row of weights; 1 for constants
  } section_t;

  logic advance;
  assign advance = !read_valid || read_ready;

  // 1: place and shape of the section.
  logic [STEP_BITS-1:0] step;
  logic [CHOICE_BITS-1:0] chosen;
  /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
  matrix_t current;
  /* verilator lint_on UNUSEDSIGNAL */
  logic take, is_norm, is_weight, wtws, section_valid;
  logic [16:0] rows;  // of weights, or words of constants
  section_t section;

  assign take      = start && step != STEP_BITS'(STEPS);
  assign chosen    = step[CHOICE_BITS:1];
  assign is_norm   = step == STEP_BITS'(STEPS - 1);
  assign is_weight = !is_norm && !step[0];
  assign current   = matrix[chosen];
  assign wtws      = current.kind == image_pkg::KIND_IS_WTWS;
  always_comb begin
    if (is_norm) rows = 17'(shape.hidden);
    else rows = wtws ? {outputs[chosen], 1'b0} : 17'(outputs[chosen]);
  end

  always_ff @(posedge clk) begin
    if (!rst_n || done) step <= '0;
    else if (advance && take) step <= step + 1'b1;
  end
  always_ff @(posedge clk) begin
    if (!rst_n) section_valid <= 1'b0;
    else if (advance) section_valid <= take;
  end
  always_ff @(posedge clk) begin
    if (advance) begin
      section.last    <= is_norm;
      section.weights <= is_weight;
      section.ternary <= current.kind == image_pkg::KIND_IS_TERNARY;
      section.words   <= is_weight ? 11'((17'(inputs[chosen]) + 17'd63) >> 6) : 11'd1;
      section.blocks  <= is_weight ? 14'((18'(rows) + 18'd15) >> 4) : 14'((18'(rows) + 18'd7) >> 3);
      if (is_norm) begin
        section.data   <= DATA_LN_CONSTANT;
        section.offset <= norm_constants;
      end else if (is_weight) begin
        section.data   <= DATA_WEIGHT;
        section.offset <= current.weight;
      end else begin
        section.data   <= (chosen == CHOICE_BITS'(MATRICES - 1)) ? DATA_VU_CONSTANT : DATA_QU_CONSTANT;
        section.offset <= current.constants;
      end
    end
  end

  // 2: bytes.
  logic sized_valid, sized_last;
  data_t sized_data;
  logic [31:0] sized_offset, sized_bytes, units;
  assign units = 32'(section.blocks) * 32'(section.words);
  always_ff @(posedge clk) begin
    if (!rst_n) sized_valid <= 1'b0;
    else if (advance) sized_valid <= section_valid;
  end
  always_ff @(posedge clk) begin
    if (advance) begin
      sized_last   <= section.last;
      sized_data   <= section.data;
      sized_offset <= section.offset;
      if (!section.weights) sized_bytes <= units << 6;
      else sized_bytes <= section.ternary ? units << 8 : units << 7;
    end
  end

  // 3: address, and whether the section ends in the image.
  logic outside, read_last;
  assign outside = 33'(sized_offset) + 33'(sized_bytes) > 33'(shape.image_bytes);
  assign done    = read_valid && read_ready && read_last;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      read_valid <= 1'b0;
      fault      <= 1'b0;
    end else if (advance) begin
      read_valid <= sized_valid && !outside && !fault;
      fault      <= fault || (sized_valid && outside);
    end
  end
  always_ff @(posedge clk) begin
    if (advance) begin
      read_last    <= sized_last;
      read.data    <= sized_data;
      read.address <= shape.base + 64'(sized_offset);
      read.bytes   <= sized_bytes;
    end
  end
endmodule
