# SPDX-License-Identifier: Apache-2.0
"""The steps of a Vitis HLS project as commands: the one source of its Makefile and of the runner."""

from __future__ import annotations

from typing import Literal

STEPS = ("csim", "csynth", "cosim", "export")
"""In order; each needs those before it, except that csynth needs no csim."""
Flow = Literal["unified", "tcl"]
WORK: dict[Flow, str] = {"unified": "work", "tcl": "work_tcl"}
"""Folder of a flow's results inside the project; both leave their reports under ``hls/`` in it."""
OLDEST, NEWEST_YEAR = (2024, 1), 2025
"""Versions that the scripts are written for: older tools lack commands, newer ones were not read about."""
REMEDY = "source settings64.sh of Vitis 2024.1 to 2025.x"
CONFIG_FILE = "hls_config.cfg"
TOOLS: dict[Flow, dict[str, str]] = {
    "unified": {"vitis-run": "--version", "v++": "--version"},
    "tcl": {"vitis_hls": "-version"},
}
"""Programs of a flow, each with the option that prints its version."""


def _unified(*words: str) -> list[str]:
    return [*words, "--config", CONFIG_FILE, "--work_dir", WORK["unified"]]


_RUN = ("vitis-run", "--mode", "hls")
COMMANDS: dict[Flow, dict[str, list[list[str]]]] = {
    "unified": {
        "csim": [_unified(*_RUN, "--csim")],
        "csynth": [_unified("v++", "-c", "--mode", "hls")],
        "cosim": [_unified(*_RUN, "--cosim")],
        # The IP, then Vivado's synthesis of it, whose report says what the IP takes.
        "export": [_unified(*_RUN, "--package"), _unified(*_RUN, "--impl")],
    },
    "tcl": {step: [["vitis_hls", "-f", f"tcl/{step}.tcl"]] for step in STEPS},
}
"""Commands of every step, run in the project's folder."""
