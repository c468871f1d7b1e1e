# SPDX-License-Identifier: Apache-2.0
"""Co-simulation of QU, VU and LN: the units' integers out of the Verilated SystemVerilog.

Figures from here have source cosim.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from batflow.errors import EngineError, InputError

from .axis_sim import AxisSim, Beats, StreamRun
from .packing import Int64
from .program import Format
from .vector_protocol import (
    QU_STAGES,
    VU_STAGES,
    NormConfig,
    NormJob,
    ScaleJob,
    VectorConfig,
    check_norm,
    check_scale,
    job_cycles,
    norm_constants,
    norm_cycles,
    scale_constants,
    tile_beats,
    untile,
)
from .verilator import RTL_FOLDER, AxisPort, Module

# The package first; the order of the modules is free.
_COMMON = (
    "vector_pkg",
    "axis_skid",
    "axis_register",
    "sdp_ram",
    "block_ram",
    "delay",
    "DSP48E2",
    "dsp_mac",
    "product_sum",
    "step_shift",
    "dyadic",
    "constant_loader",
    "constant_table",
)
_SCALE = (*_COMMON, "tile_walk", "scale_unit")
_SATURATING = ("registers", "sat16", "counted_output")
_MOMENTS = ("multiply", "adder_tree", "word_sums", "moments", "rsqrt_table", "rsqrt")
_NORM = (*_COMMON, *_SATURATING, *_MOMENTS, "normalize", "row_buffer", "row_intake", "second_pass")


def _module(top: str, parts: Sequence[str], parameters: dict[str, int], ports: Sequence[AxisPort]) -> Module:
    """A unit of RTL files ``parts`` and ``top``; the last of ``ports`` carries results."""
    results = [ports[-1]] if top == "qu" else [ports[-1], AxisPort("m_axis_s", 32)]
    return Module(
        top=top,
        sources=tuple(RTL_FOLDER / f"{name}.sv" for name in (*parts, top)),
        parameters=parameters,
        inputs=(AxisPort("s_axis_c", 128), *ports[:-1]),
        outputs=tuple(results),
        status="error_code",
    )


def qu_module(config: VectorConfig) -> Module:
    """Describe QU to `verilator.build`."""
    values = AxisPort("s_axis_a", 32 * config.parts * config.lanes)
    return _module(
        "qu", _SCALE, config.parameters() | {"COMMON": 0}, (values, AxisPort("m_axis", 8 * config.lanes))
    )


def vu_module(config: VectorConfig) -> Module:
    """Describe VU to `verilator.build`."""
    values = AxisPort("s_axis_a", 32 * config.parts * config.lanes)
    residual, results = AxisPort("s_axis_h", 16 * config.lanes), AxisPort("m_axis", 16 * config.lanes)
    return _module("vu", (*_SCALE, *_SATURATING), config.parameters(), (values, residual, results))


def norm_module(config: NormConfig) -> Module:
    """Describe LN to `verilator.build`."""
    rows, results = AxisPort("s_axis_r", 16 * config.lanes), AxisPort("m_axis", 16 * config.lanes)
    return _module("layernorm", _NORM, config.parameters(), (rows, results))


def _simulate(
    sim: AxisSim,
    inputs: Sequence[Sequence[Beats]],
    expected: Sequence[int],
    formula: int,
    max_cycles: int | None,
    stalls: dict[str, int],
) -> StreamRun:
    """Send the jobs' streams of every port back to back; check TLAST; reset after an error."""
    joined = [Beats(np.concatenate([b.data for b in p]), np.concatenate([b.last for b in p])) for p in inputs]
    counts = [sum(expected), len(expected)][: len(sim.module.outputs)]
    bound = 100 * formula + 1000 if max_cycles is None else max_cycles
    try:
        run = sim.run(joined, counts, max_cycles=bound, **stalls)
    except EngineError:
        sim.reset()
        raise
    marks = np.flatnonzero(run.outputs[0].last)
    if not np.array_equal(marks, np.cumsum(expected) - 1):
        raise EngineError(f"TLAST came on result beats {marks.tolist()}; check the RTL")
    return run


class _ScaleUnit:
    """QU or VU: jobs in, matrices out. Seconds and clocks add up over its life."""

    def __init__(self, module: Module, config: VectorConfig, stages: int, dtype: str) -> None:
        self.config = config
        self.sim = AxisSim(module)
        self._stages = stages
        self._dtype = dtype

    def cycles(self, jobs: Sequence[ScaleJob]) -> int:
        """Clocks that the formula gives for jobs sent back to back without stalls."""
        return job_cycles(jobs, self.config.lanes, self._stages)

    def _run(
        self, jobs: Sequence[ScaleJob], max_cycles: int | None, stalls: dict[str, int]
    ) -> tuple[list[Int64], StreamRun]:
        lanes = self.config.lanes
        for job in jobs:
            check_scale(self.config, job)
        grids = [job.grid(lanes) for job in jobs]
        pairs = list(zip(jobs, grids, strict=True))
        inputs = [
            [scale_constants(job, lanes) for job in jobs],
            [tile_beats(job.accs.transpose(1, 2, 0), grid, lanes, "<i4") for job, grid in pairs],
        ]
        if self.sim.module.top == "vu":
            inputs.append([tile_beats(job.h, grid, lanes, "<i2") for job, grid in pairs if job.h is not None])
        expected = [job.beats(lanes) for job in jobs]
        run = _simulate(self.sim, inputs, expected, self.cycles(jobs), max_cycles, stalls)
        found, start = [], 0
        for (job, grid), beats in zip(pairs, expected, strict=True):
            part = run.outputs[0].data[start : start + beats]
            signed = job.target is None or job.target.signed
            values = untile(part, grid, lanes, self._dtype if signed else "<u1")
            _, rows, channels = job.accs.shape
            if values[rows:].any() or values[:, channels:].any():
                raise EngineError(f"{self.sim.module.top} filled the padding; check the RTL")
            found.append(values[:rows, :channels])
            start += beats
        return found, run


