# SPDX-License-Identifier: Apache-2.0
"""The way to a loaded accelerator: registers, DMA, image buffer; one run at a time.

Every wait here has a deadline, unlike those of pynq.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from batflow.errors import EngineError, InputError

from .bundle import Bundle
from .program import Int16
from .registers import Registers
from .stream import pack, sequence_bytes, unpack

AP_START, AP_DONE, AP_IDLE = 1, 2, 4
DMA_NAME, IP_NAME = "axi_dma_0", "bat_top_0"
_DMACR, _DMASR, _S2MM = 0x00, 0x04, 0x30
_DMA_RESET = 4
_DMA_ERRORS = {
    0x10: "internal error (a length of 0, or a packet longer than the buffer)",
    0x20: "slave error (the memory refused)",
    0x40: "decode error (no memory at the address)",
}
_ALIGN = 64
_BUSY = 6


@dataclass
class Run:
    """A run in flight: what was sent, its buffers and when it started."""

    expected: list[tuple[int, int]]
    source: Any
    sink: Any
    started: float


class Link:
    """Owns the overlay, the image buffer and the state of the run in flight.

    Raises:
        EngineError: another register map or engine config than the bundle's.
    """

    def __init__(self, bundle: Bundle, device: Any, timeout_s: float) -> None:
        import pynq
        from pynq.ps import Clocks

        self.bundle = bundle
        self.device = device
        self.timeout_s = timeout_s
        self.run: Run | None = None
        self._faulted = ""
        self._allocate: Callable[..., Any] = pynq.allocate
        self.overlay: Any = pynq.Overlay(str(bundle.bitfile.resolve()), device=device)
        self.clock_mhz = float(Clocks.fclk0_mhz)
        self.dma: Any = getattr(self.overlay, DMA_NAME)
        self.registers = Registers(bundle.registers, getattr(self.overlay, IP_NAME).mmio)
        self._check_identity()
        self._image: Any = self._place_image()
        self._program()

    def _check_identity(self) -> None:
        version, wanted = self.registers.read("VERSION"), self.bundle.registers.version
        if version >> 16 != wanted >> 16:
            raise EngineError(
                f"the engine has register map {version:#010x}, the bundle {wanted:#010x}; make it again"
            )
        found, config = f"{self.registers.read('CONFIG_HASH'):016x}", self.bundle.manifest.config_hash
        if found != config:
            raise EngineError(
                f"the engine was built for config {found}, the bundle says {config}; make it again"
            )

    def _place_image(self) -> Any:
        """Copy image.bin to a 64-byte aligned place in a pynq buffer and flush it."""
        image = np.frombuffer(self.bundle.program.image, np.uint8)
        buffer = self._allocate(shape=(len(image) + _ALIGN,), dtype="u1", target=self.device)
        start = -int(buffer.physical_address) % _ALIGN
        view = buffer[start : start + len(image)]
        view[:] = image
        buffer.flush()
        # The view keeps the address, the buffer owns the memory.
        return buffer, int(view.physical_address)

    def _program(self) -> None:
        self.registers.write("PROGRAM_ADDR", self._image[1])
        self.registers.write("PROGRAM_HASH", self.bundle.program.hash64)

    def start(self, sequences: Sequence[tuple[int, Int16]]) -> Run:
        """Start a run over (tag, h int16 [l, d]) pairs.

        Raises:
            InputError: no sequence, two equal tags, or more bytes than one transfer carries.
            EngineError: a run is on, or the last one failed and there was no reset.
        """
        self._check_ready()
        expected = [(tag, len(h)) for tag, h in sequences]
        hidden = self.bundle.program.hidden
        size = sum(sequence_bytes(length, hidden) for _, length in expected)
        if not expected or len(dict(expected)) != len(expected) or size > self.dma.buffer_max_size:
            raise InputError(
                f"a run takes sequences of different tags, 1 to {self.dma.buffer_max_size} bytes; "
                f"got {len(expected)} of {size} bytes; split the batch"
            )
        source = self._allocate(shape=(size,), dtype="u1", target=self.device)
        sink = self._allocate(shape=(size,), dtype="u1", target=self.device)
        source[:] = np.frombuffer(pack(sequences), np.uint8)
        self.registers.write("BATCH", len(expected))
        self.run = Run(expected, source, sink, time.perf_counter())
        try:
            self.dma.recvchannel.transfer(sink)
            # The input waits at the engine, so that its cycles hold none of the processor's.
            self.dma.sendchannel.transfer(source)
            self.registers.write("CTRL", AP_START)
        except RuntimeError as exc:
            raise self._fault(f"the DMA refused: {exc}") from exc
        return self.run

    def _check_loaded(self) -> None:
        if not self.overlay.is_loaded():
            raise EngineError("another overlay was loaded on this device since; open the bundle again")

    def _check_ready(self) -> None:
        self._check_loaded()
        if self._faulted:
            raise EngineError(f"the last run failed ({self._faulted}); call reset()")
        if self.run is not None or not self.registers.read("CTRL") & AP_IDLE:
            name, advice = self.registers.table.error(_BUSY)
            raise EngineError(f"{name}: a run is on; {advice}, or call reset()")

    def finish(self, run: Run) -> tuple[dict[int, Int16], float]:
        """Wait for ``run``; returns {tag: h int16 [l, d]} and the seconds from start to the end.

        Raises:
            EngineError: the engine's or the DMA's error by name, a short transfer, or a timeout.
        """
        self._check_loaded()
        if run is not self.run:
            raise EngineError("this run is over or was reset; start another")
        self._wait(run)
        seconds = time.perf_counter() - run.started
        try:
            self.dma.sendchannel.wait()
            self.dma.recvchannel.wait()
            data = run.sink[: self.dma.recvchannel.transferred].tobytes()
            found = unpack(data, run.expected, self.bundle.program.hidden)
        except (EngineError, RuntimeError) as exc:
            raise self._fault(str(exc)) from exc
        self._drop()
        return found, seconds

    def _wait(self, run: Run) -> None:
        """Poll until the engine is done and both channels are idle, or a fault shows."""
        deadline = time.perf_counter() + self.timeout_s
        done = False
        while True:
            # Read before the registers: one emulated access may take long and still bring the end.
            late = time.perf_counter() > deadline
            # AP_DONE is cleared by reading, so it is kept here.
            control = self.registers.read("CTRL")
            done = done or bool(control & AP_DONE)
            send, receive = self._dma_status()
            for name, status in (("MM2S", send), ("S2MM", receive)):
                for bit, text in _DMA_ERRORS.items():
                    if status & bit:
                        raise self._fault(f"DMA {name} {text}")
            code = self.registers.read("ERROR")
            # A refused second start leaves BUSY and does not disturb the run.
            if code not in (0, _BUSY) and (done or control & AP_IDLE):
                name, advice = self.registers.table.error(code)
                raise self._fault(f"{name}: {advice}")
            if done and send & 2 and receive & 2:
                return
            if late:
                raise self._fault(f"timeout after {self.timeout_s} s")

    def _dma_status(self) -> tuple[int, int]:
        mmio = self.dma.mmio
        return mmio.read(_DMASR), mmio.read(_S2MM + _DMASR)

    def _fault(self, text: str) -> EngineError:
        """Remember that only reset() helps now; returns the error with what explains it.

        The run is kept: its buffers must live until the DMA is reset.
        """
        self._faulted = text
        values = {name: self.registers.read(name) for name in ("CTRL", "ERROR")}
        send, receive = self._dma_status()
        error = self.registers.table.error(values["ERROR"])[0]
        # Only an emulated device can tell more than its registers.
        engine = self.device.explain() if hasattr(self.device, "explain") else ""
        return EngineError(
            f"{text} [CTRL={values['CTRL']:#x} ERROR={values['ERROR']} {error} "
            f"MM2S_DMASR={send:#x} S2MM_DMASR={receive:#x}"
            f"{' engine: ' + engine if engine else ''}]; call reset()"
        )

    def reset(self) -> None:
        """Drop a run, empty the streams and reset the DMA; the overlay and the image stay.

        Raises:
            EngineError: DMA or engine did not come back within the timeout.
        """
        self._check_loaded()
        self.registers.write("SOFT_RESET", 1)
        self.dma.mmio.write(_DMACR, _DMA_RESET)
        deadline = time.perf_counter() + self.timeout_s
        while self.dma.mmio.read(_DMACR) & _DMA_RESET or not self.registers.read("CTRL") & AP_IDLE:
            if time.perf_counter() > deadline:
                raise EngineError(f"no reset within {self.timeout_s} s; load the overlay again")
        self.dma.sendchannel.start()
        self.dma.recvchannel.start()
        self._faulted = ""
        self._drop()
        self._program()

    def _drop(self) -> None:
        if self.run is not None:
            for buffer in (self.run.source, self.run.sink):
                buffer.freebuffer()
            self.run = None

    def close(self) -> None:
        """Stop what runs and give the buffers back."""
        if self._image is None:
            return
        if self.run is not None and self.overlay.is_loaded():
            self.reset()
        self._drop()
        self._image[0].freebuffer()
        self._image = None
