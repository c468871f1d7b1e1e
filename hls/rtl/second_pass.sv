// SPDX-License-Identifier: Apache-2.0
// Second pass of LN: reads a row again once its moments are known, normalizes it and applies gamma and
// beta. 16 stages: 1 row buffer   2..10 normalize.sv (tables read in 10)   11..15 dyadic.sv   16 sat16.
module second_pass
  import vector_pkg::*;
#(
    parameter int unsigned LANES,
    parameter int unsigned MAX_HIDDEN,
    parameter int unsigned WORDS,
    parameter int unsigned BANKS,
    localparam int unsigned LENGTH_BITS = $clog2(MAX_HIDDEN) + 1,
    localparam int unsigned SUM_BITS = LENGTH_BITS + 15,
    localparam int unsigned BANK_BITS = $clog2(BANKS),
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned STAGES = 16
) (
    input  logic                                 clk,
    input  logic                                 rst_n,
    input  logic                                 enable,
    input  logic [1:0]                           loaded,        // constants of that job bank are complete
    input  logic [1:0][15:0]                     words,         // of each job bank, as the two below
    input  logic [1:0][12:0]                     length,
    input  logic [1:0][5:0]                      scale_shift,   // n
    input  logic [BANKS-1:0]                     ends_job,
    input  logic                                 sum_valid,     // S of a row, as the two below
    input  logic [BANK_BITS-1:0]                 sum_bank,
    input  logic signed [SUM_BITS-1:0]           sum,
    input  logic                                 root_valid,    // y and 18+g of a row, as the three below
    input  logic [BANK_BITS-1:0]                 root_bank,
    input  logic [16:0]                          root,
    input  logic [4:0]                           root_shift,
    output logic                                 free,          // free_bank has been read
    output logic [BANK_BITS-1:0]                 free_bank,
    output logic [BANK_BITS-1:0]                 row_bank,      // read of the row buffers
    output logic [ADDRESS_BITS-1:0]              row_address,
    input  logic signed [LANES-1:0][15:0]        row_data,      // one stage later
    output logic                                 table_bank,    // read of G and B
    output logic [ADDRESS_BITS-1:0]              table_address,
    input  logic signed [LANES-1:0][M_BITS-1:0]  gamma,         // one stage later
    input  logic signed [LANES-1:0][C_BITS-1:0]  beta,
    output logic                                 valid,
    output logic                                 last,          // of the job
    output logic                                 bank,          // job bank
    output logic [LANES-1:0][15:0]               data,
    output logic [LANES-1:0]                     changed
);
  localparam int unsigned ROOT_BITS = 17 + 5;

  // Results of the first pass, by row buffer.
  logic [BANKS-1:0] ready;
  logic signed [BANKS-1:0][SUM_BITS-1:0] bank_sum;
  logic [BANKS-1:0][ROOT_BITS-1:0] bank_root;

  always_ff @(posedge clk) begin
    if (sum_valid) bank_sum[sum_bank] <= sum;
    if (root_valid) bank_root[root_bank] <= {root, root_shift};
  end

  // Issue: stage 0.
  logic issue, row_end, job_bank;
  logic [15:0] next_word;
  assign issue     = enable && ready[row_bank] && loaded[job_bank];
  assign next_word = 16'd1 + 16'(row_address);
  assign row_end   = next_word == words[job_bank];
  assign free      = issue && row_end;
  assign free_bank = row_bank;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      ready       <= '0;
      row_bank    <= '0;
      row_address <= '0;
      job_bank    <= 1'b0;
    end else begin
      if (root_valid) ready[root_bank] <= 1'b1;
      if (issue) row_address <= row_end ? '0 : next_word[ADDRESS_BITS-1:0];
      if (free) begin
        ready[row_bank] <= 1'b0;
        row_bank        <= (row_bank == BANK_BITS'(BANKS - 1)) ? '0 : row_bank + 1'b1;
        if (ends_job[row_bank]) job_bank <= !job_bank;
      end
    end
  end

  // What travels along. Index s belongs to stage s + 1.
  logic [STAGES-1:0] stage_valid, stage_last, stage_job;
  logic signed [SUM_BITS-1:0] sum_1;
  logic signed [SUM_BITS:0] minus_sum_2;
  logic [16:0] root_1, root_4;
  logic [4:0] shift_1, shift_3, shift_6, places_6;  // 18 + g; places: beyond the least shift
  logic [30:0] half_4;
  logic [1:0] coarse_7;
  logic [7:0] factor_7;
  step_t step_13;
  logic [ADDRESS_BITS-1:0] address_9;
  logic signed [16:0] left_10;  // values of the row from this word on
  logic [LANES-1:0] lane_valid_10, lane_valid_15;

  always_ff @(posedge clk) begin
    if (!rst_n) stage_valid <= '0;
    else if (enable) stage_valid <= {stage_valid[STAGES-2:0], issue};
  end
  always_ff @(posedge clk) begin
    if (enable) begin
      stage_last        <= {stage_last[STAGES-2:0], free && ends_job[row_bank]};
      stage_job         <= {stage_job[STAGES-2:0], job_bank};
      sum_1             <= bank_sum[row_bank];
      {root_1, shift_1} <= bank_root[row_bank];
      left_10           <= 17'(length[stage_job[8]]) - 17'(32'(address_9) * LANES);
      minus_sum_2       <= -(SUM_BITS + 1)'(sum_1);
      half_4            <= 31'd1 << shift_3;
      coarse_7          <= places_6[4:3];
      factor_7          <= 8'h80 >> places_6[2:0];
      step_13           <= step_of(scale_shift[stage_job[11]]);
    end
  end
  assign places_6 = shift_6 - 5'd3;
  delay #(
      .WIDTH (17),
      .STAGES(3)
  ) u_root (
      .clk,
      .enable,
      .in (root_1),
      .out(root_4)
  );
  delay #(
      .WIDTH (5),
      .STAGES(2)
  ) u_shift_3 (
      .clk,
      .enable,
      .in (shift_1),
      .out(shift_3)
  );
  delay #(
      .WIDTH (5),
      .STAGES(3)
  ) u_shift_6 (
      .clk,
      .enable,
      .in (shift_3),
      .out(shift_6)
  );
  delay #(
      .WIDTH (ADDRESS_BITS),
      .STAGES(9)
  ) u_address (
      .clk,
      .enable,
      .in (row_address),
      .out(address_9)
  );
  delay #(
      .WIDTH (LANES),
      .STAGES(5)
  ) u_lane_valid (
      .clk,
      .enable,
      .in (lane_valid_10),
      .out(lane_valid_15)
  );
  assign table_bank    = stage_job[8];
  assign table_address = address_9;

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    logic signed [19:0] z;
    logic [15:0] level;
    logic negative, outside;

    assign lane_valid_10[l] = left_10 > 17'(l);
    normalize #(
        .MAX_HIDDEN(MAX_HIDDEN)
    ) u_normalize (
        .clk,
        .enable,
        .r(row_data[l]),
        .length(length[stage_job[0]][LENGTH_BITS-1:0]),
        .minus_sum(48'(minus_sum_2)),
        .y(root_4),
        .half(48'(half_4)),
        .coarse(coarse_7),
        .factor(factor_7),
        .z
    );
    dyadic #(
        .A_BITS(20),
        .PARTS (1),
        .KEEP  (15),
        .ADD   (1'b0)
    ) u_dyadic (
        .clk,
        .enable,
        .a(z),
        .m(gamma[l]),
        .c(beta[l]),
        .coarse(step_13.coarse),
        .factor(step_13.factor),
        .beside((48'sd1 <<< (STEP + 14)) - 48'sd1),  // int16
        .allow(2'b11),
        .level,
        .negative,
        .outside
    );
    sat16 u_saturate (
        .clk,
        .enable,
        .count(lane_valid_15[l]),
        .value(level),
        .outside,
        .negative,
        .result(data[l]),
        .changed(changed[l])
    );
  end

  assign valid = stage_valid[STAGES-1];
  assign last  = stage_last[STAGES-1];
  assign bank  = stage_job[STAGES-1];
endmodule
