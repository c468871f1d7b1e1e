// SPDX-License-Identifier: Apache-2.0
// Generated from hls/image.py by `python -m batflow.hls.generate`; do not edit.
package image_pkg;
  /* verilator lint_off UNUSEDPARAM */
  localparam logic [63:0] IMAGE_MAGIC = 64'h32474F5250544142;
  localparam int unsigned HEADER_BYTES = 128;
  localparam int unsigned DESCRIPTOR_BYTES = 448;
  localparam int unsigned DESCRIPTOR_FIELDS = 51;
  localparam int unsigned SITES = 8;
  localparam logic [5:0] D_ATTN_IN_BITS = 6'd0;
  localparam logic [5:0] D_Q_BITS = 6'd1;
  localparam logic [5:0] D_K_BITS = 6'd2;
  localparam logic [5:0] D_V_BITS = 6'd3;
  localparam logic [5:0] D_PROBS_BITS = 6'd4;
  localparam logic [5:0] D_CTX_BITS = 6'd5;
  localparam logic [5:0] D_FFN_IN_BITS = 6'd6;
  localparam logic [5:0] D_FFN_MID_BITS = 6'd7;
  localparam logic [5:0] D_ATTN_IN_M = 6'd8;
  localparam logic [5:0] D_ATTN_IN_C = 6'd9;
  localparam logic [5:0] D_ATTN_IN_SHIFT = 6'd10;
  localparam logic [5:0] D_CTX_M = 6'd11;
  localparam logic [5:0] D_CTX_C = 6'd12;
  localparam logic [5:0] D_CTX_SHIFT = 6'd13;
  localparam logic [5:0] D_FFN_IN_M = 6'd14;
  localparam logic [5:0] D_FFN_IN_C = 6'd15;
  localparam logic [5:0] D_FFN_IN_SHIFT = 6'd16;
  localparam logic [5:0] D_Q_KIND = 6'd17;
  localparam logic [5:0] D_Q_WEIGHT = 6'd18;
  localparam logic [5:0] D_Q_CONSTANTS = 6'd19;
  localparam logic [5:0] D_Q_SHIFT = 6'd20;
  localparam logic [5:0] D_K_KIND = 6'd21;
  localparam logic [5:0] D_K_WEIGHT = 6'd22;
  localparam logic [5:0] D_K_CONSTANTS = 6'd23;
  localparam logic [5:0] D_K_SHIFT = 6'd24;
  localparam logic [5:0] D_V_KIND = 6'd25;
  localparam logic [5:0] D_V_WEIGHT = 6'd26;
  localparam logic [5:0] D_V_CONSTANTS = 6'd27;
  localparam logic [5:0] D_V_SHIFT = 6'd28;
  localparam logic [5:0] D_O_KIND = 6'd29;
  localparam logic [5:0] D_O_WEIGHT = 6'd30;
  localparam logic [5:0] D_O_CONSTANTS = 6'd31;
  localparam logic [5:0] D_O_SHIFT = 6'd32;
  localparam logic [5:0] D_FFN1_KIND = 6'd33;
  localparam logic [5:0] D_FFN1_WEIGHT = 6'd34;
  localparam logic [5:0] D_FFN1_CONSTANTS = 6'd35;
  localparam logic [5:0] D_FFN1_SHIFT = 6'd36;
  localparam logic [5:0] D_FFN2_KIND = 6'd37;
  localparam logic [5:0] D_FFN2_WEIGHT = 6'd38;
  localparam logic [5:0] D_FFN2_CONSTANTS = 6'd39;
  localparam logic [5:0] D_FFN2_SHIFT = 6'd40;
  localparam logic [5:0] D_SOFTMAX_SCALE = 6'd41;
  localparam logic [5:0] D_SOFTMAX_SCALE_SHIFT = 6'd42;
  localparam logic [5:0] D_SOFTMAX_RECIPROCAL = 6'd43;
  localparam logic [5:0] D_SOFTMAX_SHIFT = 6'd44;
  localparam logic [5:0] D_LN1_CONSTANTS = 6'd45;
  localparam logic [5:0] D_LN1_SHIFT = 6'd46;
  localparam logic [5:0] D_LN1_EPSILON = 6'd47;
  localparam logic [5:0] D_LN2_CONSTANTS = 6'd48;
  localparam logic [5:0] D_LN2_SHIFT = 6'd49;
  localparam logic [5:0] D_LN2_EPSILON = 6'd50;
  localparam logic [1:0] KIND_IS_BINARY = 2'd0;
  localparam logic [1:0] KIND_IS_TERNARY = 2'd1;
  localparam logic [1:0] KIND_IS_WTWS = 2'd2;
  // Fields that are byte offsets of sections, by number.
  localparam logic [63:0] IS_OFFSET = 64'h000120CCCCCC0000;
  /* verilator lint_on UNUSEDPARAM */

  // Lowest and highest value of a field.
  function automatic logic signed [63:0] field_low(logic [5:0] field);
    case (field)
      6'd0, 6'd1, 6'd2, 6'd3, 6'd4, 6'd5, 6'd6, 6'd7: return 64'h0000000000000001;
      6'd8, 6'd11, 6'd14: return 64'h0000000000000000;
      6'd9, 6'd12, 6'd15: return 64'hFFFFE00000000001;
      6'd10, 6'd13, 6'd16, 6'd20, 6'd24, 6'd28, 6'd32, 6'd36, 6'd40, 6'd46, 6'd49: return 64'h0000000000000000;
      6'd17, 6'd21, 6'd25, 6'd29, 6'd33, 6'd37: return 64'h0000000000000000;
      6'd18, 6'd19, 6'd22, 6'd23, 6'd26, 6'd27, 6'd30, 6'd31, 6'd34, 6'd35, 6'd38, 6'd39, 6'd45, 6'd48: return 64'h0000000000000080;
      6'd41: return 64'h0000000000000001;
      6'd42: return 64'h0000000000000001;
      6'd43: return 64'h0000000000000001;
      6'd44: return 64'h0000000000000001;
      6'd47, 6'd50: return 64'h0000000000000001;
      default: return 64'd0;
    endcase
  endfunction
  function automatic logic signed [63:0] field_high(logic [5:0] field);
    case (field)
      6'd0, 6'd1, 6'd2, 6'd3, 6'd4, 6'd5, 6'd6, 6'd7: return 64'h0000000000000008;
      6'd8, 6'd11, 6'd14: return 64'h0000000000007FFF;
      6'd9, 6'd12, 6'd15: return 64'h00001FFFFFFFFFFF;
      6'd10, 6'd13, 6'd16, 6'd20, 6'd24, 6'd28, 6'd32, 6'd36, 6'd40, 6'd46, 6'd49: return 64'h0000000000000028;
      6'd17, 6'd21, 6'd25, 6'd29, 6'd33, 6'd37: return 64'h0000000000000002;
      6'd18, 6'd19, 6'd22, 6'd23, 6'd26, 6'd27, 6'd30, 6'd31, 6'd34, 6'd35, 6'd38, 6'd39, 6'd45, 6'd48: return 64'h00000000FFFFFFC0;
      6'd41: return 64'h0000000000007FFF;
      6'd42: return 64'h0000000000000028;
      6'd43: return 64'h0000007FFFFFFFFF;
      6'd44: return 64'h000000000000002E;
      6'd47, 6'd50: return 64'h000000FFFFFFFFFF;
      default: return 64'd0;
    endcase
  endfunction
endpackage
