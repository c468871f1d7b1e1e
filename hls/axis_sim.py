# SPDX-License-Identifier: Apache-2.0
"""Running a Verilated AXI4-Stream module: beats in, beats out, clocks counted.

Every wait is bounded, and a module that stops is named with the beats that each stream moved.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, InputError

from .verilator import AxisPort, Module, build

Bytes = npt.NDArray[np.uint8]
MAX_STALL = 95
_REASONS = {
    1: "stalled",
    2: "did not finish within its bound",
    3: "changed or dropped a beat that it had offered",
    4: "has a combinational path from a stream input to a stream output",
    5: "reports an error",
}


class _Stream(ctypes.Structure):
    """The structure ``Stream`` of `axis_harness.h`."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("last", ctypes.c_void_p),
        ("beats", ctypes.c_int64),
        ("done", ctypes.c_int64),
        ("bytes", ctypes.c_int32),
        ("stall", ctypes.c_int32),
        ("seed", ctypes.c_uint32),
        ("spare", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Beats:
    """Beats of one stream: data uint8 [beats, bytes], last uint8 [beats] (TLAST)."""

    data: Bytes
    last: Bytes


@dataclass(frozen=True)
class StreamRun:
    """What came out: one `Beats` per output port, the clocks it took, the wall seconds."""

    outputs: tuple[Beats, ...]
    cycles: int
    seconds: float


class AxisSim:
    """One simulated instance of a module; builds it first where needed.

    Raises:
        MissingToolError, InputError, EngineError: as `verilator.build`.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self._library = ctypes.CDLL(str(build(module)))
        self._library.axis_new.restype = ctypes.c_void_p
        self._library.axis_status.restype = ctypes.c_uint32
        self._handle = ctypes.c_void_p(self._library.axis_new())

    def close(self) -> None:
        """Free the instance. Closing twice is allowed."""
        if self._handle:
            self._library.axis_delete(self._handle)
            self._handle = ctypes.c_void_p(None)

    def reset(self) -> None:
        """Hold the module's reset for a few clocks."""
        self._library.axis_reset(self._handle)

    def run(
        self,
        inputs: Sequence[Beats],
        expected: Sequence[int],
        *,
        stall_in: int = 0,
        stall_out: int = 0,
        seed: int = 1,
        max_cycles: int = 10**9,
        idle_limit: int = 100_000,
    ) -> StreamRun:
        """Send all ``inputs`` (one per input port) and collect ``expected`` beats per output port.

        ``stall_in`` and ``stall_out`` hold a side back in that per cent of the clocks, at random
        from ``seed``. Counted from the first clock, in which the first beats are offered, to the
        clock that takes the last output beat. After an error the module must be reset.

        Raises:
            InputError: a stall outside 0..95.
            EngineError: no beat moved for ``idle_limit`` clocks, ``max_cycles`` passed, the module
                broke the AXI4-Stream rules, or its status output left 0.
        """
        for stall in (stall_in, stall_out):
            if not 0 <= stall <= MAX_STALL:
                raise InputError(f"a stall of {stall} per cent is not possible; give 0 to {MAX_STALL}")
        rooms = [_room(port, beats) for port, beats in zip(self.module.outputs, expected, strict=True)]
        sending = (_Stream * len(inputs))()
        taking = (_Stream * len(rooms))()
        for number, (beats, port) in enumerate(zip(inputs, self.module.inputs, strict=True)):
            sending[number] = _stream(beats, port, stall_in, seed * 64 + number + 1)
        for number, (beats, port) in enumerate(zip(rooms, self.module.outputs, strict=True)):
            taking[number] = _stream(beats, port, stall_out, seed * 64 + 33 + number)
        cycles = ctypes.c_int64()
        bounds = (ctypes.c_int64(max_cycles), ctypes.c_int64(idle_limit))
        start = time.perf_counter()
        outcome = self._library.axis_run(self._handle, sending, taking, *bounds, ctypes.byref(cycles))
        seconds = time.perf_counter() - start
        if outcome:
            raise EngineError(self._complaint(outcome, cycles.value, [*sending, *taking]))
        return StreamRun(tuple(rooms), cycles.value, seconds)

    @property
    def status(self) -> int:
        """The module's status output; 0 while all is well."""
        return int(self._library.axis_status(self._handle))

    def _complaint(self, outcome: int, cycles: int, streams: Sequence[_Stream]) -> str:
        ports = [*self.module.inputs, *self.module.outputs]
        moved = ", ".join(
            f"{port.prefix} {stream.done} of {stream.beats} beats"
            for port, stream in zip(ports, streams, strict=True)
        )
        status = f" ({self.module.status} {self.status})" if self.status else ""
        return (
            f"{self.module.top} {_REASONS[outcome]}{status} after {cycles} clocks: {moved}; "
            "reset it and check the beats that were sent"
        )


def _room(port: AxisPort, beats: int) -> Beats:
    return Beats(np.zeros((beats, port.bytes), np.uint8), np.zeros(beats, np.uint8))


def _stream(beats: Beats, port: AxisPort, stall: int, seed: int) -> _Stream:
    """Describe beats to the harness; the caller keeps the arrays alive during the run."""
    count = len(beats.last)
    if beats.data.shape != (count, port.bytes) or not beats.data.flags.c_contiguous:
        raise InputError(
            f"{port.prefix} takes contiguous beats [{count}, {port.bytes}], not {beats.data.shape}"
        )
    mixed = (seed * 2654435761 + 1) & 0xFFFFFFFF or 1
    return _Stream(beats.data.ctypes.data, beats.last.ctypes.data, count, 0, port.bytes, stall, mixed, 0)
