// SPDX-License-Identifier: Apache-2.0
// LN, the LayerNorm unit: integer moments, reciprocal square root by table and one Newton step,
// gamma and beta dyadic (docs/numerics.md, "LayerNorm"). Source: ours.
//
// MATHS, for every row of d values r:
//   S = sum r;  V = d*sum r*r - S*S + E;  (y, g) = rsqrt(V)                        moments.sv, rsqrt.sv
//   z_i = ((d*r_i - S)*y + 2^(18+g)) >> (19+g);  o_i = sat16((z_i*G_i + B_i) >> n)  normalize.sv, dyadic.sv
// r and o are int16, G int16, B below 2^45, n 0..40, E 1..2^40-1, d 1..MAX_HIDDEN, all chosen job by job.
//
// STREAMS. A job is a matrix of whole rows.
// Constants (s_axis_c): vector_pkg.sv, with G as m1 and B as c of every channel.
// Values (s_axis_r): LANES int16 a beat, lowest first. Order: rows ascending, columns ascending;
//   words = ceil(d/LANES) beats a row, values beyond d are ignored. TLAST on the job's last beat.
// Results (m_axis): the same form and order, values beyond d are 0. TLAST on the job's last beat.
// Saturations (m_axis_s): one beat a job, the number of values that sat16 changed. It is offered
//   together with the job's last result, which waits for its room.
// A bad config, constant or TLAST sets error_code (vector_pkg::vector_error_t) until reset; the unit
// then takes no more beats.
//
// PIPELINE. A row goes into one of BANKS row buffers while its moments are summed; the root follows,
// then the row is read again. The buffers hide the root: other rows load and leave meanwhile.
// II = 1 beat per clock in each pass. One row takes 2W + L + 16 clocks, W = words, L = 22 + T, T = max(1,
// clog2(LANES)); many take max(W, (2W + L)/BANKS) each, hence W where BANKS >= 2 + L/W. L: 1 intake, 3 + T sums of
// a word, 1 accumulate, 3 products, 1 V, 13 rsqrt.sv, 1 the bank's registers; less 1, the row's last word.
// Second pass, 16 stages: 1 buffer, 2..10 normalize.sv (tables read in 10), 11..15 dyadic.sv, 16 saturation.
//
// CYCLES, without stalls, from the first clock with TVALID on both inputs to the last result beat
// taken, both counted. Clocks at which things are complete, for job j and row n over all jobs:
//   cfg_j    = max(cdone_{j-1}, end of job j-2, + 16)         config taken; cfg_0 = 1
//   cdone_j  = cfg_j + 1 + d                                  constants loaded
//   load_n   = max(load_{n-1}, cfg_j + 1, end_{n-BANKS}) + W  row loaded
//   end_n    = max(end_{n-1}, load_n + L, cdone_j) + W        row read again
//   total    = end_last + 16 + 1
// hls/vector_protocol.py computes this (norm_cycles); tests hold the simulation to it.
module layernorm
  import vector_pkg::*;
