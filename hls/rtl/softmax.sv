// SPDX-License-Identifier: Apache-2.0
// Softmax unit: rows of integer scores to k-bit unsigned probabilities (docs/numerics.md, "Scores,
// softmax, context"). Source: base-2 streaming softmax of ITA; the exact integer form is ours.
//
// MATHS. For each row s_0 .. s_{l-1}, with the job's constants Ms, ns, Kp, np and k:
//   m   = max_j s_j                                              pass 1, softmax_loader.sv
//   x_j = ((m - s_j) * Ms + (1 << (ns-1))) >> ns
//   e_j = EXP2[x_j & 63] >> (x_j >> 6), 0 past 15; D = sum e_j   pass 2, softmax_exponents.sv
//   R   = floor(Kp / D)                                          softmax_reciprocal.sv
//   p_j = min((e_j * R + (1 << (np-1))) >> np, 2^k - 1)          pass 3, softmax_levels.sv
// Widths: m - s_j SCORE_BITS unsigned; D <= 2^15 * l; R < 2^24; e_j * R <= Kp < 2^39. Four
// DSP48E2 a lane (two products, two shifts) and half a RAMB18 for EXP2.
//
// TENSOR ORDER: [rows, keys], keys fastest, LANES a beat; every row starts a new beat. Rows of all
// heads and queries are alike. Beats and constants: softmax_pkg.sv.
//
// PARALLELISM. Each pass works on a row of its own, II = 1 beat per clock; two rows of scores and
// ROWS rows of exponentials are held. Many rows of n = ceil(keys/LANES) beats, with a division of
// d = 24/DIVIDE_STEPS clocks, take max(n, (d + 1)/DIVIDERS, (2n + d + 9)/ROWS) clocks each.
//
// CYCLES, without stalls, from the first clock with TVALID on both inputs to the last beat taken,
// both counted. For row r of n_r beats, over all jobs, the clocks of the first beat of each pass
// (those before the first row: -infinity):
//   load_r = max(2, load_{r-1} + n_{r-1}, exp_{r-2} + n_{r-2})
//   exp_r  = max(load_r + n_r, exp_{r-1} + n_{r-1}, out_{r-ROWS} + n_{r-ROWS})
//   div_r  = max(exp_r + n_r + 7, div_{r-1} + 1, div_{r-DIVIDERS} + d + 1)
//   out_r  = max(div_r + d + 2, out_{r-1} + n_{r-1})
//   total  = out_last + n_last + 5
// One row: total = 3n + d + 16. hls/cosim_softmax.py computes this; tests hold the simulation to it.
module softmax
  import softmax_pkg::*;
