# SPDX-License-Identifier: Apache-2.0
"""QU and VU configurations that the RTL tests share, and random jobs for them."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from batflow.hls.cosim_vector import QuUnit, VuUnit
from batflow.hls.packing import Int64
from batflow.hls.program import Format
from batflow.hls.reference.qu import dyadic_sum, to_format
from batflow.hls.reference.vu import residual
from batflow.hls.vector_protocol import ScaleJob, VectorConfig

from .rtl_engines import require_verilator

# Wide accumulators, whose products take pieces, and those of one DSP a product; odd sizes; one and two parts.
CONFIGS = {
    "qu": VectorConfig(lanes=8, parts=1, max_channels=96),
    "qu_pair": VectorConfig(lanes=3, parts=2, max_channels=40, acc_bits=27),
    "qu_narrow": VectorConfig(lanes=4, parts=1, max_channels=72, acc_bits=20),
    "vu": VectorConfig(lanes=4, parts=1, max_channels=64, acc_bits=27),
    "vu_pair": VectorConfig(lanes=5, parts=2, max_channels=64),
}
NAMES = pytest.mark.parametrize("name", list(CONFIGS))
FORMATS = [Format(bits, signed) for bits in range(1, 9) for signed in (False, True)]
MOST_C = (1 << 45) - 1


@functools.cache
def unit(name: str) -> QuUnit | VuUnit:
    """One unit per configuration for the whole test session."""
    require_verilator()
    return QuUnit(CONFIGS[name]) if name.startswith("qu") else VuUnit(CONFIGS[name])


def random_job(
    rng: np.random.Generator, name: str, rows: int = 0, channels: int = 0, plain: bool = False
) -> ScaleJob:
    """A job of random shape, order and constants whose results spread over the whole range."""
    config = CONFIGS[name]
    rows = rows or int(rng.integers(1, 12))
    channels = channels or int(rng.integers(1, config.max_channels // 2))
    columns = 1 if rng.random() < 0.3 else channels
    target = None if name.startswith("vu") else FORMATS[int(rng.integers(len(FORMATS)))]
    scale = 16 if target is None else target.bits + 1
    size, shift = int(rng.integers(3, config.acc_bits + 1)), int(rng.integers(0, 41))
    weight = int(np.clip(shift + scale - size, 1, 15))
    accs = rng.integers(-(1 << size - 1), 1 << size - 1, (config.parts, rows, channels))
    M = rng.integers(-(1 << weight) + 1, 1 << weight, (config.parts, columns))
    C = rng.integers(-(1 << min(45, shift + scale)) + 1, 1 << min(45, shift + scale), columns)
    h = rng.integers(-(1 << 15), 1 << 15, (rows, channels)) if target is None else None
    tile_rows, words = (1, 0) if plain else (int(rng.integers(1, 5)), int(rng.integers(0, 4)))
    return ScaleJob(accs, M, C, shift, target, h, tile_rows, words)


def expected(job: ScaleJob) -> tuple[Int64, int]:
    accs = list(job.accs)
    if job.h is not None:
        return residual(job.h, accs, job.M, job.C, job.shift)
    assert job.target is not None
    return to_format(dyadic_sum(accs, job.M, job.C, job.shift), job.target), 0


def run_jobs(name: str, jobs: list[ScaleJob], **options: int) -> int:
    """Run jobs, hold values and saturations to the reference, return the clocks."""
    engine = unit(name)
    found, cycles, *counts = engine.run_jobs(jobs, **options)
    wanted = [expected(job) for job in jobs]
    assert all(np.array_equal(a, b) for a, (b, _) in zip(found, wanted, strict=True))
    if counts:
        assert counts[0] == [count for _, count in wanted]
    return cycles
