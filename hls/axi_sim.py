# SPDX-License-Identifier: Apache-2.0
"""Running a Verilated module that reads memory over AXI4: `axis_sim.py` with a memory behind it.

The memory is `axi_memory.h`; it checks the master's side of the protocol too.
"""

from __future__ import annotations

import ctypes
from dataclasses import astuple, dataclass

import numpy as np

from batflow.errors import EngineError

from .axis_sim import AxisSim, Bytes
from .verilator import Module

NOWHERE = (1 << 64) - 1
_VIOLATIONS = {
    1: "changed an address that it had offered",
    2: "asked for a burst across 4 KB",
    3: "asked for a burst that is not aligned, not of full width or not INCR",
    4: "was reset with a burst in flight",
}


class _Timing(ctypes.Structure):
    """The structure ``AxiTiming`` of `axi_memory.h`."""

    _fields_ = (
        ("latency", ctypes.c_int32),
        ("outstanding", ctypes.c_int32),
        ("stall_ar", ctypes.c_int32),
        ("stall_r", ctypes.c_int32),
        ("seed", ctypes.c_uint32),
        ("bandwidth", ctypes.c_int32),
    )


class _Faults(ctypes.Structure):
    """The structure ``AxiFaults`` of `axi_memory.h`."""

    _fields_ = (
        ("error", ctypes.c_uint64),
        ("short_burst", ctypes.c_uint64),
        ("long_burst", ctypes.c_uint64),
    )


@dataclass(frozen=True)
class Timing:
    """How fast the memory is.

    ``latency`` clocks from address to first beat; at most ``outstanding`` bursts inside; ``stall_ar``
    and ``stall_r`` per cent of clocks without an address or beat; ``bandwidth`` bytes per 1024 clocks,
    0 for a beat a clock.
    """

    latency: int = 4
    outstanding: int = 8
    stall_ar: int = 0
    stall_r: int = 0
    seed: int = 1
    bandwidth: int = 0


@dataclass(frozen=True)
class Faults:
    """Byte addresses whose beat fails: SLVERR, RLAST too early, RLAST one beat late."""

    error: int = NOWHERE
    short_burst: int = NOWHERE
    long_burst: int = NOWHERE


@dataclass(frozen=True)
class MemoryReport:
    """What the memory saw since the simulation began."""

    violation: int
    bursts: int
    beats: int
    outstanding: int
    most_outstanding: int


class MemorySim(AxisSim):
    """An `AxisSim` of a module with ``memory_bits``; the memory is empty until `attach`."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self._data: Bytes = np.zeros(0, np.uint8)

    def attach(
        self, data: Bytes, base: int, timing: Timing | None = None, faults: Faults | None = None
    ) -> None:
        """Put ``data`` (uint8) at byte address ``base`` and set how the memory behaves."""
        self._data = np.ascontiguousarray(data)
        settings = _Timing(*astuple(timing or Timing())), _Faults(*astuple(faults or Faults()))
        start, size = ctypes.c_uint64(base), ctypes.c_uint64(self._data.size)
        pointer = ctypes.c_void_p(self._data.ctypes.data)
        self._library.axi_setup(self._handle, pointer, start, size, *map(ctypes.byref, settings))

    def report(self) -> MemoryReport:
        """What the memory has counted.

        Raises:
            EngineError: the module broke a rule of AXI4.
        """
        facts = (ctypes.c_uint64 * 5)()
        self._library.axi_report(self._handle, facts)
        found = MemoryReport(*facts)
        if found.violation:
            raise EngineError(f"{self.module.top} {_VIOLATIONS[found.violation]}; check the RTL")
        return found