#(
    parameter int unsigned LANES,       // values per clock, >= 1
    parameter int unsigned MAX_HIDDEN,  // longest row, at most 4096
    parameter int unsigned BANKS,       // row buffers, 2..16
    parameter int unsigned LUT_WORDS = 0  // of constant_table.sv
) (
    input  logic                clk,
    input  logic                rst_n,            // synchronous, active low
    input  logic                s_axis_c_tvalid,
    output logic                s_axis_c_tready,
    input  logic [127:0]        s_axis_c_tdata,
    input  logic                s_axis_c_tlast,
    input  logic                s_axis_r_tvalid,
    output logic                s_axis_r_tready,
    input  logic [16*LANES-1:0] s_axis_r_tdata,
    input  logic                s_axis_r_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [16*LANES-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_s_tvalid,
    input  logic                m_axis_s_tready,
    output logic [31:0]         m_axis_s_tdata,
    output logic                m_axis_s_tlast,
    output logic [2:0]          error_code
);
  localparam int unsigned WORDS = (MAX_HIDDEN + LANES - 1) / LANES;
  localparam int unsigned ADDRESS_BITS = $clog2(WORDS);
  localparam int unsigned BANK_BITS = $clog2(BANKS);
  localparam int unsigned SUM_BITS = 16 + $clog2(MAX_HIDDEN);

  if (LANES < 1 || BANKS < 2 || BANKS > 16) begin : g_check_shape
    $error("layernorm: LANES %0d must be >= 1 and BANKS %0d 2..16", LANES, BANKS);
  end
  if (MAX_HIDDEN <= LANES || MAX_HIDDEN > 4096) begin : g_check_hidden
    $error("layernorm: MAX_HIDDEN %0d must be above LANES %0d and at most 4096", MAX_HIDDEN, LANES);
  end

  // Error: the first one stays until reset.
  vector_error_t error, constant_error, row_error;
  logic halt;
  assign halt       = error != ERROR_NONE;
  assign error_code = error;
  always_ff @(posedge clk) begin
    if (!rst_n) error <= ERROR_NONE;
    else if (!halt) error <= (constant_error != ERROR_NONE) ? constant_error : row_error;
  end

  // Constants.
  logic c_valid, c_ready, c_last, config_bad;
  logic [127:0] c_beat;
  norm_job_t incoming;
  logic [1:0][95:0] config_bits;
  norm_job_t [1:0] job;
  logic [1:0][12:0] length;
  logic [1:0][39:0] epsilon;
  logic [1:0][15:0] rows, words;
  logic [1:0][5:0] scale_shift;
  logic [1:0] open, loaded;
  logic [LANES-1:0] write;
  logic write_bank;
  logic [ADDRESS_BITS-1:0] write_address;
  logic signed [0:0][M_BITS-1:0] write_m;
  logic signed [C_BITS-1:0] write_c;
  logic take_job, take_bank, enable, job_left, left_bank, table_bank, valid, last;

  axis_register #(
      .WIDTH(129)
  ) u_constant_register (
      .clk,
      .rst_n,
      .in_valid (s_axis_c_tvalid),
      .in_ready (s_axis_c_tready),
      .in_data  ({s_axis_c_tlast, s_axis_c_tdata}),
      .out_valid(c_valid),
      .out_ready(c_ready),
      .out_data ({c_last, c_beat})
  );

  assign incoming = norm_job_t'(c_beat[95:0]);
  assign config_bad = c_beat[127:96] != '0 || incoming.shift > MAX_SHIFT || incoming.epsilon == '0
      || incoming.rows == '0 || incoming.channels == '0 || incoming.channels > 16'(MAX_HIDDEN)
      || 32'(incoming.words) * LANES < 32'(incoming.channels)
      || 32'(incoming.words) * LANES >= 32'(incoming.channels) + LANES;

  constant_loader #(
      .LANES(LANES),
      .WORDS(WORDS),
      .PARTS(1)
  ) u_loader (
      .clk,
      .rst_n,
      .halt,
      .beat_valid   (c_valid),
      .beat_ready   (c_ready),
      .beat         (c_beat),
      .beat_last    (c_last),
      .config_bad,
      .config_count (incoming.channels),
      .config_common(1'b0),
      .take_job,
      .take_bank,
      .release_job  (job_left),
      .release_bank (left_bank),
      .config_bits,
      .open,
      .loaded,
      .write,
      .write_bank,
      .write_address,
      .write_m,
      .write_c,
      .error        (constant_error)
  );
  for (genvar b = 0; b < 2; b++) begin : g_job
    assign job[b]         = norm_job_t'(config_bits[b]);
    assign length[b]      = job[b].channels[12:0];
    assign epsilon[b]     = job[b].epsilon;
    assign rows[b]        = job[b].rows;
    assign words[b]       = job[b].words;
    assign scale_shift[b] = job[b].shift[5:0];
  end

  // First pass: rows into the buffers and through the moments.
  logic r_valid, r_ready, r_last, end_error;
  logic signed [LANES-1:0][15:0] r_data, in;
  logic [BANKS-1:0] ends_job;
  logic in_valid, in_first, in_last, in_job, free, sum_valid, root_valid;
  logic [BANK_BITS-1:0] in_bank, free_bank, sum_bank, root_bank;
  logic [ADDRESS_BITS-1:0] in_word;
  assign row_error = end_error ? ERROR_DATA_END : ERROR_NONE;

  axis_register #(
      .WIDTH(16 * LANES + 1)
  ) u_row_register (
      .clk,
      .rst_n,
      .in_valid (s_axis_r_tvalid),
      .in_ready (s_axis_r_tready),
      .in_data  ({s_axis_r_tlast, s_axis_r_tdata}),
      .out_valid(r_valid),
      .out_ready(r_ready),
      .out_data ({r_last, r_data})
  );

  row_intake #(
      .LANES(LANES),
      .WORDS(WORDS),
      .BANKS(BANKS)
  ) u_intake (
      .clk,
      .rst_n,
      .halt,
      .beat_valid(r_valid),
      .beat_ready(r_ready),
      .beat(r_data),
      .beat_last(r_last),
      .open,
      .rows,
      .words,
      .length,
      .free,
      .free_bank,
      .take_job,
      .take_bank,
      .end_error,
      .ends_job,
      .valid(in_valid),
      .first(in_first),
      .last(in_last),
      .job(in_job),
      .bank(in_bank),
      .address(in_word),
      .data(in)
  );

  logic signed [SUM_BITS-1:0] sum;
  logic [55:0] variance;
  logic [16:0] root;
  logic [4:0] root_shift;

  moments #(
      .LANES(LANES),
      .MAX_HIDDEN(MAX_HIDDEN),
      .BANK_BITS(BANK_BITS)
  ) u_moments (
      .clk,
      .rst_n,
      .in_valid,
      .in_first,
      .in_last,
      .in_job,
      .in_bank,
      .in,
      .length,
      .epsilon,
      .valid(sum_valid),
      .bank(sum_bank),
      .sum,
      .variance
  );
  rsqrt #(
      .TAG_BITS(BANK_BITS)
  ) u_rsqrt (
      .clk,
      .rst_n,
      .in_valid(sum_valid),
      .in_tag(sum_bank),
      .variance,
      .valid(root_valid),
      .tag(root_bank),
      .y(root),
      .shift(root_shift)
  );

  // Second pass.
  logic [BANK_BITS-1:0] row_bank;
  logic [ADDRESS_BITS-1:0] row_address, table_address;
  logic signed [LANES-1:0][15:0] row_data;
  logic signed [LANES-1:0][0:0][M_BITS-1:0] gamma;
  logic signed [LANES-1:0][C_BITS-1:0] beta;
  logic [LANES-1:0][15:0] result;
  logic [LANES-1:0] changed;

  row_buffer #(
      .WIDTH(16 * LANES),
      .WORDS(WORDS),
      .BANKS(BANKS)
  ) u_rows (
      .clk,
      .write(in_valid),
      .write_bank(in_bank),
      .write_address(in_word),
      .write_data(in),
      .read(enable),
      .read_bank(row_bank),
      .read_address(row_address),
      .read_data(row_data)
  );
  constant_table #(
      .LANES(LANES),
      .WORDS(WORDS), .PARTS(1), .LUT_WORDS(LUT_WORDS)
  ) u_table (
      .clk,
      .write,
      .write_bank,
      .write_address,
      .write_m,
      .write_c,
      .read(enable),
      .read_bank(table_bank),
      .read_address(table_address),
      .m(gamma),
      .c(beta)
  );

  second_pass #(
      .LANES(LANES),
      .MAX_HIDDEN(MAX_HIDDEN),
      .WORDS(WORDS),
      .BANKS(BANKS)
  ) u_second_pass (
      .clk,
      .rst_n,
      .enable,
      .loaded,
      .words,
      .length,
      .scale_shift,
      .ends_job,
      .sum_valid,
      .sum_bank,
      .sum,
      .root_valid,
      .root_bank,
      .root,
      .root_shift,
      .free,
      .free_bank,
      .row_bank,
      .row_address,
      .row_data,
      .table_bank,
      .table_address,
      .gamma,
      .beta,
      .valid,
      .last,
      .bank(left_bank),
      .data(result),
      .changed
  );

  counted_output #(
      .LANES(LANES)
  ) u_output (
      .clk,
      .rst_n,
      .valid,
      .last,
      .data(result),
      .changed,
      .enable,
      .job_left,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tlast,
      .m_axis_s_tvalid,
      .m_axis_s_tready,
      .m_axis_s_tdata,
      .m_axis_s_tlast
  );
endmodule
