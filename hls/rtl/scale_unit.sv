// SPDX-License-Identifier: Apache-2.0
// What QU and VU share: constants, the walk over the matrix, and the levels (sum_p a_p*M_p + C) >> n, with
// h added in VU, in LANES lanes. From a beat taken to its levels 6 stages in QU, 7 in VU: 1 read of the tables,
// then dyadic.sv, which says what a level is.
// COMMON: every job has one M and C; the tables shrink to a register a bank for all lanes.
module scale_unit
  import vector_pkg::*;
#(
    parameter int unsigned LANES,
    parameter int unsigned PARTS,
    parameter int unsigned ACC_BITS,
    parameter int unsigned MAX_CHANNELS,
    parameter bit          QUANTIZE,      // 1: QU, the config names a format of q; 0: VU
    parameter bit          COMMON,
    parameter int unsigned LUT_WORDS
) (
    input  logic                                         clk,
    input  logic                                         rst_n,
    input  logic                                         s_axis_c_tvalid,
    output logic                                         s_axis_c_tready,
    input  logic [127:0]                                 s_axis_c_tdata,
    input  logic                                         s_axis_c_tlast,
    input  logic                                         data_valid,  // a beat of every data stream is there
    output logic                                         data_ready,
    input  logic signed [LANES-1:0][PARTS-1:0][ACC_BITS-1:0] data,
    input  logic                                         data_misfit,  // a value is wider than ACC_BITS
    input  logic                                         data_last,
    input  logic                                         data_last_differs,  // between the data streams
    input  logic                                         enable,      // the pipeline moves
    input  logic                                         job_left,    // last beat of left_bank left the unit
    input  logic                                         left_bank,
    input  logic signed [LANES-1:0][15:0]                residual,    // h of VU, 5 stages after its beat
    output logic                                         format_signed,  // of a job of QU, one stage before
    output logic [3:0]                                   format_bits,    // its levels
    input  logic [1:0]                                   allow,       // of the levels, as dyadic.sv has it
    output logic                                         valid,       // of the levels, as those below
    output logic                                         last,
    output logic                                         bank,
    output logic [LANES-1:0]                             lane_valid,  // 0: padding
    output logic [LANES-1:0][15:0]                       level,
    output logic [LANES-1:0]                             negative,
    output logic [LANES-1:0]                             outside,
    output vector_error_t                                error_code
);
  localparam int unsigned WORDS = (MAX_CHANNELS + LANES - 1) / LANES;
  localparam int unsigned ADDRESS_BITS = $clog2(WORDS);
  localparam int unsigned STAGES = QUANTIZE ? 6 : 7;
  localparam int unsigned KEEP = QUANTIZE ? 8 : 16;  // where h is added, beyond 17 bits no h leads back to int16

  vector_error_t constant_error, data_error;
  logic halt;
  assign halt = error_code != ERROR_NONE;
  always_ff @(posedge clk) begin
    if (!rst_n) error_code <= ERROR_NONE;
    else if (!halt) error_code <= (constant_error != ERROR_NONE) ? constant_error : data_error;
  end

  // Constants.
  logic c_valid, c_ready, c_last;
  logic [127:0] c_beat;
  job_t incoming;
  logic config_bad;
  logic [1:0][95:0] config_bits;
  job_t [1:0] job;
  logic [1:0] open, loaded;
  logic [LANES-1:0] write;
  logic write_bank;
  logic [ADDRESS_BITS-1:0] write_address;
  logic signed [PARTS-1:0][M_BITS-1:0] write_m;
  logic signed [C_BITS-1:0] write_c;
  logic take, take_last, job_bank;

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

  assign incoming = job_t'(c_beat[95:0]);
  assign config_bad = c_beat[127:96] != '0 || incoming.zero != '0 || incoming.shift > MAX_SHIFT
      || incoming.rows == '0 || incoming.tile_rows == '0 || incoming.tiles == '0 || incoming.words == '0
      || (COMMON && !incoming.common) || incoming.channels == '0 || incoming.channels > 16'(MAX_CHANNELS)
      || (QUANTIZE ? (incoming.bits == '0 || incoming.bits > 4'd8) : (incoming.bits != '0 || incoming.is_signed));

  constant_loader #(
      .LANES(LANES),
      .WORDS(WORDS),
      .PARTS(PARTS)
  ) u_loader (
      .clk,
      .rst_n,
      .halt,
      .beat_valid   (c_valid),
      .beat_ready   (c_ready),
      .beat         (c_beat),
      .beat_last    (c_last),
      .config_bad,
      .config_count (incoming.common ? 16'd1 : incoming.channels),
      .config_common(incoming.common),
      .take_job     (take && take_last),
      .take_bank    (job_bank),
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
  assign job[0] = job_t'(config_bits[0]);
  assign job[1] = job_t'(config_bits[1]);

  // Intake.
  logic [ADDRESS_BITS-1:0] address;
  logic row_valid, overflow;

  assign data_ready = enable && !halt && open[job_bank] && loaded[job_bank];
  assign take       = data_valid && data_ready;

  tile_walk #(
      .WORDS(WORDS)
  ) u_walk (
      .clk,
      .rst_n,
      .advance  (take),
      .rows     (job[job_bank].rows),
      .tile_rows(job[job_bank].tile_rows),
      .tiles    (job[job_bank].tiles),
      .words    (job[job_bank].words),
      .address,
      .row_valid,
      .last     (take_last),
      .overflow
  );

  always_comb begin
    data_error = ERROR_NONE;
    if (take && overflow) data_error = ERROR_CAPACITY;
    else if (take && (data_last != take_last || data_last_differs)) data_error = ERROR_DATA_END;
    else if (take && data_misfit) data_error = ERROR_VALUE;
  end

  // The pipeline. Index s of these holds what belongs to stage s + 1.
  logic [STAGES-1:0] stage_valid, stage_last, stage_bank;
  logic signed [LANES-1:0][PARTS-1:0][ACC_BITS-1:0] operand;
  logic signed [LANES-1:0][PARTS-1:0][M_BITS-1:0] m;
  logic signed [LANES-1:0][C_BITS-1:0] c;
  logic [ADDRESS_BITS-1:0] word;
  logic word_row_valid, left_valid;
  logic signed [17:0] channels_left;  // from this word on
  logic [LANES-1:0] left_lane_valid;
  step_t step_4;
  logic signed [47:0] mask;  // bits of a level and 10 below it that are free in the format

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      stage_valid <= '0;
      job_bank    <= 1'b0;
    end else begin
      if (enable) stage_valid <= {stage_valid[STAGES-2:0], take};
      if (take && take_last) job_bank <= !job_bank;
    end
  end
  always_ff @(posedge clk) begin
    if (enable) begin
      stage_last     <= {stage_last[STAGES-2:0], take_last};
      stage_bank     <= {stage_bank[STAGES-2:0], job_bank};
      operand        <= data;
      word           <= address;
      word_row_valid <= row_valid;
      channels_left  <= 18'(job[stage_bank[0]].channels) - 18'(32'(word) * LANES);
      left_valid     <= word_row_valid;
      step_4         <= step_of(job[stage_bank[2]].shift[5:0]);
    end
  end

  if (COMMON) begin : g_common
    logic signed [1:0][PARTS-1:0][M_BITS-1:0] held_m;
    logic signed [1:0][C_BITS-1:0] held_c;
    logic unused_place;
    assign unused_place = ^{write[LANES-1:1], write_address};
    always_ff @(posedge clk) begin
      if (write[0]) begin
        held_m[write_bank] <= write_m;
        held_c[write_bank] <= write_c;
      end
      if (enable) begin
        m <= {LANES{held_m[job_bank]}};
        c <= {LANES{held_c[job_bank]}};
      end
    end
  end else begin : g_table
    constant_table #(
        .LANES(LANES),
        .WORDS(WORDS),
        .PARTS(PARTS),
        .LUT_WORDS(LUT_WORDS)
    ) u_table (
        .clk,
        .write,
        .write_bank,
        .write_address,
        .write_m,
        .write_c,
        .read        (enable),
        .read_bank   (job_bank),
        .read_address(job[job_bank].common ? '0 : address),
        .m,
        .c
    );
  end

  // A signed format of k bits leaves the low k-1 bits of a level free, an unsigned one k.
  logic [4:0] free_bits;
  assign free_bits = 5'(STEP - 1) + 5'(job[stage_bank[STAGES-3]].bits) - 5'(job[stage_bank[STAGES-3]].is_signed);
  assign mask      = ~(48'sd0 - (48'sd1 <<< free_bits));

  for (genvar l = 0; l < LANES; l++) begin : g_lane
    assign left_lane_valid[l] = left_valid && channels_left > 18'(l);
    dyadic #(
        .A_BITS(ACC_BITS),
        .PARTS (PARTS),
        .KEEP  (KEEP),
        .ADD   (!QUANTIZE)
    ) u_dyadic (
        .clk,
        .enable,
        .a(operand[l]),
        .m(m[l]),
        .c(c[l]),
        .coarse(step_4.coarse),
        .factor(step_4.factor),
        .beside(QUANTIZE ? mask : 48'($signed({residual[l], {(STEP - 1) {1'b0}}}))),
        .allow,
        .level(level[l]),
        .negative(negative[l]),
        .outside(outside[l])
    );
  end

  delay #(
      .WIDTH (LANES),
      .STAGES(STAGES - 2)
  ) u_lane_valid (
      .clk,
      .enable,
      .in (left_lane_valid),
      .out(lane_valid)
  );

  assign format_signed = job[stage_bank[STAGES-2]].is_signed;
  assign format_bits   = job[stage_bank[STAGES-2]].bits;
  assign valid         = stage_valid[STAGES-1];
  assign last          = stage_last[STAGES-1];
  assign bank          = stage_bank[STAGES-1];
endmodule
