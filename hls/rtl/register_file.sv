// SPDX-License-Identifier: Apache-2.0
// The register map (hls/registers/table.py) behind AXI4-Lite, 32 bits, and the interrupt.
//
// One write and one read at a time, at any spacing of address and data; an offset without a register,
// or one that is not a multiple of 4, answers SLVERR and changes nothing. Writes to read-only registers
// are ignored. CTRL follows Vitis HLS ap_ctrl_hs: AP_START reads 1 during a run, reading clears AP_DONE.
// A start during a run sets ERROR to BUSY and does nothing else. Writing ISR toggles; the end of a run
// sets its bits that IER enables. `irq` = GIE and any bit of ISR. Latency: read data 2 clocks
// after the address, write response 1 clock after the later of address and data. Source: ours.
module register_file
  import control_pkg::*;
  import registers_pkg::*;
#(
    parameter logic [63:0] CONFIG_HASH
) (
    input  logic        clk,
    input  logic        rst_n,
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [15:0] s_axil_awaddr,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    input  logic [31:0] s_axil_wdata,
    input  logic [3:0]  s_axil_wstrb,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    output logic [1:0]  s_axil_bresp,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    input  logic [15:0] s_axil_araddr,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    output logic [31:0] s_axil_rdata,
    output logic [1:0]  s_axil_rresp,
    output logic        irq,
    // settings and commands
    output logic        start,        // one clock
    output logic        soft_reset,   // one clock
    output logic [63:0] program_address,
    output logic [63:0] program_hash,
    output logic [31:0] batch,
    // status
    input  logic        running,
    input  logic        resetting,
    input  logic        ended,
    input  logic [31:0] ended_error,
    input  counts_t     counts,
    input  logic [31:0] saturations
);
  localparam logic [1:0] OKAY = 2'b00, SLVERR = 2'b10;

  logic        address_held, data_held, write;
  logic [15:0] write_offset, read_offset;
  logic [31:0] write_data;
  logic [3:0]  write_strobe;
  logic        read_held;
  logic [31:0] write_at, read_at, read_value;
  logic        global_enable, done;
  logic [1:0]  enable, status;
  logic [31:0] error;

  // `old` with the bytes that the strobes select replaced.
  function automatic logic [31:0] merged(logic [31:0] old, logic [31:0] data, logic [3:0] strobe);
    for (int unsigned i = 0; i < 4; i++) merged[8*i+:8] = strobe[i] ? data[8*i+:8] : old[8*i+:8];
  endfunction
  // The half of a counter that the low or high register shows.
  function automatic logic [31:0] half(logic [COUNT_BITS-1:0] count, logic high);
    return high ? 32'(count[COUNT_BITS-1:32]) : count[31:0];
  endfunction

  // Write channel.
  assign s_axil_awready = !address_held;
  assign s_axil_wready  = !data_held;
  assign write          = address_held && data_held && !s_axil_bvalid;
  assign write_at       = 32'(write_offset);
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      address_held  <= 1'b0;
      data_held     <= 1'b0;
      s_axil_bvalid <= 1'b0;
    end else begin
      address_held <= !write && (address_held || s_axil_awvalid);
      data_held    <= !write && (data_held || s_axil_wvalid);
      if (write) s_axil_bvalid <= 1'b1;
      else if (s_axil_bready) s_axil_bvalid <= 1'b0;
    end
  end
  always_ff @(posedge clk) begin
    if (s_axil_awready) write_offset <= s_axil_awaddr;
    if (s_axil_wready) {write_strobe, write_data} <= {s_axil_wstrb, s_axil_wdata};
    if (write) s_axil_bresp <= is_register(write_at) ? OKAY : SLVERR;
  end

  // Registers.
  always_ff @(posedge clk) begin
    start      <= 1'b0;
    soft_reset <= 1'b0;
    if (!rst_n) begin
      {global_enable, enable, status, done} <= '0;
      {program_address, program_hash, batch, error} <= '0;
    end else begin
      if (read_held && read_at == REG_CTRL) done <= 1'b0;
      if (ended) begin
        done   <= 1'b1;
        status <= status | (enable & {ended_error != ERR_NONE, 1'b1});
        if (ended_error != ERR_NONE) error <= ended_error;
      end
      if (write) begin
        unique case (write_at)
          REG_CTRL:
          if (write_strobe[0] && write_data[0]) begin
            if (running || start) begin
              error <= ERR_BUSY;
            end else begin
              start <= 1'b1;
              done  <= 1'b0;
              error <= ERR_NONE;
            end
          end
          REG_GIE: if (write_strobe[0]) global_enable <= write_data[0];
          REG_IER: if (write_strobe[0]) enable <= write_data[1:0];
          REG_ISR:
          if (write_strobe[0]) begin
            status <= (status ^ write_data[1:0])
                      | (ended ? enable & {ended_error != ERR_NONE, 1'b1} : 2'b00);
          end
          REG_PROGRAM_ADDR_LO:
          program_address[31:0] <= merged(program_address[31:0], write_data, write_strobe);
          REG_PROGRAM_ADDR_HI:
          program_address[63:32] <= merged(program_address[63:32], write_data, write_strobe);
          REG_PROGRAM_HASH_LO:
          program_hash[31:0] <= merged(program_hash[31:0], write_data, write_strobe);
          REG_PROGRAM_HASH_HI:
          program_hash[63:32] <= merged(program_hash[63:32], write_data, write_strobe);
          REG_BATCH: batch <= merged(batch, write_data, write_strobe);
          REG_SOFT_RESET:
          if (write_strobe[0] && write_data[0]) begin
            soft_reset <= 1'b1;
            done       <= 1'b0;
            error      <= ERR_NONE;
          end
          default: ;
        endcase
      end
    end
  end
  always_ff @(posedge clk) irq <= rst_n && global_enable && status != '0;

  // Read channel.
  assign s_axil_arready = !read_held && !s_axil_rvalid;
  assign read_at        = 32'(read_offset);
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      read_held     <= 1'b0;
      s_axil_rvalid <= 1'b0;
    end else begin
      read_held <= s_axil_arvalid && s_axil_arready;
      if (read_held) s_axil_rvalid <= 1'b1;
      else if (s_axil_rready) s_axil_rvalid <= 1'b0;
    end
  end
  always_ff @(posedge clk) begin
    if (s_axil_arready) read_offset <= s_axil_araddr;
    if (read_held) begin
      s_axil_rdata <= read_value;
      s_axil_rresp <= is_register(read_at) ? OKAY : SLVERR;
    end
  end

  logic busy;
  assign busy = running || start;
  always_comb begin
    unique case (read_at)
      REG_CTRL: read_value = {28'd0, {2{!busy && !resetting && !soft_reset}}, done, busy};
      REG_GIE: read_value = 32'(global_enable);
      REG_IER: read_value = 32'(enable);
      REG_ISR: read_value = 32'(status);
      REG_PROGRAM_ADDR_LO: read_value = program_address[31:0];
      REG_PROGRAM_ADDR_HI: read_value = program_address[63:32];
      REG_PROGRAM_HASH_LO: read_value = program_hash[31:0];
      REG_PROGRAM_HASH_HI: read_value = program_hash[63:32];
      REG_BATCH: read_value = batch;
      REG_VERSION: read_value = REG_VERSION_VALUE;
      REG_CONFIG_HASH_LO: read_value = CONFIG_HASH[31:0];
      REG_CONFIG_HASH_HI: read_value = CONFIG_HASH[63:32];
      REG_ERROR: read_value = error;
      REG_CYCLES_TOTAL_LO, REG_CYCLES_TOTAL_HI: read_value = half(counts[COUNT_TOTAL], read_at[2]);
      REG_CYCLES_MHA_BUSY_LO, REG_CYCLES_MHA_BUSY_HI: read_value = half(counts[COUNT_MHA_BUSY], read_at[2]);
      REG_CYCLES_FFN_BUSY_LO, REG_CYCLES_FFN_BUSY_HI: read_value = half(counts[COUNT_FFN_BUSY], read_at[2]);
      REG_CYCLES_QMM_BUSY_LO, REG_CYCLES_QMM_BUSY_HI: read_value = half(counts[COUNT_QMM_BUSY], read_at[2]);
      REG_CYCLES_WEIGHT_WAIT_LO, REG_CYCLES_WEIGHT_WAIT_HI:
      read_value = half(counts[COUNT_WEIGHT_WAIT], read_at[2]);
      REG_CYCLES_INPUT_WAIT_LO, REG_CYCLES_INPUT_WAIT_HI:
      read_value = half(counts[COUNT_INPUT_WAIT], read_at[2]);
      REG_STALL_SOFTMAX_LO, REG_STALL_SOFTMAX_HI:
      read_value = half(counts[COUNT_STALL_SOFTMAX], read_at[2]);
      REG_STALL_LN_LO, REG_STALL_LN_HI: read_value = half(counts[COUNT_STALL_LN], read_at[2]);
      REG_SATURATIONS: read_value = saturations;
      REG_CYCLES_MHA_QMM_LO, REG_CYCLES_MHA_QMM_HI: read_value = half(counts[COUNT_MHA_QMM], read_at[2]);
      REG_CYCLES_FFN_QMM_LO, REG_CYCLES_FFN_QMM_HI: read_value = half(counts[COUNT_FFN_QMM], read_at[2]);
      default: read_value = '0;
    endcase
  end
endmodule
