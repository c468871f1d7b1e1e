# SPDX-License-Identifier: Apache-2.0
"""Committed results of open synthesis for a small config of every unit, and what counts as a regression.

``python -m batflow.hls.synth_qor FOLDER`` compares with the baselines in ``FOLDER``, one JSON file a unit;
``--update`` writes them anew. A figure better than its baseline by more than the tolerance is reported
too, so that the baseline follows. Figures have source "estimate (open synthesis)".
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from batflow.errors import FormatError, UserError
from batflow.files import read_json, write_json

from .config import make_config
from .cosim_softmax import SoftmaxConfig
from .qmm_protocol import QmmConfig
from .synth import synthesize
from .synth_report import SOURCE, SynthReport
from .synth_units import UnitJob, array_job, engine_job, norm_job, scale_job, softmax_job, transpose_job
from .vector_protocol import NormConfig, VectorConfig

TOLERANCE = {"lut": 0.03, "lc": 0.03, "ff": 0.03, "carry": 0.05, "bram36": 0.0, "uram": 0.0, "dsp": 0.0}
"""Allowed relative change of each count."""

ENGINE = QmmConfig(
    tokens=2, outputs=8, simd=64, a_bits=4, w_bits=4, acc_bits=17, k_words=4, kv_k_words=1, a_words=16,
    w_words=16, kv_words=8, bus_bits=128, kv_bits=128, a_tokens=1, out_lanes=8, result_tiles=2, jobs=2,
    structural=1,
)  # fmt: skip
TRANSPOSE = make_config({"qmm_tokens": 8, "qmm_outputs": 16, "vu_lanes": 8, "max_bits": 4, "v_channels": 2})
_VECTOR = VectorConfig(lanes=2, parts=1, max_channels=64, acc_bits=24)


def qor_jobs() -> dict[str, UnitJob]:
    """The small config of every unit, by the unit's name."""
    jobs = [
        engine_job(ENGINE),
        engine_job(replace(ENGINE, w_bits=1, kv_words=0, kv_bits=64, result_tiles=1), "ffn_engine"),
        array_job(ENGINE),
        scale_job("qu", _VECTOR),
        scale_job("vu", _VECTOR),
        softmax_job(SoftmaxConfig(lanes=2, max_keys=32, score_bits=25)),
        norm_job(NormConfig(lanes=2, max_hidden=64)),
        transpose_job(TRANSPOSE),
    ]
    return {job.unit: job for job in jobs}


def run_job(job: UnitJob) -> SynthReport:
    """Synthesize one of `qor_jobs`, whole."""
    return synthesize(job.top, job.parameters, job.sources, keep=job.keep)


def baseline(report: SynthReport) -> dict[str, Any]:
    """What a baseline file holds."""
    return {
        "source": SOURCE,
        "top": report.top,
        "parameters": report.parameters,
        "family": report.family,
        "tool": report.tool,
        "tolerance": TOLERANCE,
        "total": report.total.as_json(),
    }


def regressions(report: SynthReport, expected: Mapping[str, Any]) -> list[str]:
    """How ``report`` departs from its baseline ``expected``, one line a figure; empty when it does not.

    Raises:
        FormatError: the baseline is of other parameters or lacks a name.
    """
    if (report.top, report.parameters) != (expected.get("top"), expected.get("parameters")):
        raise FormatError(f"the baseline of {report.top} is of other parameters; update the baselines")
    found = []
    for name, value in report.total.as_json().items():
        allowed = expected["tolerance"].get(name)
        before = expected["total"].get(name, 0)
        if allowed is not None and abs(value - before) > allowed * before:
            found.append(f"{report.top}: {name} {before} -> {value}, allowed +-{allowed:.0%}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Compare with or update the baselines; return how many figures departed."""
    parser = argparse.ArgumentParser(description="baselines of open synthesis")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--update", action="store_true", help="write the baselines anew")
    given = parser.parse_args(arguments)
    departed = 0
    for name, job in qor_jobs().items():
        report, file = run_job(job), given.folder / f"{name}.json"
        if given.update:
            write_json(file, baseline(report))
            sys.stdout.write(f"{name}: {report.total.as_json()}\n")
            continue
        faults = regressions(report, read_json(file))
        departed += len(faults)
        sys.stdout.write("".join(f"{fault}\n" for fault in faults) or f"{name}: as its baseline\n")
    return departed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as exc:
        sys.exit(f"error: {exc}")
