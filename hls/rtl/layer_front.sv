// SPDX-License-Identifier: Apache-2.0
// What both sequencers have in common: takes work items, reads and checks each one's descriptor, asks
// for its memory sections, configures the entry, and offers the layer to the job generator.
//
// One descriptor is held here while the job generator (`layer_valid`, `layer_ready`) still works from
// its copy of the one before; so descriptor, weights and constants of an item are read while the jobs
// of the item before run. The three consumers take the layer in any order; then the next item comes.
// `idle`: no item is here. `fault`: registers_pkg::ERR_* until reset; nothing more is offered then,
// but what was offered before may still be. Source: ours.
module layer_front
  import bat_pkg::*;
  import layer_pkg::*;
#(
    parameter int unsigned BUS_BITS,  // width of a memory beat, a power of two, 64..512
    parameter int unsigned TOKENS,    // rows of a token tile
    parameter int unsigned MAX_BITS,  // widest activation that is built, 1..8
    parameter int unsigned PARTS,     // 2: WTWS is built
    parameter bit ATTENTION           // 1: MHA, 0: FFN
) (
    input  logic                clk,
    input  logic                rst_n,          // synchronous, active low
    input  program_t            shape,
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
    output logic                entry_valid,
    input  logic                entry_ready,
    output entry_t              entry,
    output logic                layer_valid,
    input  logic                layer_ready,
    output layer_t              layer,
    output work_t               item,
    output logic                bank,
    output logic [15:0]         token_tiles,
    output logic                idle,
    output logic [3:0]          fault
);
  localparam int unsigned MATRICES = ATTENTION ? 4 : 2;
  localparam logic [5:0] FIRST = ATTENTION ? image_pkg::D_Q_KIND : image_pkg::D_FFN1_KIND;
  localparam logic [5:0] ENTRY = ATTENTION ? image_pkg::D_ATTN_IN_M : image_pkg::D_FFN_IN_M;
  localparam logic [5:0] ENTRY_BITS = ATTENTION ? image_pkg::D_ATTN_IN_BITS : image_pkg::D_FFN_IN_BITS;
  localparam logic [5:0] NORM = ATTENTION ? image_pkg::D_LN1_CONSTANTS : image_pkg::D_LN2_CONSTANTS;

  logic held, release_layer, field_valid, descriptor_read;
  logic [5:0] field;
  /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
  logic [63:0] value;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [3:0] descriptor_fault;
  read_t descriptor;

  descriptor_reader #(
      .BUS_BITS(BUS_BITS),
      .TOKENS(TOKENS),
      .MAX_BITS(MAX_BITS),
      .PARTS(PARTS)
  ) u_descriptor (
      .clk,
      .rst_n,
      .shape,
      .work_valid,
      .work_ready,
      .work,
      .read_valid(descriptor_read),
      .read_ready,
      .read(descriptor),
      .in_valid,
      .in_ready,
      .in_data,
      .in_last,
      .field_valid,
      .field,
      .value,
      .layer_valid(held),
      .release_layer,
      .item,
      .bank,
      .token_tiles,
      .fault(descriptor_fault)
  );
  assign idle = work_ready;

  // The fields that this module needs.
  always_ff @(posedge clk) begin
    if (field_valid) begin
      if (field < 6'(image_pkg::SITES)) layer.bits[field[2:0]] <= value[3:0];
      for (int unsigned m = 0; m < MATRICES; m++) begin
        if (field == FIRST + 6'(4 * m)) layer.matrix[m].kind <= value[1:0];
        if (field == FIRST + 6'(4 * m + 1)) layer.matrix[m].weight <= value[31:0];
        if (field == FIRST + 6'(4 * m + 2)) layer.matrix[m].constants <= value[31:0];
        if (field == FIRST + 6'(4 * m + 3)) layer.matrix[m].shift <= value[5:0];
      end
      case (field)
        ENTRY:                            layer.entry.m <= value[15:0];
        ENTRY + 6'd1:                     layer.entry.c <= value[45:0];
        ENTRY + 6'd2:                     layer.entry.shift <= value[5:0];
        NORM:                             layer.norm.constants <= value[31:0];
        NORM + 6'd1:                      layer.norm.shift <= value[5:0];
        NORM + 6'd2:                      layer.norm.epsilon <= value[39:0];
        image_pkg::D_CTX_M:               layer.ctx.m <= value[15:0];
        image_pkg::D_CTX_C:               layer.ctx.c <= value[45:0];
        image_pkg::D_CTX_SHIFT:           layer.ctx.shift <= value[5:0];
        image_pkg::D_SOFTMAX_SCALE:       layer.softmax.scale <= value[15:0];
        image_pkg::D_SOFTMAX_SCALE_SHIFT: layer.softmax.scale_shift <= value[7:0];
        image_pkg::D_SOFTMAX_RECIPROCAL:  layer.softmax.reciprocal <= value[39:0];
        image_pkg::D_SOFTMAX_SHIFT:       layer.softmax.shift <= value[7:0];
        default:                          ;
      endcase
    end
  end

  // Memory sections.
  logic sections_done, section_read, section_fault, sections_left;
  logic [MATRICES-1:0][15:0] inputs, outputs;
  read_t section;
  for (genvar m = 0; m < MATRICES; m++) begin : g_shape
    assign inputs[m]  = (!ATTENTION && m == 1) ? shape.ffn : shape.hidden;
    assign outputs[m] = (!ATTENTION && m == 0) ? shape.ffn : shape.hidden;
  end
  section_reads #(
      .MATRICES(MATRICES)
  ) u_sections (
      .clk,
      .rst_n,
      .shape,
      .start(held && sections_left),
      .matrix(layer.matrix[MATRICES-1:0]),
      .inputs,
      .outputs,
      .norm_constants(layer.norm.constants),
      .done(sections_done),
      .read_valid(section_read),
      .read_ready,
      .read(section),
      .fault(section_fault)
  );
  // The descriptor is asked for when all sections of the item before are: never both at once.
  assign read_valid = descriptor_read || section_read;
  assign read       = descriptor_read ? descriptor : section;
  assign fault      = section_fault ? 4'(registers_pkg::ERR_BAD_DESCRIPTOR) : descriptor_fault;

  // The three consumers of a held layer.
  logic entry_left, layer_left, entry_done, layer_done;
  assign entry_valid         = held && entry_left;
  assign entry.work          = item;
  assign entry.bank          = bank;
  assign entry.channels      = shape.hidden;
  assign entry.scale.c       = layer.entry.c;
  assign entry.scale.m       = layer.entry.m;
  assign entry.scale.shift   = layer.entry.shift;
  assign entry.scale.bits    = layer.bits[ENTRY_BITS[2:0]];
  assign entry.scale.is_signed = 1'b1;
  assign entry.scale.common  = 1'b1;
  assign layer_valid         = held && layer_left;
  assign entry_done          = !entry_left || (entry_valid && entry_ready);
  assign layer_done          = !layer_left || (layer_valid && layer_ready);
  assign release_layer       = held && entry_done && layer_done && (!sections_left || sections_done);

  always_ff @(posedge clk) begin
    if (!rst_n || release_layer) begin
      entry_left    <= 1'b1;
      layer_left    <= 1'b1;
      sections_left <= 1'b1;
    end else begin
      if (entry_valid && entry_ready) entry_left <= 1'b0;
      if (layer_valid && layer_ready) layer_left <= 1'b0;
      if (sections_done) sections_left <= 1'b0;
    end
  end
endmodule
