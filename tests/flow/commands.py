# SPDX-License-Identifier: Apache-2.0
"""The command line as a user calls it, a config for it, and a training that Ctrl-C interrupts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from batflow.flow import cli
from batflow.quant.training import Trainer


def batflow(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run ``batflow`` with ``arguments``; its exit code."""
    monkeypatch.setattr(sys, "argv", ["batflow", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def write_config(folder: Path) -> Path:
    """A file with a small accelerator config."""
    file = folder / "config.yaml"
    lanes = "vu_lanes: 4\nln_lanes: 4\nsoftmax_lanes: 4\n"
    file.write_text("qmm_tokens: 4\nqmm_outputs: 8\nqmm_simd_bits: 64\n" + lanes)
    return file


def interrupt_epoch(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Let the epoch ``number`` from now, of all trainings, end in Ctrl-C; the list counts epochs."""
    epoch, seen = Trainer._epoch, [0]

    def stop(self: Trainer, *arguments: Any) -> float:
        seen[0] += 1
        if seen[0] == number:
            raise KeyboardInterrupt
        return epoch(self, *arguments)

    monkeypatch.setattr(Trainer, "_epoch", stop)
    return seen
