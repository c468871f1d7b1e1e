# SPDX-License-Identifier: Apache-2.0
"""Co-simulation of the softmax unit: k-bit probabilities out of the Verilated SystemVerilog.

The protocol and the cycle formula are written in ``rtl/softmax_pkg.sv`` and the header of
``rtl/softmax.sv``; this file holds the same in Python (ours). Figures have source cosim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, InputError

from .axis_sim import AxisSim, Beats
from .packing import Int64
from .program import SoftmaxConstants
from .verilator import RTL_FOLDER, AxisPort, Module

QUOTIENT_BITS = 24
_MAX_ROWS = 65535
# The package first; the order of the modules is free.
_SOURCES = (
    *("vector_pkg", "softmax_pkg", "axis_skid", "axis_register", "sdp_ram", "row_counter", "max_tree"),
    *("delay", "DSP48E2", "dsp_mac", "step_shift", "exp2_table", "divider"),
    *("exponent_lane", "softmax_loader", "softmax_exponents", "softmax_reciprocal", "softmax_levels"),
    "softmax",
)


@dataclass(frozen=True)
class SoftmaxConfig:
    """Parameters of the unit; the field names in capitals are those of ``softmax.sv``."""

    lanes: int = 8
    max_keys: int = 512
    score_bits: int = 32
    rows: int = 4
    divide_steps: int = 2
    dividers: int = 1

    def __post_init__(self) -> None:
        small = {name: value for name, value in asdict(self).items() if value < 1}
        if small:
            given = ", ".join(f"{name} {value}" for name, value in small.items())
            raise InputError(f"softmax parameters must be >= 1; given {given}")

    def parameters(self) -> dict[str, int]:
        """Parameters of the SystemVerilog module."""
        return {name.upper(): value for name, value in asdict(self).items()}

    def beats(self, keys: int) -> int:
        """Beats of a row of ``keys`` scores."""
        return -(-keys // self.lanes)


@dataclass(frozen=True)
class SoftmaxJob:
    """Scores int64 [rows, keys] with the constants and the bits of their probabilities."""

    scores: Int64
    constants: SoftmaxConstants
    bits: int


def softmax_module(config: SoftmaxConfig) -> Module:
    """Describe the unit of a configuration to `verilator.build`."""
    return Module(
        top="softmax",
        sources=tuple(RTL_FOLDER / f"{name}.sv" for name in _SOURCES),
        parameters=config.parameters(),
        inputs=(AxisPort("s_axis_c", 128), AxisPort("s_axis_s", 32 * config.lanes)),
        outputs=(AxisPort("m_axis", 8 * config.lanes),),
        status="error_code",
    )


def softmax_cycles(config: SoftmaxConfig, shapes: Sequence[tuple[int, int]]) -> int:
    """Clocks for jobs of (rows, keys) sent back to back without stalls; the formula of ``softmax.sv``."""
    division = QUOTIENT_BITS // config.divide_steps
    # Clock after the last beat of each pass, of the rows so far; start of the last divisions.
    loaded, exponents, levels = [2], [0, 0], [0] * config.rows
    divided = [-division - 1] * config.dividers
    for rows, keys in shapes:
        n = config.beats(keys)
        for _ in range(rows):
            loaded.append(max(loaded[-1], exponents[-2]) + n)
            exponents.append(max(loaded[-1], exponents[-1], levels[-config.rows]) + n)
            start = max(exponents[-1] + 7, divided[-1] + 1, divided[-config.dividers] + division + 1)
            divided.append(start)
            levels.append(max(start + division + 2, levels[-1]) + n)
    return levels[-1] + 5


def job_beats(config: SoftmaxConfig, job: SoftmaxJob, padding: int = 0) -> tuple[Beats, Beats]:
    """Beats of the config and score streams of one job; ``padding`` fills the lanes beyond a row.

    Raises:
        InputError: scores, constants or bits that the unit does not take.
    """
    scores = _checked(config, job)
    rows, keys = scores.shape
    n = config.beats(keys)
    padded = np.full((rows, n * config.lanes), padding, "<i4")
    padded[:, :keys] = scores
    last = np.zeros((rows, n), np.uint8)
    last[:, -1] = 1
    data = padded.reshape(rows * n, config.lanes).view(np.uint8)
    return Beats(config_beat(job, rows, keys), np.ones(1, np.uint8)), Beats(data, last.reshape(-1))


def config_beat(job: SoftmaxJob, rows: int, keys: int) -> npt.NDArray[np.uint8]:
    """The config beat ``softmax_pkg::config_t``, uint8 [1, 16]."""
    c = job.constants
    fields = ((keys, 16), (rows, 16), (c.scale, 16), (c.scale_shift, 8), (c.shift, 8), (c.reciprocal, 40))
    word, place = 0, 0
    for value, width in (*fields, (job.bits, 4)):
        word |= value << place
        place += width
    return np.frombuffer(word.to_bytes(16, "little"), np.uint8).reshape(1, 16)


def _checked(config: SoftmaxConfig, job: SoftmaxJob) -> Int64:
    """Scores of a job as int64 [rows, keys], after all checks."""
    scores, c = np.asarray(job.scores), job.constants
    if scores.ndim != 2 or 0 in scores.shape or not np.issubdtype(scores.dtype, np.integer):
        raise InputError(f"scores must be a non-empty integer matrix, not {scores.dtype} {scores.shape}")
    rows, keys = scores.shape
    if rows > _MAX_ROWS or keys > config.max_keys:
        raise InputError(
            f"a job of {rows} rows of {keys} keys does not fit; {_MAX_ROWS} rows of {config.max_keys} keys do"
        )
    limit = 1 << (config.score_bits - 1)
    if scores.min() < -limit or scores.max() >= limit:
        raise InputError(
            f"scores reach {scores.min()}..{scores.max()}, outside the {config.score_bits} bits of the unit"
        )
    allowed = (
        ("bits", job.bits, 8),
        ("scale", c.scale, (1 << 15) - 1),
        ("scale_shift", c.scale_shift, 40),
        ("reciprocal", c.reciprocal, (1 << 39) - 1),
        ("shift", c.shift, 60),
    )
    for name, value, top in allowed:
        if not 1 <= value <= top:
            raise InputError(f"softmax {name} is {value}; 1 to {top} are possible")
    return scores


class SoftmaxUnit:
    """One simulated unit. After an EngineError it has been reset and can be used again.

    Raises:
        MissingToolError: no Verilator or compiler.
        InputError: parameters that the unit refuses.
    """

    def __init__(self, config: SoftmaxConfig | None = None) -> None:
        self.config = config or SoftmaxConfig()
        self.sim = AxisSim(softmax_module(self.config))

    def run(
        self,
        scores: Int64,
        constants: SoftmaxConstants,
        bits: int,
        *,
        stall_in: int = 0,
        stall_out: int = 0,
        seed: int = 1,
    ) -> tuple[Int64, int]:
        """Return probabilities int64 [rows, keys] of scores [rows, keys], and the clocks.

        Stalls as in `AxisSim.run`.

        Raises:
            InputError: scores, constants or bits that the unit does not take.
            EngineError: the unit stopped.
        """
        job = SoftmaxJob(scores, constants, bits)
        found, cycles = self.run_jobs([job], stall_in=stall_in, stall_out=stall_out, seed=seed)
        return found[0], cycles

    def run_jobs(
        self,
        jobs: Sequence[SoftmaxJob],
        *,
        stall_in: int = 0,
        stall_out: int = 0,
        seed: int = 1,
        padding: int = 0,
        max_cycles: int | None = None,
    ) -> tuple[list[Int64], int]:
        """Run jobs back to back; return the probabilities of each and the clocks of all.

        ``max_cycles`` bounds the run; by default it is 100 times what the formula gives.

        Raises:
            InputError, EngineError: as `run`.
        """
        if not jobs:
            raise InputError("no softmax job was given; give at least one")
        pairs = [job_beats(self.config, job, padding) for job in jobs]
        constants, scores = (_join([pair[side] for pair in pairs]) for side in (0, 1))
        bound = 100 * self.cycles(jobs) + 1000 if max_cycles is None else max_cycles
        stalls = {"stall_in": stall_in, "stall_out": stall_out, "seed": seed}
        try:
            run = self.sim.run([constants, scores], [len(scores.last)], max_cycles=bound, **stalls)
        except EngineError:
            self.sim.reset()
            raise
        return self._collect(jobs, run.outputs[0], scores.last), run.cycles

    def cycles(self, jobs: Sequence[SoftmaxJob]) -> int:
        """Clocks that the formula gives for jobs sent back to back without stalls."""
        return softmax_cycles(self.config, [(len(job.scores), job.scores.shape[1]) for job in jobs])

    def _collect(self, jobs: Sequence[SoftmaxJob], beats: Beats, ends: npt.NDArray[np.uint8]) -> list[Int64]:
        """Cut the result stream into jobs; check TLAST and that lanes beyond a row are 0."""
        if not np.array_equal(beats.last, ends):
            raise EngineError("TLAST of the probabilities is not at the ends of the rows; check the RTL")
        found: list[Int64] = []
        start = 0
        for job in jobs:
            rows, keys = job.scores.shape
            stop = start + rows * self.config.beats(keys)
            lanes = beats.data[start:stop].reshape(rows, -1)
            if lanes[:, keys:].any():
                raise EngineError("lanes beyond a row are not 0; check the RTL")
            found.append(lanes[:, :keys].astype(np.int64))
            start = stop
        return found


def _join(parts: Sequence[Beats]) -> Beats:
    return Beats(np.concatenate([p.data for p in parts]), np.concatenate([p.last for p in parts]))
