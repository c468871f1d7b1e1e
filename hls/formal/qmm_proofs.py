# SPDX-License-Identifier: Apache-2.0
"""What is proved about the QMM engine's loader and result path (ours), and the defects to refute."""

from __future__ import annotations

from .runner import Mutation, Proof

_LOADER = ("qmm_pkg", "block_loader", "bank_ring")
_SUMS = ("qmm_pkg", "column_pkg", "popcount", "delay", "sdp_ram", "block_loader", "row_sums")
_PATH = ("qmm_pkg", "sdp_ram", "tile_store", "result_drain")

QMM = (
    Proof(
        "block_loader banks",
        "never written while held, order, no deadlock",
        "fv_block_loader",
        _LOADER,
        {"PLACES": 0},
        depth=12,
        induction=1,
        cover=16,
        mutations=(
            Mutation(
                "takes into a full bank",
                "block_loader.sv",
                "active && !halt && !loaded[bank];",
                "active && !halt;",
            ),
        ),
    ),
    Proof(
        "block_loader places",
        "every place of a job is written once, with its beat",
        "fv_block_loader",
        _LOADER,
        {"PLACES": 1},
        depth=13,
        cover=16,
        mutations=(
            Mutation(
                "upper half into the lower tile",
                "block_loader.sv",
                "upper ? address + plan.tile_words : address;",
                "address;",
            ),
        ),
    ),
    Proof(
        "row_sums beside block_loader",
        "a sum read four clocks after a step is that of the step's job",
        "fv_row_sums",
        _SUMS,
        {"AFTER": 4},
        depth=15,
        cover=20,
        mutations=(
            Mutation(
                "loaded a clock early",
                "block_loader.sv",
                "if (last_q) loaded[bank_q] <= 1'b1;",
                "if (take && job_end) loaded[bank] <= 1'b1;",
            ),
            Mutation("goes on from the rows before", "row_sums.sv", "summed.first ? '0 : base[m]", "base[m]"),
        ),
    ),
    *(
        Proof(
            f"result path of {tiles} tile{'s' * (tiles > 1)}",
            "results leave once, in order, unchanged; store within its bounds",
            "fv_result_path",
            _PATH,
            {"TILES": tiles},
            depth=12,
            induction=1,
            cover=22,
            mutations=(
                Mutation(
                    "head overwritten",
                    "tile_store.sv",
                    "count != '0 && (take || !head_valid);",
                    "count != '0;",
                ),
                Mutation("moves on unasked", "result_drain.sv", "beat_ready || !beat_valid;", "1'b1;"),
                Mutation(
                    "a tile one beat short", "result_drain.sv", "(SLICES - 1);", "(SLICES - 1) && !token_end;"
                ),
            )
            if tiles == 1
            else (),
        )
        for tiles in (1, 3)
    ),
)
