# SPDX-License-Identifier: Apache-2.0
"""One bench over every engine: csim, and cosim around modules that pass rows through."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from batflow.hls.config import AcceleratorConfig
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_build import CosimBuild, build_cosim
from batflow.hls.csim import BASE, CsimEngine
from batflow.hls.reference.encoder import Reference
from batflow.hls.registers.table import ERRORS

from .kernel_library import ODD, csim_library
from .programs import random_program
from .rtl_engines import require_verilator

Rows = npt.NDArray[np.int16]
STUBS = Path(__file__).parent / "sv"
PROGRAM = random_program(1, hidden=64, heads=4, ffn=96, max_len=16)
# The maxima of the csim library, so that both engines refuse the same programs.
NARROW = ODD.model_copy(
    update={"qmm_outputs": 8, "qmm_simd_bits": 64, "vu_lanes": 4, "ln_lanes": 4, "softmax_lanes": 4}
)
WIDE = NARROW.model_copy(
    update={
        "qmm_outputs": 32,
        "vu_lanes": 16,
        "ln_lanes": 16,
        "softmax_lanes": 16,
        "weight_bus_bits": 256,
        "sequences_in_flight": 1,
    }
)
ECHO_STEP = 257
"""What a layer of the stub modules adds to every value: 1 in MHA, 256 in FFN."""


@functools.cache
def echo_library(config: AcceleratorConfig) -> Path:
    """The cosim engine with stub modules and a watchdog of 2^12 clocks; NARROW has waveforms."""
    require_verilator()
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is absent: the cosim engine needs both")
    how = CosimBuild(strict=True, trace=config is NARROW, folders=(STUBS,), watchdog_bits=12)
    return build_cosim(config, how)


def rows(length: int = 5, seed: int = 0) -> Rows:
    """Random rows int16 [length, 64]."""
    return np.random.default_rng(seed).integers(-8000, 8000, size=(length, 64)).astype(np.int16)


@dataclass
class Bench:
    """An engine with :data:`PROGRAM` loaded, and what it makes of rows."""

    kind: str
    engine: CsimEngine

    def expected(self, h: Rows) -> Rows:
        """The output of one sequence."""
        if self.kind == "cosim":
            return h + np.int16(ECHO_STEP * PROGRAM.shape.layers)
        return Reference(PROGRAM).encode(h.astype(np.int64)).hidden.astype(np.int16)

    def check(self, batch: list[Rows]) -> None:
        """Run a batch and compare every integer."""
        outputs = self.engine.run(batch).outputs
        assert len(outputs) == len(batch)
        for given, output in zip(batch, outputs, strict=True):
            np.testing.assert_array_equal(output, self.expected(given))

    def start(self, batch: int = 1, address: int = BASE, program_hash: int | None = None) -> None:
        """Write the settings, then start."""
        wanted = int(self.engine._hash[:16], 16) if program_hash is None else program_hash
        for name, value in (("PROGRAM_ADDR", address), ("PROGRAM_HASH", wanted), ("BATCH", batch)):
            self.engine.engine.write_register(name, value)
        self.engine.engine.write_register("CTRL", 1)

    def finish(self) -> str:
        """Run to the end, bounded; the error's name."""
        for _ in range(1 << 5):
            if not self.engine.engine.advance(1 << 16):
                return ERRORS[self.engine.engine.read_register("ERROR")][0]
        raise AssertionError("the run did not end")

    def run_raw(self, data: bytes, batch: int = 1, last: bool = True, address: int = BASE) -> str:
        """Start, push bytes, run to the end; the error's name."""
        self.start(batch, address)
        self.engine.engine.push(data, last)
        return self.finish()

    def recovers(self) -> None:
        """SOFT_RESET makes the engine usable again."""
        self.engine.engine.write_register("SOFT_RESET", 1)
        assert self.engine.engine.read_register("ERROR") == 0
        self.check([rows(7, 3)])


def make_bench(kind: str, config: AcceleratorConfig = NARROW) -> Bench:
    """A bench over ``csim``, or over ``cosim`` of a config."""
    if kind == "csim":
        return Bench(kind, CsimEngine(PROGRAM, csim_library()))
    return Bench(kind, CosimEngine(PROGRAM, echo_library(config)))
