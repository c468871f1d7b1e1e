// SPDX-License-Identifier: Apache-2.0
// Sends each beat of the memory to the consumer that its command names (bat_pkg::data_t). One beat a
// clock, in order; the outputs are registers and share their data, `in_ready` looks through to the
// consumer. One that is not ready holds the beats behind its own: it buffers what others should not wait
// for. Latency 1.
module read_splitter
  import bat_pkg::*;
#(
    parameter int unsigned BUS_BITS  // width of a beat
) (
    input  logic                clk,
    input  logic                rst_n,       // synchronous, active low
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [BUS_BITS-1:0] in_data,
    input  data_t               in_target,
    input  logic                in_last,     // of the command
    output logic [4:0]          out_valid,   // index: data_t
    input  logic [4:0]          out_ready,
    output logic [BUS_BITS-1:0] out_data,
    output logic                out_last
);
  logic [4:0] target;
  logic valid;
  assign out_valid = target & {5{valid}};

  axis_register #(
      .WIDTH(BUS_BITS + 6)
  ) u_slice (
      .clk,
      .rst_n,
      .in_valid,
      .in_ready,
      .in_data  ({5'd1 << in_target, in_last, in_data}),
      .out_valid(valid),
      .out_ready(|(target & out_ready)),
      .out_data ({target, out_last, out_data})
  );
endmodule
