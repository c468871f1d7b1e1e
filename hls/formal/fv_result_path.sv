// SPDX-License-Identifier: Apache-2.0
// tile_store.sv and result_drain.sv behind a writer that keeps account of the room, as qmm_control.sv does.
//   bounds     the store never holds more than TILES tiles, and gives none that it has not
//   order      one result of one tile, chosen freely (`mark`, `chosen`), leaves as that beat, unchanged, after
//              all results written before it; TLAST with the job's last beat
//   stability  an offered beat stays until it is taken; the drain takes a tile in TOKENS*SLICES moves
// `owed`, `tracked`, `to_go` and `payload` are ghosts: beats not yet out, the chosen beat, beats before it.
// The operands are {0,1}: a total is its result. The corrections of bipolar ones are simulated, not proved.
module fv_result_path
  import qmm_pkg::*;
#(
    parameter int unsigned TILES
) (
    input logic                  clk,
    input logic                  rst_n,
    input logic                  write_wish,
    input logic                  mark,
    input logic [1:0]            chosen,
    input logic                  job_last,
    input logic [1:0][1:0][16:0] total,
    input logic                  beat_ready
);
  localparam int unsigned BEATS = 4;  // two tokens of two outputs, a lane
  localparam int unsigned BITS = $clog2(BEATS * (TILES + 2) + 4);
  typedef struct packed {
    logic                  job_last;
    logic [1:0][1:0][16:0] total;
  } result_t;

  logic past = 1'b0;
  logic write, freed, head_valid, head_done, beat_valid, beat_last, was_offered;
  logic [0:0][16:0] beat_data, was_data;
  result_t head;
  tile_t tile;
  assign tile = '{job_last: head.job_last, default: '0};

  tile_store #(.WIDTH($bits(result_t)), .TILES(TILES)) store (
      .clk, .rst_n, .write, .write_data({job_last, total}), .freed, .head_valid, .take(head_done), .head
  );
  result_drain #(.TOKENS(2), .OUTPUTS(2), .ACC_BITS(17), .ACT_SUM_BITS(17), .WEIGHT_SUM_BITS(17), .LANES(1)) drain (
      .clk, .rst_n, .tile_valid(head_valid), .tile_done(head_done), .tile, .total(head.total), .act_total('0),
      .weight_total('0), .beat_valid, .beat_ready, .beat_data, .beat_last
  );

  logic [$clog2(TILES + 1)-1:0] room;
  logic [BITS-1:0] owed, to_go;
  logic tracked, pop;
  logic [17:0] payload;  // TLAST, value
  assign write = write_wish && room != '0;
  assign pop   = beat_valid && beat_ready;

  always_ff @(posedge clk) begin
    past        <= 1'b1;
    was_offered <= rst_n && beat_valid && !beat_ready;
    was_data    <= beat_data;
    if (!rst_n) begin
      room    <= $bits(room)'(TILES);
      owed    <= '0;
      tracked <= 1'b0;
    end else begin
      room <= room - $bits(room)'(write) + $bits(room)'(freed);
      owed <= owed + (write ? BITS'(BEATS) : '0) - BITS'(pop);
      if (!tracked && write && mark) begin
        tracked <= 1'b1;
        to_go   <= owed - BITS'(pop) + BITS'(chosen);
        payload <= {job_last && chosen == 2'd3, total[chosen[1]][chosen[0]]};
      end else if (tracked && pop) begin
        if (to_go == '0) tracked <= 1'b0;
        to_go <= to_go - 1'b1;
      end
    end
  end

  // Where the chosen beat is: in the drain's three registers, in the head, or in the store's memory.
  logic [BITS-1:0] piped, first, place, depth;
  logic [1:0] number;
  result_t stored;
  assign piped  = BITS'(drain.picked_valid) + BITS'(drain.half_valid) + BITS'(drain.beat_valid);
  assign first  = BITS'({drain.token, drain.slice});
  assign place  = to_go - piped + first;  // beats from the head's first one on
  assign number = place[1:0];
  assign depth  = place >> 2;  // tiles before it, the head's among them
  if (TILES == 1) begin : g_one
    assign stored = store.g_register.held;
  end else begin : g_more
    localparam int unsigned ADDRESS_BITS = $clog2(TILES);
    logic [ADDRESS_BITS-1:0] address;
    assign address = ADDRESS_BITS'((32'(store.read_address) + 32'(depth) - 32'(head_valid)) % TILES);
    assign stored  = store.g_memory.u_ram.memory[address];
    always_comb begin
      if (past) begin
        assert (32'(store.read_address) < TILES && 32'(store.write_address) < TILES);
        assert ((32'(store.read_address) + 32'(store.count)) % TILES == 32'(store.write_address));
      end
    end
  end

  function automatic logic [17:0] beat(result_t of, logic [1:0] index);
    return {of.job_last && index == 2'd3, of.total[index[1]][index[0]]};
  endfunction

  always_comb begin
    if (!past) assume (!rst_n);
    if (past) begin
      if (was_offered) assert (beat_valid && beat_data == was_data);
      assert (32'(store.count) + 32'(room) == TILES);
      if (pop) assert (owed != '0);
      if (tracked && pop && to_go == '0) begin
        assert (beat_last == payload[17] && beat_data == payload[16:0]);
      end
      if (head_done) assert (head_valid && first == BITS'(BEATS - 1));
      // Invariants.
      assert (32'(owed) == BEATS * (32'(store.count) + 32'(head_valid)) - 32'(first) + 32'(piped));
      if (!head_valid) assert (first == '0);
      if (drain.picked_valid) assert ({drain.picked_tile.inverted, drain.picked_tile.act_bipolar} == '0);
      if (drain.picked_valid) assert (!drain.picked_tile.weight_bipolar);
      if (drain.half_valid) assert (drain.common == '0 && !drain.double_sum);
      if (drain.picked_valid) assert (drain.weight_sum == '0);
      if (tracked) begin
        assert (to_go < owed);
        if (to_go == '0 && drain.beat_valid) begin
          assert ({drain.beat_last, drain.sum[0]} == payload);
        end else if (to_go == BITS'(drain.beat_valid) && drain.half_valid) begin
          assert ({drain.half_last, 17'(-drain.minus_half[0])} == payload);
        end else if (to_go == BITS'(drain.beat_valid) + BITS'(drain.half_valid) && drain.picked_valid) begin
          assert ({drain.picked_last, drain.dot[0]} == payload);
        end else if (head_valid && depth == '0) begin
          assert (beat(head, number) == payload);
        end else begin
          assert (beat(stored, number) == payload);
        end
      end
    end
    cover (past && room == '0 && head_valid && tracked && 32'(to_go) >= BEATS * TILES);
    cover (past && tracked && to_go == '0 && pop && beat_last);
  end
endmodule