class QuUnit(_ScaleUnit):
    """One simulated quantization unit. After an EngineError it has been reset and can be used again.

    Raises:
        MissingToolError: no Verilator or compiler.
        InputError: parameters that the unit refuses.
    """

    def __init__(self, config: VectorConfig | None = None) -> None:
        config = config or VectorConfig()
        super().__init__(qu_module(config), config, QU_STAGES, "<i1")

    def run(
        self, accs: Int64, M: Int64, C: Int64, shift: int, target: Format, **stalls: int
    ) -> tuple[Int64, int]:
        """Requantize ``accs`` [parts, rows, channels] (see `ScaleJob`); return q and the clocks.

        ``stalls``: as in `AxisSim.run`.

        Raises:
            InputError: constants or values out of range.
            EngineError: the unit stopped.
        """
        values, cycles = self.run_jobs([ScaleJob(accs, M, C, shift, target)], **stalls)
        return values[0], cycles

    def run_jobs(
        self, jobs: Sequence[ScaleJob], *, max_cycles: int | None = None, **stalls: int
    ) -> tuple[list[Int64], int]:
        """Run jobs back to back; return their q [rows, channels] and the clocks of all.

        Raises:
            InputError, EngineError: as `run`.
        """
        if any(job.target is None for job in jobs):
            raise InputError(
                "a job of the quantization unit needs a target format; give Format(bits, signed)"
            )
        values, run = self._run(jobs, max_cycles, stalls)
        return values, run.cycles


class VuUnit(_ScaleUnit):
    """One simulated vector unit. After an EngineError it has been reset and can be used again.

    Raises:
        MissingToolError, InputError: as `QuUnit`.
    """

    def __init__(self, config: VectorConfig | None = None) -> None:
        config = config or VectorConfig()
        super().__init__(vu_module(config), config, VU_STAGES, "<i2")

    def run(
        self, h: Int64, accs: Int64, M: Int64, C: Int64, shift: int, **stalls: int
    ) -> tuple[Int64, int, int]:
        """Return r = sat16(h + level) [rows, channels], the clocks, and the saturations.

        Raises:
            InputError, EngineError: as `QuUnit.run`.
        """
        values, cycles, saturations = self.run_jobs([ScaleJob(accs, M, C, shift, h=h)], **stalls)
        return values[0], cycles, saturations[0]

    def run_jobs(
        self, jobs: Sequence[ScaleJob], *, max_cycles: int | None = None, **stalls: int
    ) -> tuple[list[Int64], int, list[int]]:
        """Run jobs back to back; return their r, the clocks of all, and each one's saturations.

        Raises:
            InputError, EngineError: as `QuUnit.run`.
        """
        if any(job.h is None or job.target is not None for job in jobs):
            raise InputError("a job of the vector unit needs a residual h and no target format")
        values, run = self._run(jobs, max_cycles, stalls)
        return values, run.cycles, _counts(run)


class LayerNormUnit:
    """One simulated LayerNorm unit. After an EngineError it has been reset and can be used again.

    Raises:
        MissingToolError, InputError: as `QuUnit`.
    """

    def __init__(self, config: NormConfig | None = None) -> None:
        self.config = config or NormConfig()
        self.sim = AxisSim(norm_module(self.config))

    def cycles(self, jobs: Sequence[NormJob]) -> int:
        """Clocks that the formula gives for jobs sent back to back without stalls."""
        return norm_cycles(self.config, jobs)

    def run(
        self, r: Int64, gamma: Int64, beta: Int64, shift: int, epsilon: int, **stalls: int
    ) -> tuple[Int64, int, int]:
        """Normalize r [rows, d]; return o [rows, d], the clocks, and the saturations.

        Raises:
            InputError, EngineError: as `QuUnit.run`.
        """
        values, cycles, saturations = self.run_jobs([NormJob(r, gamma, beta, shift, epsilon)], **stalls)
        return values[0], cycles, saturations[0]

    def run_jobs(
        self, jobs: Sequence[NormJob], *, max_cycles: int | None = None, **stalls: int
    ) -> tuple[list[Int64], int, list[int]]:
        """Run jobs back to back; return their o, the clocks of all, and each one's saturations.

        Raises:
            InputError, EngineError: as `QuUnit.run`.
        """
        lanes = self.config.lanes
        for job in jobs:
            check_norm(self.config, job)
        grids = [(len(job.r), 1, 1, job.words(lanes)) for job in jobs]
        inputs = [
            [norm_constants(job, lanes) for job in jobs],
            [tile_beats(job.r, grid, lanes, "<i2") for job, grid in zip(jobs, grids, strict=True)],
        ]
        expected = [int(np.prod(grid)) for grid in grids]
        run = _simulate(self.sim, inputs, expected, self.cycles(jobs), max_cycles, stalls)
        found, start = [], 0
        for job, grid, beats in zip(jobs, grids, expected, strict=True):
            values = untile(run.outputs[0].data[start : start + beats], grid, lanes, "<i2")
            if values[:, job.r.shape[1] :].any():
                raise EngineError("layernorm filled the padding; check the RTL")
            found.append(values[:, : job.r.shape[1]])
            start += beats
        return found, run.cycles, _counts(run)


def _counts(run: StreamRun) -> list[int]:
    """Saturations of each job."""
    return [int(count) for count in run.outputs[1].data.view("<u4").ravel()]