#(
    parameter int unsigned LANES,         // scores per beat, >= 1
    parameter int unsigned MAX_KEYS,      // longest row, 1..65535
    parameter int unsigned SCORE_BITS,    // two's complement width that holds every score, 2..32
    parameter int unsigned ROWS,          // rows of exponentials, >= 2
    parameter int unsigned DIVIDE_STEPS,  // quotient bits a clock of a divider, divides 24
    parameter int unsigned DIVIDERS = 1   // that take rows in turn
) (
    input  logic                clk,
    input  logic                rst_n,  // synchronous, active low
    input  logic                s_axis_c_tvalid,
    output logic                s_axis_c_tready,
    input  logic [127:0]        s_axis_c_tdata,
    input  logic                s_axis_c_tlast,
    input  logic                s_axis_s_tvalid,
    output logic                s_axis_s_tready,
    input  logic [LANES*32-1:0] s_axis_s_tdata,
    input  logic                s_axis_s_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [LANES*8-1:0]  m_axis_tdata,
    output logic                m_axis_tlast,
    output logic [2:0]          error_code
);
  localparam int unsigned BEATS = (MAX_KEYS + LANES - 1) / LANES;  // of a row
  localparam int unsigned INDEX_BITS = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam int unsigned ROW_BITS = $clog2(ROWS);
  localparam int unsigned SUM_BITS = $clog2(MAX_KEYS * 2 ** 15 + 1);

  if (LANES < 1 || MAX_KEYS < 1 || MAX_KEYS > 65535) begin : g_check_keys
    $error("softmax: LANES %0d must be >= 1 and MAX_KEYS %0d 1..65535", LANES, MAX_KEYS);
  end
  if (SCORE_BITS < 2 || SCORE_BITS > 32) begin : g_check_scores
    $error("softmax: SCORE_BITS %0d must be 2..32", SCORE_BITS);
  end
  if (ROWS < 2) begin : g_check_rows
    $error("softmax: ROWS %0d must be at least 2", ROWS);
  end
  if (DIVIDERS < 1) begin : g_check_dividers
    $error("softmax: DIVIDERS %0d must be at least 1", DIVIDERS);
  end
  if (DIVIDE_STEPS < 1 || QUOTIENT_BITS % DIVIDE_STEPS != 0) begin : g_check_steps
    $error("softmax: DIVIDE_STEPS %0d must divide %0d", DIVIDE_STEPS, QUOTIENT_BITS);
  end

  // Error: the first one stays until reset.
  error_t error_q, error;
  logic halt;
  assign halt       = error_q != ERROR_NONE;
  assign error_code = error_q;
  always_ff @(posedge clk) begin
    if (!rst_n) error_q <= ERROR_NONE;
    else if (!halt) error_q <= error;
  end

  // Pass 1: scores and their maximum.
  logic c_valid, c_ready, c_last, s_valid, s_ready, s_last;
  config_t job;
  logic [LANES-1:0][31:0] s_data;
  logic [LANES-1:0][SCORE_BITS-1:0] score_in, score_out;
  logic score_write, score_write_bank, score_read, score_read_bank, score_done;
  logic [INDEX_BITS-1:0] score_write_index, score_read_index;
  logic [1:0] loaded;
  logic [1:0][SCORE_BITS-1:0] largest;
  logic [1:0][15:0] keys;
  exponent_t [1:0] exponent;
  level_t [1:0] level;
  logic [1:0][RECIPROCAL_BITS-1:0] reciprocal;

  axis_register #(
      .WIDTH(128 + 1)
  ) u_config_register (
      .clk,
      .rst_n,
      .in_valid (s_axis_c_tvalid),
      .in_ready (s_axis_c_tready),
      .in_data  ({s_axis_c_tlast, s_axis_c_tdata}),
      .out_valid(c_valid),
      .out_ready(c_ready),
      .out_data ({c_last, job})
  );

  axis_register #(
      .WIDTH(LANES * 32 + 1)
  ) u_score_register (
      .clk,
      .rst_n,
      .in_valid (s_axis_s_tvalid),
      .in_ready (s_axis_s_tready),
      .in_data  ({s_axis_s_tlast, s_axis_s_tdata}),
      .out_valid(s_valid),
      .out_ready(s_ready),
      .out_data ({s_last, s_data})
  );

  softmax_loader #(
      .LANES(LANES),
      .MAX_KEYS(MAX_KEYS),
      .SCORE_BITS(SCORE_BITS),
      .INDEX_BITS(INDEX_BITS)
  ) u_loader (
      .clk,
      .rst_n,
      .halt,
      .config_valid(c_valid),
      .config_ready(c_ready),
      .job,
      .config_last(c_last),
      .beat_valid(s_valid),
      .beat_ready(s_ready),
      .beat(s_data),
      .beat_last(s_last),
      .release_row(score_done),
      .release_bank(score_read_bank),
      .write(score_write),
      .write_bank(score_write_bank),
      .write_index(score_write_index),
      .scores(score_in),
      .loaded,
      .largest,
      .keys,
      .exponent,
      .level,
      .reciprocal,
      .error
  );

  sdp_ram #(
      .WIDTH(LANES * SCORE_BITS),
      .DEPTH(2 ** (1 + INDEX_BITS))
  ) u_scores (
      .clk,
      .write(score_write),
      .write_address({score_write_bank, score_write_index}),
      .write_data(score_in),
      .read(score_read),
      .read_address({score_read_bank, score_read_index}),
      .read_data(score_out)
  );

  // Pass 2: exponentials, their sum, the division. Row `fill_row` takes the exponentials and is
  // `taken` from its last read of scores until its last read of exponentials, in `drain_row`.
  logic exp_write, sum_valid, sum_first, sum_last, level_enable, level_done;
  logic [ROW_BITS-1:0] fill_row, drain_row, exp_write_row, sum_row;
  logic [INDEX_BITS-1:0] exp_write_index, level_index;
  logic [LANES-1:0][EXPONENT_BITS-1:0] exp_in, exp_out;
  logic [SUM_BITS-1:0] sum;
  logic [ROWS-1:0] taken, solved;
  logic [ROWS-1:0][15:0] row_keys;
  level_t [ROWS-1:0] row_level;
  logic [ROWS-1:0][RECIPROCAL_BITS-1:0] row_reciprocal;
  logic [ROWS-1:0][QUOTIENT_BITS-1:0] quotient;

  function automatic logic [ROW_BITS-1:0] after(logic [ROW_BITS-1:0] row);
    return (row == ROW_BITS'(ROWS - 1)) ? '0 : row + 1'b1;
  endfunction

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      taken     <= '0;
      fill_row  <= '0;
      drain_row <= '0;
    end else begin
      if (score_done) begin
        taken[fill_row] <= 1'b1;
        fill_row        <= after(fill_row);
      end
      if (level_done) begin
        taken[drain_row] <= 1'b0;
        drain_row        <= after(drain_row);
      end
    end
  end

  always_ff @(posedge clk) begin
    if (score_done) begin
      row_keys[fill_row]       <= keys[score_read_bank];
      row_level[fill_row]      <= level[score_read_bank];
      row_reciprocal[fill_row] <= reciprocal[score_read_bank];
    end
  end

  softmax_exponents #(
      .LANES(LANES),
      .SCORE_BITS(SCORE_BITS),
      .INDEX_BITS(INDEX_BITS),
      .ROW_BITS(ROW_BITS),
      .SUM_BITS(SUM_BITS)
  ) u_exponents (
      .clk,
      .rst_n,
      .loaded,
      .largest,
      .keys,
      .exponent,
      .row_free(!taken[fill_row]),
      .row(fill_row),
      .read(score_read),
      .read_bank(score_read_bank),
      .read_index(score_read_index),
      .row_done(score_done),
      .scores(score_out),
      .write(exp_write),
      .write_row(exp_write_row),
      .write_index(exp_write_index),
      .write_data(exp_in),
      .sum_valid,
      .sum_first,
      .sum_last,
      .sum_row,
      .sum
  );

  softmax_reciprocal #(
      .ROWS(ROWS),
      .ROW_BITS(ROW_BITS),
      .SUM_BITS(SUM_BITS),
      .STEPS(DIVIDE_STEPS),
      .DIVIDERS(DIVIDERS)
  ) u_reciprocal (
      .clk,
      .rst_n,
      .sum_valid,
      .sum_first,
      .sum_last,
      .sum_row,
      .sum,
      .reciprocal(row_reciprocal),
      .release_row(level_done),
      .released(drain_row),
      .solved,
      .quotient
  );

  sdp_ram #(
      .WIDTH(LANES * EXPONENT_BITS),
      .DEPTH(2 ** (ROW_BITS + INDEX_BITS))
  ) u_exponentials (
      .clk,
      .write(exp_write),
      .write_address({exp_write_row, exp_write_index}),
      .write_data(exp_in),
      .read(level_enable),
      .read_address({drain_row, level_index}),
      .read_data(exp_out)
  );

  // Pass 3: probabilities.
  logic p_valid, p_ready, p_last;
  logic [LANES-1:0][7:0] p_data;

  softmax_levels #(
      .LANES(LANES),
      .INDEX_BITS(INDEX_BITS)
  ) u_levels (
      .clk,
      .rst_n,
      .row_solved(solved[drain_row]),
      .keys(row_keys[drain_row]),
      .level(row_level[drain_row]),
      .quotient(quotient[drain_row]),
      .enable(level_enable),
      .read_index(level_index),
      .row_done(level_done),
      .exponentials(exp_out),
      .beat_valid(p_valid),
      .beat_ready(p_ready),
      .beat(p_data),
      .beat_last(p_last)
  );

  axis_skid #(
      .WIDTH(LANES * 8 + 1)
  ) u_result_slice (
      .clk,
      .rst_n,
      .in_valid (p_valid),
      .in_ready (p_ready),
      .in_data  ({p_last, p_data}),
      .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready),
      .out_data ({m_axis_tlast, m_axis_tdata})
  );
endmodule
