// SPDX-License-Identifier: Apache-2.0
// From the words of the buffers to the result stream: operand registers, array, store, drain. It never
// stalls the steps; qmm_control.sv keeps account of the room in the store.
// Latency, from a tile's last step issued to its first result beat offered: eleven clocks. The sums of the
// tile's rows come in the fifth clock after that step, with the totals of the array.
module qmm_compute
  import qmm_pkg::*;
#(
    parameter int unsigned TOKENS,
    parameter int unsigned OUTPUTS,
    parameter int unsigned SIMD,
    parameter int unsigned ACC_BITS,
    parameter int unsigned ACT_SUM_BITS,
    parameter int unsigned WEIGHT_SUM_BITS,
    parameter int unsigned OUT_LANES,
    parameter int unsigned RESULT_TILES,
    parameter bit          STRUCTURAL
) (
    input  logic                                    clk,
    input  logic                                    rst_n,
    input  step_t                                   issued,        // its words come one clock later
    input  logic [TOKENS-1:0][SIMD-1:0]             act_word,
    input  logic [OUTPUTS-1:0][SIMD-1:0]            weight_word,
    input  logic [TOKENS-1:0][ACT_SUM_BITS-1:0]     act_sum,
    input  logic [OUTPUTS-1:0][WEIGHT_SUM_BITS-1:0] weight_sum,
    output logic                                    result_freed,  // a tile has left the store
    output logic                                    m_axis_tvalid,
    input  logic                                    m_axis_tready,
    output logic [OUT_LANES*32-1:0]                 m_axis_tdata,
    output logic                                    m_axis_tlast
);
  // What the store keeps of an output tile.
  typedef struct packed {
    tile_t                                         tile;
    logic [TOKENS-1:0][OUTPUTS-1:0][ACC_BITS-1:0]  total;
    logic [TOKENS-1:0][ACT_SUM_BITS-1:0]           act_sum;
    logic [OUTPUTS-1:0][WEIGHT_SUM_BITS-1:0]       weight_sum;
  } result_t;

  step_t step_q, step_qq;
  logic done, head_valid, head_done, beat_valid, beat_ready, beat_last;
  logic [TOKENS-1:0][SIMD-1:0] act;
  logic [OUTPUTS-1:0][SIMD-1:0] weight;
  logic [OUT_LANES-1:0][ACC_BITS-1:0] beat_data, value;
  result_t result, head;

  always_ff @(posedge clk) begin
    step_q    <= issued;
    step_qq   <= step_q;
    act       <= act_word;
    weight    <= weight_word;
    if (!rst_n) begin
      step_q.valid  <= 1'b0;
      step_qq.valid <= 1'b0;
    end
  end

  qmm_array #(
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .SIMD(SIMD),
      .ACC_BITS(ACC_BITS),
      .STRUCTURAL(STRUCTURAL)
  ) u_array (
      .clk,
      .rst_n,
      .step(step_qq),
      .act,
      .weight,
      .done,
      .done_tile(result.tile),
      .total(result.total)
  );
  assign result.act_sum    = act_sum;
  assign result.weight_sum = weight_sum;
  tile_store #(
      .WIDTH($bits(result_t)),
      .TILES(RESULT_TILES)
  ) u_store (
      .clk,
      .rst_n,
      .write(done),
      .write_data(result),
      .freed(result_freed),
      .head_valid,
      .take(head_done),
      .head
  );
  result_drain #(
      .TOKENS(TOKENS),
      .OUTPUTS(OUTPUTS),
      .ACC_BITS(ACC_BITS),
      .ACT_SUM_BITS(ACT_SUM_BITS),
      .WEIGHT_SUM_BITS(WEIGHT_SUM_BITS),
      .LANES(OUT_LANES)
  ) u_drain (
      .clk,
      .rst_n,
      .tile_valid(head_valid),
      .tile_done(head_done),
      .tile(head.tile),
      .total(head.total),
      .act_total(head.act_sum),
      .weight_total(head.weight_sum),
      .beat_valid,
      .beat_ready,
      .beat_data,
      .beat_last
  );
  axis_register #(
      .WIDTH(OUT_LANES * ACC_BITS + 1)
  ) u_result_slice (
      .clk,
      .rst_n,
      .in_valid (beat_valid),
      .in_ready (beat_ready),
      .in_data  ({beat_last, beat_data}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, value})
  );
  for (genvar l = 0; l < OUT_LANES; l++) begin : g_lane
    assign m_axis_tdata[32*l+:32] = 32'($signed(value[l]));
  end
endmodule
