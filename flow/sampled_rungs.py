# SPDX-License-Identifier: Apache-2.0
"""The slow rungs of the ladder: each answers the first few sentences; without its tool it is left out."""

from __future__ import annotations

from collections.abc import Callable

from batflow.errors import MissingToolError
from batflow.hls.program import EncoderProgram

from .engines import CosimRung, FinnRtlRung, FinnRung, Hls4mlRung
from .hardware_steps import accelerator_config
from .settings import RunConfig
from .verify import Engine

Rung = tuple[list[Engine], dict[str, str]]
"""The rung, or by name why it is left out: no tool for it, or no sentences asked for."""


def _rung(name: str, setting: str, count: int, make: Callable[[], Engine]) -> Rung:
    if count == 0:
        return [], {name: f"{setting} is 0"}
    try:
        return [make()], {}
    except MissingToolError as exc:
        return [], {name: str(exc)}


def hls4ml_rung(program: EncoderProgram, count: int) -> Rung:
    """The hls4ml project of the encoder."""

    def make() -> Engine:
        from batflow.hls.hls4ml.engine import build_hls4ml

        return Hls4mlRung(program, build_hls4ml(program))

    return _rung("hls4ml", "verify_hls4ml_sentences", count, make)


def finn_rung(program: EncoderProgram, count: int) -> Rung:
    """The FINN graph in Python."""
    return _rung("finn", "verify_finn_sentences", count, lambda: FinnRung(program))


def finn_rtl_rung(program: EncoderProgram, count: int) -> Rung:
    """One layer of the FINN graph as RTL."""
    return _rung("finn-rtl", "verify_finn_rtl_sentences", count, lambda: FinnRtlRung(program))


def rtl_rung(program: EncoderProgram, count: int) -> Rung:
    """The accelerator's RTL."""

    def make() -> Engine:
        from batflow.hls.cosim_build import build_cosim

        return CosimRung(program, build_cosim(accelerator_config(program)))

    return _rung("cosim", "verify_cosim_sentences", count, make)


def sampled_rungs(
    program: EncoderProgram, config: RunConfig
) -> tuple[list[Engine], dict[str, int], dict[str, str]]:
    """The rungs that are here, how many sentences each answers, and why others are left out."""
    asked = {
        "hls4ml": (hls4ml_rung, config.verify_hls4ml_sentences),
        "finn": (finn_rung, config.verify_finn_sentences),
        "finn-rtl": (finn_rtl_rung, config.verify_finn_rtl_sentences),
        "cosim": (rtl_rung, config.verify_cosim_sentences),
    }
    engines: list[Engine] = []
    skipped: dict[str, str] = {}
    for make, count in asked.values():
        found, reason = make(program, count)
        engines += found
        skipped |= reason
    return engines, {name: count for name, (_, count) in asked.items()}, skipped
