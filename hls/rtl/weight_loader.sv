// SPDX-License-Identifier: Apache-2.0
// Takes the weight stream: a config beat, then the job's weights into the free bank. Two jobs can
// be held, one computing and one loading, so the weights of the next job come in meanwhile.
// `known[b]`: config of bank b is valid. `loaded[b]`: its weights are complete as well.
module weight_loader
  import qmm_pkg::*;
#(
    parameter int unsigned SIMD,          // bits of a word of one plane
    parameter int unsigned SLICES,        // beats per buffer word
    parameter int unsigned WORDS,         // words per bank
    parameter int unsigned W_PLANES,      // weight planes in parallel
    parameter int unsigned A_BITS,        // most activation planes
    parameter int unsigned W_BITS,        // most weight planes
    parameter int unsigned K_WORDS,       // most words in a row
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS),
    localparam int unsigned SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1
) (
    input  logic                           clk,
    input  logic                           rst_n,
    input  logic                           halt,
    input  logic                           beat_valid,
    output logic                           beat_ready,
    input  logic                   [127:0] config_beat,  // low bits of the beat
    input  logic                           beat_last,
    input  logic                           release_job,  // the job of release_bank is done
    input  logic                           release_bank,
    output config_t        [1:0]           job,
    output logic           [1:0]           known,
    output logic           [1:0]           loaded,
    output logic                           write,
    output logic                           write_bank,
    output logic        [ADDRESS_BITS-1:0] write_address,
    output logic          [SLICE_BITS-1:0] write_slice,
    output error_t                         error
);
  config_t incoming;
  logic bad_config, take, last_word, overflow;
  logic [3:0] groups;

  function automatic logic out_of_range(config_t c);
    return c.k_words == '0 || c.k_words > 16'(K_WORDS)
        || c.k_bits == '0 || c.k_bits > 32'(c.k_words) * SIMD
        || c.token_tiles == '0 || c.output_tiles == '0
        || c.act_planes == '0 || c.act_planes > 4'(A_BITS) || c.act_kind > KIND_BIPOLAR
        || c.weight_planes == '0 || c.weight_planes > 4'(W_BITS) || c.weight_kind > KIND_TERNARY
        || (c.act_kind == KIND_BIPOLAR && c.act_planes != 4'd1)
        || (c.weight_kind == KIND_BIPOLAR && c.weight_planes != 4'd1)
        || (c.weight_kind == KIND_TERNARY && c.weight_planes != 4'd2);
  endfunction

  assign incoming   = config_t'(config_beat[95:0]);
  assign bad_config = out_of_range(incoming) || config_beat[127:96] != '0;
  assign beat_ready = !halt && !loaded[write_bank];
  assign take       = beat_valid && beat_ready;
  assign write      = take && known[write_bank];
  assign groups     = 4'((32'(job[write_bank].weight_planes) + W_PLANES - 1) / W_PLANES);

  word_counter #(
      .SLICES(SLICES),
      .WORDS (WORDS)
  ) u_counter (
      .clk,
      .rst_n,
      .advance (write),
      .outer   (job[write_bank].output_tiles),
      .middle  (groups),
      .inner   (job[write_bank].k_words),
      .address (write_address),
      .slice   (write_slice),
      .last    (last_word),
      .overflow(overflow)
  );

  always_comb begin
    error = ERROR_NONE;
    if (take && !known[write_bank]) begin
      if (bad_config) error = ERROR_CONFIG;
      else if (beat_last) error = ERROR_WEIGHT_END;
    end else if (take) begin
      if (overflow) error = ERROR_CAPACITY;
      else if (beat_last != last_word) error = ERROR_WEIGHT_END;
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      known      <= '0;
      loaded     <= '0;
      write_bank <= 1'b0;
    end else begin
      if (take && error == ERROR_NONE) begin
        if (!known[write_bank]) known[write_bank] <= 1'b1;
        else if (last_word) begin
          loaded[write_bank] <= 1'b1;
          write_bank         <= !write_bank;
        end
      end
      if (release_job) begin
        known[release_bank]  <= 1'b0;
        loaded[release_bank] <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (take && !known[write_bank]) job[write_bank] <= incoming;
  end
endmodule
