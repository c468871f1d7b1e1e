# SPDX-License-Identifier: Apache-2.0
"""The repository's open synthesis (docs/synthesis.md) on any RTL: ours whole, FINN's, da4ml's.

Source: estimate (open synthesis).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from batflow.hls import synth
from batflow.hls.synth_report import SynthReport

COUNTS = ("lut", "ff", "bram36", "uram", "dsp")


def synthesize(
    top: str,
    sources: Sequence[Path],
    parameters: Mapping[str, int] | None = None,
    keep: Sequence[str] = (),
) -> dict[str, float]:
    """Counts of module ``top`` of ``sources`` for UltraScale+; ``keep``: modules that are not flattened.

    Raises:
        MissingToolError, InputError, EngineError: see :func:`batflow.hls.synth.synthesize`.
    """
    return counts(synth.synthesize(top, parameters or {}, sources, keep=keep))


def counts(report: SynthReport) -> dict[str, float]:
    """The counts of the whole design of ``report`` that the table has."""
    return {name: getattr(report.total, name) for name in COUNTS}


def yosys_share() -> Path:
    """Folder of yosys's own libraries of cells."""
    import pyosys

    return Path(pyosys.__path__[0]) / "share"
