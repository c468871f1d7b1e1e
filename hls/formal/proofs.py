# SPDX-License-Identifier: Apache-2.0
"""What is proved about the RTL (ours), and the defects that each proof must refute."""

from __future__ import annotations

from collections.abc import Mapping

from .qmm_proofs import QMM
from .runner import Mutation, Proof

_ORDER = "handshake stable, no loss, overflow, underflow or reordering, ready after reset"
_QU_MODULES = (
    *("vector_pkg", "axis_skid", "axis_register", "block_ram", "delay"),
    *("DSP48E2", "dsp_mac", "product_sum", "step_shift", "dyadic"),
    *("constant_loader", "constant_table", "tile_walk", "scale_unit", "qu"),
)
_WIDTHS: Mapping[str, int] = {"BIAS_BITS": 8, "SHIFTS": 4, "FORMAT_BITS": 4}

SKID = Proof(
    "axis_skid",
    _ORDER,
    "fv_axis_skid",
    ("axis_skid", "stream_order"),
    {},
    depth=12,
    induction=1,
    cover=10,
    mutations=(
        Mutation("ready although full", "axis_skid.sv", "live && !spare_valid;", "live;"),
        Mutation("beat not held", "axis_skid.sv", "if (advance) out_data", "if (in_valid) out_data"),
        Mutation("ready in reset", "axis_skid.sv", "live <= rst_n;", "live <= 1'b1;"),
    ),
)

REGISTER = Proof(
    "axis_register",
    _ORDER,
    "fv_axis_register",
    ("axis_register", "stream_order"),
    {},
    depth=12,
    induction=1,
    cover=10,
    mutations=(
        Mutation("ready although full", "axis_register.sv", "(!out_valid || out_ready);", "1'b1;"),
        Mutation("beat not held", "axis_register.sv", "if (in_ready) out_data", "if (in_valid) out_data"),
        Mutation("ready in reset", "axis_register.sv", "live <= rst_n;", "live <= 1'b1;"),
    ),
)

_FIFO_MUTATIONS = (
    Mutation(
        "full one late", "sync_fifo.sv", "next_count != COUNT_BITS'(DEPTH);", "count != COUNT_BITS'(DEPTH);"
    ),
    Mutation("wrap one late", "sync_fifo.sv", "== address_t'(DEPTH - 1))", "== address_t'(DEPTH))"),
    Mutation(
        "count ignores a pop",
        "sync_fifo.sv",
        "+ COUNT_BITS'(push) - COUNT_BITS'(pop);",
        "+ COUNT_BITS'(push) - COUNT_BITS'(pop && !push);",
    ),
)
FIFOS = tuple(
    Proof(
        f"sync_fifo depth {depth}{' registered' * registered}",
        _ORDER,
        "fv_sync_fifo",
        ("sync_fifo", "stream_order"),
        {"DEPTH": depth, "REGISTERED": registered},
        depth=12,
        induction=1,
        cover=12,
        mutations=_FIFO_MUTATIONS if depth == 3 else (),
    )
    for depth, registered in ((2, 0), (2, 1), (3, 0), (3, 1), (4, 0))
)

