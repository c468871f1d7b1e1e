// SPDX-License-Identifier: Apache-2.0
// total = sum_p a[p] * m[p] + c, one per clock, 3 stages. A_BITS up to 27 take one DSP48E2 a
// product and no LUT; beyond, a is cut at bit 16 into two of them, whose results are added without a register.
// `enable` holds all.
module product_sum #(
    parameter int unsigned A_BITS,  // 2..33
    parameter int unsigned B_BITS,  // of m, 2..18
    parameter int unsigned PARTS,   // 1 or 2
    parameter int unsigned SUM_BITS // of the total: it fits; at most 48 where A_BITS <= 27
) (
    input  logic                                clk,
    input  logic                                enable,
    input  logic signed [PARTS-1:0][A_BITS-1:0] a,
    input  logic signed [PARTS-1:0][B_BITS-1:0] m,
    input  logic signed            [47:0]       c,
    output logic signed            [SUM_BITS-1:0] total
);
  localparam int unsigned PIECES = (A_BITS > 27) ? 2 : 1;
  localparam int unsigned CUT = 16;

  logic signed [PIECES-1:0][47:0] sum;

  for (genvar i = 0; i < PIECES; i++) begin : g_piece
    logic signed [PARTS-1:0][26:0] operand;
    logic signed [PARTS-1:0][17:0] factor;
    logic signed [47:0] addend;
    logic [1:0] unused;
    assign addend = (i == 0) ? c : '0;
    for (genvar p = 0; p < PARTS; p++) begin : g_part
      if (PIECES == 1) begin : g_whole
        assign operand[p] = 27'($signed(a[p]));
      end else if (i == 0) begin : g_low
        assign operand[p] = 27'(a[p][CUT-1:0]);
      end else begin : g_high
        assign operand[p] = 27'($signed(a[p][A_BITS-1:CUT]));
      end
      assign factor[p] = 18'($signed(m[p]));
    end

    if (PARTS == 1) begin : g_single
      logic signed [47:0] later;
      delay #(
          .WIDTH (48),
          .STAGES(1)
      ) u_addend (
          .clk,
          .enable,
          .in (addend),
          .out(later)
      );
      dsp_mac #(
          .PRE(1'b0),
          .PLUS(1'b0),
          .A_REG(1'b1),
          .B_REG(1'b1),
          .C_REG(1'b1),
          .M_REG(1'b1),
          .ADD(1'b1),
          .FIT(47)
      ) u_mac (
          .clk,
          .enable,
          .a(operand[0]),
          .d('0),
          .b(factor[0]),
          .c(later),
          .p(sum[i]),
          .zeros(unused[0]),
          .ones(unused[1])
      );
    end else begin : g_pair
      // The second product runs one clock behind and takes the first without a register.
      logic signed [47:0] first;
      logic signed [26:0] operand_later;
      logic signed [17:0] factor_later;
      logic [1:0] unused_first;
      dsp_mac #(
          .PRE(1'b0),
          .PLUS(1'b0),
          .A_REG(1'b1),
          .B_REG(1'b1),
          .C_REG(1'b1),
          .M_REG(1'b0),
          .ADD(1'b1),
          .FIT(47)
      ) u_first (
          .clk,
          .enable,
          .a(operand[0]),
          .d('0),
          .b(factor[0]),
          .c(addend),
          .p(first),
          .zeros(unused_first[0]),
          .ones(unused_first[1])
      );
      delay #(
          .WIDTH (27 + 18),
          .STAGES(1)
      ) u_operands (
          .clk,
          .enable,
          .in ({operand[PARTS-1], factor[PARTS-1]}),
          .out({operand_later, factor_later})
      );
      dsp_mac #(
          .PRE(1'b0),
          .PLUS(1'b0),
          .A_REG(1'b1),
          .B_REG(1'b1),
          .C_REG(1'b0),
          .M_REG(1'b0),
          .ADD(1'b1),
          .FIT(47)
      ) u_second (
          .clk,
          .enable,
          .a(operand_later),
          .d('0),
          .b(factor_later),
          .c(first),
          .p(sum[i]),
          .zeros(unused[0]),
          .ones(unused[1])
      );
    end
  end

  if (PIECES == 1) begin : g_one
    assign total = SUM_BITS'($signed(sum[0]));
  end else begin : g_two
    assign total = SUM_BITS'($signed(sum[0])) + (SUM_BITS'($signed(sum[PIECES-1])) <<< CUT);
  end
endmodule
