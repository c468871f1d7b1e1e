// SPDX-License-Identifier: Apache-2.0
// Makes the constants stream of QU, VU or LN (vector_pkg.sv): for each job its config beat, then one
// beat a channel, channels ascending, from memory words; or, where `common`, one beat from the job.
//
// MEMORY. Section of a job, 64-bit words: (C mod 2^46) << 16 | (M mod 2^16) for each channel; with
//   `two_part` a second one that holds M2 alone. Words up to the section's end are skipped. The
//   beats of a job are one memory command, whose last beat has `in_last`.
// II = 1: a beat a clock, with two parts one in two clocks. Latency: config 1 clock after the job; a
// channel 2 clocks after its memory beat. HOLD beats wait here, so that the memory goes on meanwhile.
// Source: ours.
module constant_feed
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS,  // width of a memory beat, a power of two, 64..512
    parameter int unsigned HOLD       // memory beats held, >= 2
) (
    input  logic                clk,
    input  logic                rst_n,           // synchronous, active low
    input  logic                job_valid,
    output logic                job_ready,
    input  constant_job_t       job,
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [BUS_BITS-1:0] in_data,
    input  logic                in_last,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic [127:0]        m_axis_tdata,
    output logic                m_axis_tlast
);
  logic word_valid, word_ready, last_word;
  /* verilator lint_off UNUSEDSIGNAL */  // some fields are for other modules
  logic [63:0] word;
  /* verilator lint_on UNUSEDSIGNAL */
  beat_words #(
      .BUS_BITS(BUS_BITS),
      .DEPTH(HOLD)
  ) u_words (
      .clk,
      .rst_n,
      .in_valid,
      .in_ready,
      .in_data,
      .in_last,
      .word_valid,
      .word_ready,
      .drop(last_word),
      .word
  );

  logic configured;  // the config beat has left
  logic second;      // `first` waits for M2
  logic advance, push, last;
  logic [61:0] first;
  logic [15:0] left;
  vector_pkg::constant_t common, channel;

  function automatic vector_pkg::constant_t constant(logic [45:0] c, logic [15:0] m1, logic [15:0] m2);
    return {32'($signed(m2)), 32'($signed(m1)), 64'($signed(c))};
  endfunction

  assign common     = constant(job.c, job.m, 16'd0);
  assign channel    = job.two_part ? constant(first[61:16], first[15:0], word[15:0])
                                   : constant(word[61:16], word[15:0], 16'd0);
  assign advance    = !m_axis_tvalid || m_axis_tready;
  assign last       = job.common || left == 16'd1;
  assign word_ready = job_valid && configured && !job.common && advance;
  assign last_word  = last && (second || !job.two_part);
  always_comb begin
    if (!configured || job.common) push = job_valid && advance;
    else push = word_valid && word_ready && (second || !job.two_part);
  end
  assign job_ready = configured && push && last;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      configured    <= 1'b0;
      second        <= 1'b0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (push) configured <= !(configured && last);
      if (word_valid && word_ready) second <= job.two_part && !second;
      if (advance) m_axis_tvalid <= push;
    end
  end
  always_ff @(posedge clk) begin
    if (word_valid && word_ready) first <= word[61:0];
    if (push) begin
      left         <= configured ? left - 16'd1 : job.channels;
      m_axis_tdata <= !configured ? 128'(job.unit_config) : job.common ? common : channel;
      m_axis_tlast <= configured && last;
    end
  end
endmodule
