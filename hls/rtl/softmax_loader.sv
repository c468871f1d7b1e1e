// SPDX-License-Identifier: Apache-2.0
// First pass: takes a row's scores into the free one of two score rows and keeps its running
// maximum. `loaded[b]`: row b is complete; `largest[b]` is right one clock later.
module softmax_loader
  import softmax_pkg::*;
#(
    parameter int unsigned LANES,
    parameter int unsigned MAX_KEYS,
    parameter int unsigned SCORE_BITS,
    parameter int unsigned INDEX_BITS
) (
    input  logic                                    clk,
    input  logic                                    rst_n,
    input  logic                                    halt,
    input  logic                                    config_valid,
    output logic                                    config_ready,  // the job's last beat passes
    input  config_t                                 job,
    input  logic                                    config_last,
    input  logic                                    beat_valid,
    output logic                                    beat_ready,
    input  logic            [LANES-1:0][31:0]       beat,
    input  logic                                    beat_last,
    input  logic                                    release_row,   // release_bank has been read
    input  logic                                    release_bank,
    output logic                                    write,
    output logic                                    write_bank,
    output logic            [INDEX_BITS-1:0]        write_index,
    output logic            [LANES-1:0][SCORE_BITS-1:0] scores,
    output logic            [1:0]                   loaded,
    output logic            [1:0][SCORE_BITS-1:0]   largest,
    output logic            [1:0][15:0]             keys,
    output exponent_t       [1:0]                   exponent,
    output level_t          [1:0]                   level,
    output logic            [1:0][RECIPROCAL_BITS-1:0] reciprocal,
    output error_t                                  error
);
  logic bad_config, bad_score, first, last, row_end;
  logic [LANES-1:0] keep;
  logic signed [SCORE_BITS-1:0] beat_largest, beat_largest_q;
  logic beat_q, first_q, bank_q;
  logic [15:0] row;

  assign bad_config = !config_last || job.spare != '0 || job.rows == '0
      || job.keys == '0 || 32'(job.keys) > MAX_KEYS
      || job.scale == '0 || job.scale[15] || job.scale_shift == '0 || job.scale_shift > 8'd40
      || job.reciprocal == '0 || job.reciprocal[39] || job.shift == '0 || job.shift > 8'd60
      || job.bits == '0 || job.bits > 4'd8;

  assign beat_ready   = !halt && config_valid && !bad_config && !loaded[write_bank];
  assign write        = beat_valid && beat_ready;
  assign row_end      = write && last;
  assign config_ready = row_end && row == job.rows - 16'd1;

  row_counter #(
      .LANES(LANES),
      .INDEX_BITS(INDEX_BITS)
  ) u_counter (
      .clk,
      .rst_n,
      .advance(write),
      .keys(job.keys),
      .index(write_index),
      .first,
      .last,
      .keep
  );

  always_comb begin
    bad_score = 1'b0;
    for (int unsigned l = 0; l < LANES; l++) begin
      scores[l] = beat[l][SCORE_BITS-1:0];
      // Bits from the sign up are all equal.
      if (keep[l] && 32'($signed(scores[l])) != beat[l]) bad_score = 1'b1;
    end
  end

  max_tree #(
      .COUNT(LANES),
      .WIDTH(SCORE_BITS)
  ) u_max (
      .values (scores),
      .keep,
      .largest(beat_largest)
  );

  always_comb begin
    error = ERROR_NONE;
    if (!halt && config_valid && bad_config) error = ERROR_CONFIG;
    else if (write && beat_last != last) error = ERROR_END;
    else if (write && bad_score) error = ERROR_SCORE;
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      loaded     <= '0;
      write_bank <= 1'b0;
      row        <= '0;
      beat_q     <= 1'b0;
    end else begin
      beat_q <= write;
      if (release_row) loaded[release_bank] <= 1'b0;
      if (row_end && error == ERROR_NONE) begin
        loaded[write_bank] <= 1'b1;
        write_bank         <= !write_bank;
        row                <= config_ready ? '0 : row + 16'd1;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (row_end) begin
      keys[write_bank]       <= job.keys;
      exponent[write_bank]   <= '{shift: job.scale_shift[5:0], scale: job.scale[14:0]};
      level[write_bank]      <= '{bits: job.bits, shift: job.shift[5:0]};
      reciprocal[write_bank] <= job.reciprocal[RECIPROCAL_BITS-1:0];
    end
    beat_largest_q <= beat_largest;
    first_q        <= first;
    bank_q         <= write_bank;
    if (beat_q && (first_q || beat_largest_q > $signed(largest[bank_q]))) largest[bank_q] <= beat_largest_q;
  end
endmodule
