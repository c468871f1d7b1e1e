# SPDX-License-Identifier: Apache-2.0
"""The matrix work of a program on a config: steps of the QMM engines and binary MACs, no more.

A step is one clock in which an array takes operands. Their sum is the least that a sentence can
take on engines that never wait, and what the RTL's CYCLES_MHA_QMM and CYCLES_FFN_QMM count.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import bat_records
from .bat_jobs import Dimensions, module_build, module_jobs
from .config import AcceleratorConfig
from .cycle_model import program_shape
from .program import EncoderProgram


@dataclass(frozen=True)
class Work:
    """Steps of each module's engine and binary MACs of both."""

    mha_steps: int
    ffn_steps: int
    binary_macs: int

    @property
    def steps(self) -> int:
        """Steps of both engines: the ideal cycles of one sentence alone."""
        return self.mha_steps + self.ffn_steps


def sentence_work(program: EncoderProgram, config: AcceleratorConfig, length: int) -> Work:
    """Matrix work of one sentence of ``length`` tokens. Source: ours."""
    shape = program.shape
    dims = Dimensions(shape.hidden, shape.heads, shape.ffn)
    steps, macs = {True: 0, False: 0}, 0
    for layer, described in enumerate(program_shape(program)):
        work = bat_records.Work(False, False, 0, layer, length)
        for attention in steps:
            build = module_build(config, attention)
            jobs = module_jobs(build, dims, described.descriptor(), work, 0, attention)
            steps[attention] += sum(job.steps for job in jobs)
            macs += sum(job.binary_macs for job in jobs)
    return Work(steps[True], steps[False], macs)