BANKS = (
    Proof(
        "constant_loader banks",
        "never written while held, configs stay, order, no deadlock",
        "fv_constant_loader",
        ("vector_pkg", "constant_loader", "bank_ring"),
        {},
        depth=12,
        induction=1,
        cover=14,
        mutations=(
            Mutation(
                "takes into a full bank", "constant_loader.sv", "!halt && !loaded[write_bank];", "!halt;"
            ),
            Mutation("one constant short", "constant_loader.sv", "left == 16'd1;", "left <= 16'd2;"),
        ),
    ),
    Proof(
        "softmax_loader rows",
        "never written while held, constants stay, maximum exact, no deadlock",
        "fv_softmax_loader",
        ("softmax_pkg", "row_counter", "max_tree", "softmax_loader", "bank_ring"),
        {},
        depth=10,
        induction=1,
        cover=14,
        mutations=(
            Mutation(
                "takes into a full row",
                "softmax_loader.sv",
                "&& !bad_config && !loaded[write_bank];",
                "&& !bad_config;",
            ),
            Mutation(
                "keeps the old maximum",
                "softmax_loader.sv",
                "(first_q || beat_largest_q >",
                "(beat_largest_q >",
            ),
        ),
    ),
    *(
        Proof(
            f"row_intake of {banks} buffers",
            "never written while held, order, job ends, no deadlock",
            "fv_row_intake",
            ("row_intake", "bank_ring"),
            {"BANKS": banks},
            depth=10,
            induction=1,
            cover=18,
            mutations=(
                Mutation(
                    "takes into a full buffer",
                    "row_intake.sv",
                    "&& open[take_bank] && !full[fill_bank];",
                    "&& open[take_bank];",
                ),
            ),
        )
        for banks in (2, 3)
    ),
    Proof(
        "counted_output",
        "results and exact counts, in order; " + _ORDER,
        "fv_counted_output",
        ("axis_skid", "counted_output", "stream_order"),
        {},
        depth=10,
        induction=1,
        cover=12,
        mutations=(
            Mutation("ignores the count stream", "counted_output.sv", "&& (!last || count_room);", ";"),
        ),
    ),
)

QU = (
    Proof(
        "thresholds",
        "q(a) of the formula is the count of thresholds met",
        "fv_thresholds",
        (),
        {"ACC_BITS": 7, "SCALE_BITS": 3, **_WIDTHS},
        depth=1,
        cover=1,
        mutations=(
            Mutation(
                "threshold one late",
                "fv_thresholds.sv",
                "== (wide_t'(a) >= wide_t'(t))",
                "== (wide_t'(a) > wide_t'(t))",
            ),
        ),
    ),
    Proof(
        "qu",
        "a value through the unit gives q(a) of the formula",
        "fv_qu",
        _QU_MODULES,
        {"ACC_BITS": 6, "SCALE_BITS": 2, **_WIDTHS},
        depth=15,
        cover=15,
        mutations=(
            Mutation(
                "clips one too low",
                "qu.sv",
                ": ~8'(9'h1FF << format_bits);",
                ": ~8'(9'h1FF << format_bits) - 8'd1;",
            ),
            Mutation("sign of zero", "qu.sv", "& {2{!(format_signed && format_bits == 4'd1)}};", ";"),
        ),
    ),
)

AXI = (
    Proof(
        "axi_reader",
        "AR stable, bursts legal and within 4 KB, bursts in flight bounded and counted",
        "fv_axi_reader",
        ("qmm_pkg", "bat_pkg", "axis_skid", "sync_fifo", "axi_reader", "axi_read_checker"),
        {"MAX_BURST": 16, "OUTSTANDING": 2},
        depth=9,
        induction=1,
        cover=10,
        mutations=(
            Mutation(
                "bursts not cut at 4 KB",
                "axi_reader.sv",
                "- (26'(block) & 26'(BURST_BYTES / 64 - 1));",
                ";",
            ),
            Mutation("address not held", "axi_reader.sv", "(!m_axi_arvalid || m_axi_arready) &&", ""),
            Mutation("in flight unbounded", "axi_reader.sv", "active && pending_ready &&", "active &&"),
        ),
    ),
)

# Wider than the tests take time for; `python -m batflow.hls.formal` runs them as well.
WIDER = (
    Proof(
        "thresholds, wider",
        QU[0].claim,
        "fv_thresholds",
        (),
        {"ACC_BITS": 7, "SCALE_BITS": 4, **_WIDTHS},
        depth=1,
        cover=1,
    ),
    Proof(
        "qu, wider",
        QU[1].claim,
        "fv_qu",
        _QU_MODULES,
        {"ACC_BITS": 6, "SCALE_BITS": 3, **_WIDTHS},
        depth=15,
        cover=15,
    ),
)

PROOFS = (SKID, REGISTER, *FIFOS, *BANKS, *QMM, *AXI, *QU)
