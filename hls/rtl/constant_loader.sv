// SPDX-License-Identifier: Apache-2.0
// Takes the constants stream (vector_pkg): a config beat, then the channels' constants into the free
// bank of the tables. Two jobs are held. `open[b]`: config of bank b is valid and its data stream has
// not ended. `loaded[b]`: its constants are complete. A bank is released when the job has left the
// unit's pipeline, so every stage may still read the config and the constants of its job.
module constant_loader
  import vector_pkg::*;
#(
    parameter int unsigned LANES,
    parameter int unsigned WORDS,  // words of LANES channels in one bank, >= 2
    parameter int unsigned PARTS,
    localparam int unsigned ADDRESS_BITS = $clog2(WORDS)
) (
    input  logic                                      clk,
    input  logic                                      rst_n,
    input  logic                                      halt,
    input  logic                                      beat_valid,
    output logic                                      beat_ready,
    input  logic              [127:0]                 beat,
    input  logic                                      beat_last,
    input  logic                                      config_bad,     // of this beat, read as a config
    input  logic              [15:0]                  config_count,   // beats that follow it
    input  logic                                      config_common,  // its one constant is for all lanes
    input  logic                                      take_job,       // last data beat of take_bank taken
    input  logic                                      take_bank,
    input  logic                                      release_job,    // last result of release_bank left
    input  logic                                      release_bank,
    output logic              [1:0][95:0]             config_bits,
    output logic              [1:0]                   open,
    output logic              [1:0]                   loaded,
    output logic              [LANES-1:0]             write,
    output logic                                      write_bank,
    output logic              [ADDRESS_BITS-1:0]      write_address,
    output logic signed       [PARTS-1:0][M_BITS-1:0] write_m,
    output logic signed       [C_BITS-1:0]            write_c,
    output vector_error_t                             error
);
  constant_t constant;
  logic [1:0] known, taken;
  logic [LANES-1:0] lane;  // one hot
  logic [15:0] left;
  logic take, take_config, take_constant, last_constant, bad_constant, common;

  assign constant      = constant_t'(beat);
  assign beat_ready    = !halt && !loaded[write_bank];
  assign take          = beat_valid && beat_ready;
  assign take_config   = take && !known[write_bank];
  assign take_constant = take && known[write_bank];
  assign last_constant = left == 16'd1;
  assign open          = known & ~taken;
  assign write         = take_constant ? (common ? '1 : lane) : '0;
  assign write_c       = constant.c[C_BITS-1:0];
  assign write_m[0]    = constant.m1[M_BITS-1:0];
  if (PARTS > 1) begin : g_second
    assign write_m[1] = constant.m2[M_BITS-1:0];
  end

  // In range: all bits above the kept ones equal the sign; |C| < 2^45 leaves out -2^45 itself.
  assign bad_constant = constant.c[63:C_BITS-1] != {(65 - C_BITS) {constant.c[63]}}
                     || constant.c[C_BITS-1:0] == {1'b1, {(C_BITS - 1) {1'b0}}}
                     || constant.m1[31:M_BITS-1] != {(33 - M_BITS) {constant.m1[31]}}
                     || constant.m2[31:M_BITS-1] != {(33 - M_BITS) {constant.m2[31]}}
                     || (PARTS == 1 && constant.m2 != '0);

  always_comb begin
    error = ERROR_NONE;
    if (take_config) begin
      if (config_bad) error = ERROR_CONFIG;
      else if (beat_last) error = ERROR_CONSTANT_END;
    end else if (take_constant) begin
      if (bad_constant) error = ERROR_CONSTANT;
      else if (beat_last != last_constant) error = ERROR_CONSTANT_END;
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      known      <= '0;
      taken      <= '0;
      loaded     <= '0;
      write_bank <= 1'b0;
    end else begin
      if (take && error == ERROR_NONE) begin
        known[write_bank] <= 1'b1;
        if (take_constant && last_constant) begin
          loaded[write_bank] <= 1'b1;
          write_bank         <= !write_bank;
        end
      end
      if (take_job) taken[take_bank] <= 1'b1;
      if (release_job) begin
        known[release_bank]  <= 1'b0;
        taken[release_bank]  <= 1'b0;
        loaded[release_bank] <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (take_config) begin
      config_bits[write_bank] <= beat[95:0];
      common                  <= config_common;
      left                    <= config_count;
      lane                    <= LANES'(1);
      write_address           <= '0;
    end else if (take_constant) begin
      left <= left - 16'd1;
      lane <= LANES'({lane, lane[LANES-1]});
      if (lane[LANES-1]) write_address <= write_address + 1'b1;
    end
  end
endmodule
