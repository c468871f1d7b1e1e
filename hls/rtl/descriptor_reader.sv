// SPDX-License-Identifier: Apache-2.0
// Reads and checks the layer descriptor of each work item: asks for its bytes, hands its fields out
// one a clock, and holds the item until `release_layer`.
//
// CHECKS. Every field within its limits (image_pkg), section offsets aligned: else BAD_DESCRIPTOR.
// Bits of a site above MAX_BITS, or two weight planes where one is built: UNSUPPORTED_SHAPE. The code stays in
// `fault` until reset, and the item is never offered.
// Meanwhile ceil(rows / TOKENS) is counted, so that TOKENS may be any number.
// CYCLES from work item to `layer_valid`, with D clocks from a read to its first beat:
// max(D + fields + 5, rows / TOKENS + 2). Source: ours.
module descriptor_reader
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS,  // width of a memory beat, a power of two, 64..512
    parameter int unsigned TOKENS,    // rows of a token tile
    parameter int unsigned MAX_BITS,  // widest activation that is built, 1..8
    parameter int unsigned PARTS      // 2: ternary weights and WTWS are built
) (
    input  logic                clk,
    input  logic                rst_n,          // synchronous, active low
    /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
    input  program_t            shape,          // stable while there are work items
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                work_valid,
    output logic                work_ready,
    input  work_t               work,
    output logic                read_valid,
    input  logic                read_ready,
    output read_t               read,
    input  logic                in_valid,       // the descriptor's beats
    output logic                in_ready,
    input  logic [BUS_BITS-1:0] in_data,
    input  logic                in_last,
    output logic                field_valid,    // one field of the descriptor
    output logic [5:0]          field,
    output logic [63:0]         value,
    output logic                layer_valid,    // all fields are out and good
    input  logic                release_layer,
    output work_t               item,           // valid with layer_valid, as the next two
    output logic                bank,           // changes from item to item
    output logic [15:0]         token_tiles,
    output logic [3:0]          fault           // registers_pkg::ERR_*
);
  localparam logic [5:0] LAST_FIELD = 6'(image_pkg::DESCRIPTOR_FIELDS - 1);

  typedef enum logic [1:0] {
    IDLE,
    ASK,   // the read is offered
    LOAD,  // fields come, tiles are counted
    HOLD
  } state_t;
  state_t state;

  // Words of the descriptor.
  logic word_valid, word_ready, counted, loaded;
  logic [63:0] word;
  logic [5:0] next_field;
  beat_words #(
      .BUS_BITS(BUS_BITS),
      .DEPTH(8)
  ) u_words (
      .clk,
      .rst_n,
      .in_valid,
      .in_ready,
      .in_data,
      .in_last,
      .word_valid,
      .word_ready,
      .drop(next_field == LAST_FIELD),
      .word
  );
  assign word_ready = state == LOAD && !loaded;
  always_ff @(posedge clk) begin
    if (!rst_n) field_valid <= 1'b0;
    else field_valid <= word_valid && word_ready;
  end
  always_ff @(posedge clk) begin
    field <= next_field;
    value <= word;
  end

  // Checks.
  logic out_of_range, too_wide;
  assign out_of_range = $signed(value) < image_pkg::field_low(field)
      || $signed(value) > image_pkg::field_high(field)
      || (image_pkg::IS_OFFSET[field] && value[5:0] != '0);
  always_comb begin
    too_wide = field < 6'(image_pkg::SITES) && value[3:0] > 4'(MAX_BITS);
    for (int unsigned m = 0; m < 6; m++) begin
      if (field == image_pkg::D_Q_KIND + 6'(4 * m) && PARTS < 2) begin
        too_wide = too_wide || value[1:0] != image_pkg::KIND_IS_BINARY;
      end
    end
  end
  always_ff @(posedge clk) begin
    if (!rst_n) fault <= '0;
    else if (field_valid && fault == '0) begin
      if (out_of_range) fault <= 4'(registers_pkg::ERR_BAD_DESCRIPTOR);
      else if (too_wide) fault <= 4'(registers_pkg::ERR_UNSUPPORTED_SHAPE);
    end
  end

  // Token tiles.
  logic [16:0] covered;
  assign counted = covered >= 17'(item.rows);
  always_ff @(posedge clk) begin
    if (state == IDLE) begin
      covered     <= '0;
      token_tiles <= '0;
    end else if (!counted) begin
      covered     <= covered + 17'(TOKENS);
      token_tiles <= token_tiles + 16'd1;
    end
  end

  // The item.
  assign work_ready   = state == IDLE && fault == '0;
  assign read_valid   = state == ASK;
  assign read.data    = DATA_DESCRIPTOR;
  assign read.bytes   = 32'(image_pkg::DESCRIPTOR_BYTES);
  assign read.address = shape.base + 64'(shape.table_offset)
      + 64'(item.layer) * 64'(image_pkg::DESCRIPTOR_BYTES);
  assign layer_valid  = state == HOLD && fault == '0;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state      <= IDLE;
      loaded     <= 1'b0;
      next_field <= '0;
      bank       <= 1'b0;
    end else begin
      if (word_valid && word_ready) begin
        next_field <= (next_field == LAST_FIELD) ? '0 : next_field + 6'd1;
        loaded     <= next_field == LAST_FIELD;
      end
      case (state)
        IDLE: if (work_valid && work_ready) state <= ASK;
        ASK: if (read_ready) state <= LOAD;
        LOAD: begin
          if (loaded && !field_valid && counted) begin
            state  <= HOLD;
            loaded <= 1'b0;
          end
        end
        default: begin
          if (layer_valid && release_layer) begin
            state <= IDLE;
            bank  <= !bank;
          end
        end
      endcase
    end
  end
  always_ff @(posedge clk) if (work_valid && work_ready) item <= work;
endmodule
