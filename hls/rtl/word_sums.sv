// SPDX-License-Identifier: Apache-2.0
// Sum and sum of squares of the LANES int16 of a word, one word per clock, 3 + max(1, clog2(LANES)) stages.
// Lanes are taken in groups of CHAIN. Within one, a DSP48E2 a lane adds its square to that of the lane before,
// and one for two lanes their sum, each a clock behind the other; trees of adders join the groups.
module word_sums #(
    parameter int unsigned LANES,
    parameter int unsigned SUM_BITS,
    parameter int unsigned SQUARE_BITS
) (
    input  logic                          clk,
    input  logic signed [LANES-1:0][15:0] in,
    output logic signed [SUM_BITS-1:0]    sum,
    output logic signed [SQUARE_BITS-1:0] squares
);
  localparam int unsigned CHAIN = (LANES <= 2) ? 2 : 4;
  localparam int unsigned PAIRS = CHAIN / 2;
  localparam int unsigned GROUPS = (LANES + CHAIN - 1) / CHAIN;

  logic signed [GROUPS-1:0][17:0] group_sum;
  logic signed [GROUPS-1:0][33:0] group_square;

  for (genvar g = 0; g < GROUPS; g++) begin : g_group
    logic signed [CHAIN:0][47:0] square;
    logic signed [PAIRS:0][47:0] pair;
    assign square[0] = '0;
    assign pair[0]   = '0;
    for (genvar i = 0; i < CHAIN; i++) begin : g_lane
      logic signed [15:0] value, later;
      logic [1:0] unused_fit;
      if (g * CHAIN + i < LANES) begin : g_value
        assign value = in[g*CHAIN+i];
      end else begin : g_zero
        assign value = '0;
      end
      if (i == 0) begin : g_first
        assign later = value;
      end else begin : g_later
        registers #(
            .WIDTH (16),
            .STAGES(i)
        ) u_later (
            .clk,
            .enable(1'b1),
            .in (value),
            .out(later)
        );
      end
      dsp_mac #(
          .PRE(1'b0),
          .PLUS(1'b0),
          .A_REG(1'b1),
          .B_REG(1'b1),
          .C_REG(1'b0),
          .M_REG(1'b0),
          .ADD(1'b1),
          .FIT(47)
      ) u_square (
          .clk,
          .enable(1'b1),
          .a(27'(later)),
          .d('0),
          .b(18'(later)),
          .c(square[i]),
          .p(square[i+1]),
          .zeros(unused_fit[0]),
          .ones(unused_fit[1])
      );
    end
    for (genvar i = 0; i < PAIRS; i++) begin : g_pair
      logic signed [1:0][15:0] two;
      logic [1:0] unused_fit;
      for (genvar j = 0; j < 2; j++) begin : g_two
        localparam int unsigned LANE = g * CHAIN + 2 * i + j;
        if (LANE >= LANES) begin : g_none
          assign two[j] = '0;
        end else if (i == 0) begin : g_now
          assign two[j] = in[LANE];
        end else begin : g_late
          registers #(
              .WIDTH (16),
              .STAGES(i)
          ) u_late (
              .clk,
              .enable(1'b1),
              .in (in[LANE]),
              .out(two[j])
          );
        end
      end
      dsp_mac #(
          .PRE(1'b1),
          .PLUS(1'b1),
          .A_REG(1'b0),
          .B_REG(1'b0),
          .C_REG(1'b0),
          .M_REG(1'b0),
          .ADD(1'b1),
          .FIT(47)
      ) u_sum (
          .clk,
          .enable(1'b1),
          .a(27'($signed(two[0]))),
          .d(27'($signed(two[1]))),
          .b(18'sd1),
          .c(pair[i]),
          .p(pair[i+1]),
          .zeros(unused_fit[0]),
          .ones(unused_fit[1])
      );
    end
    logic unused;
    assign group_sum[g]    = pair[PAIRS][17:0];
    assign group_square[g] = square[CHAIN][33:0];
    assign unused          = &{1'b0, pair[PAIRS], square[CHAIN]};
  end

  logic signed [SUM_BITS-1:0] early;  // PAIRS stages ahead of the squares
  if (GROUPS == 1 && CHAIN == 4) begin : g_alone
    assign squares = SQUARE_BITS'($signed(group_square[0]));
    assign early   = SUM_BITS'($signed(group_sum[0]));
  end else begin : g_trees
    adder_tree #(
        .COUNT(GROUPS),
        .IN_BITS(34),
        .OUT_BITS(SQUARE_BITS)
    ) u_squares (
        .clk,
        .in (group_square),
        .sum(squares)
    );
    adder_tree #(
        .COUNT(GROUPS),
        .IN_BITS(18),
        .OUT_BITS(SUM_BITS)
    ) u_sums (
        .clk,
        .in (group_sum),
        .sum(early)
    );
  end
  registers #(
      .WIDTH (SUM_BITS),
      .STAGES(PAIRS)
  ) u_sum_later (
      .clk,
      .enable(1'b1),
      .in (early),
      .out(sum)
  );
endmodule
