# SPDX-License-Identifier: Apache-2.0
"""A pynq ``Device`` whose programmable logic is a shared library. Needs pynq.

Unmodified ``pynq.Overlay``, ``allocate``, ``DMA``, ``MMIO`` and ``Clocks`` run on it: every
register access traps here, and emulated time passes with each access. Source: ours.
"""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pynq.buffer import PynqBuffer
from pynq.pl_server.device import Device
from pynqmetadata.frontends import Metadata
from pynqmetadata.views.runtime import RuntimeMetadataParser

from batflow.errors import EngineError, FormatError

from .axi_dma import AxiDma
from .clocks import CRF_APB, CRL_APB, WINDOW, crf_apb, crl_apb
from .engine_abi import Engine
from .memory import Ddr

CYCLES_PER_ACCESS = 2000
"""Clock cycles that pass for the engine with one register access of the processor."""
ACCELERATOR = "xilinx.com:hls:bat_top"
DMA = "xilinx.com:ip:axi_dma"


class Window(Protocol):
    """A peripheral with 32-bit registers at byte offsets."""

    def read(self, offset: int) -> int:
        """Read a register."""
        ...

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        ...


class EmulatedBuffer(PynqBuffer):  # type: ignore[misc]
    """A pynq buffer whose owner (not its views) gives its region back, when freed or collected."""

    region: tuple[Ddr, int] | None = None

    def freebuffer(self) -> None:
        """Give the region back; harmless when called again."""
        if self.region is not None:
            ddr, offset = self.region
            self.region = None
            ddr.give(offset)


class EmulatedDevice(Device):  # type: ignore[misc]
    """The emulated board. pynq probes it behind embedded devices and before remote ones."""

    _probe_priority_ = 90

    @classmethod
    def _probe_(cls) -> list[EmulatedDevice]:
        return [instance()]

    def __init__(self, tag: str = "batflow-emulated") -> None:
        super().__init__(tag)
        self.name = "batflow_emulated"
        self.arch = "aarch64"
        self.capabilities = {"REGISTER_RW": True}
        self.ddr = Ddr()
        self.bitfile_name = ""
        self.timestamp = ""
        self.engine: Engine | None = None
        self.dma: AxiDma | None = None
        self._fixed: list[tuple[int, int, Window]] = [
            (CRL_APB, WINDOW, crl_apb()),
            (CRF_APB, WINDOW, crf_apb()),
        ]
        self._windows = list(self._fixed)

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """Parse the .hwh beside the bitstream; pynq calls this."""
        hwh = Path(bitfile_name).with_suffix(".hwh")
        if partial or not hwh.is_file():
            raise FormatError(f"{hwh} is missing; the emulated device takes whole overlays with an .hwh")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parser = RuntimeMetadataParser(Metadata(input=hwh))
            parser.refresh_hierarchy_dict()
        return parser

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Load the shared library and place its registers and DMA; pynq calls this."""
        parser = parser or self.get_bitfile_metadata(bitstream.bitfile_name)
        # The new engine opens before the old one closes: a bad file leaves the old one in place.
        engine = Engine(Path(bitstream.bitfile_name), self.ddr.cells, self.ddr.base)
        self.unload()
        self.engine, self.dma = engine, AxiDma(self.ddr, engine)
        for ip in parser.ip_dict.values():
            kind = str(ip["type"])
            if kind.startswith((ACCELERATOR, DMA)):
                window: Window = self.dma if kind.startswith(DMA) else engine
                self._windows.append((ip["phys_addr"], ip["addr_range"], window))
        self.post_download(bitstream, parser, self.name)

    def unload(self) -> None:
        """Close the engine; the clocks and the memory stay."""
        if self.engine is not None:
            self.engine.close()
        self.engine, self.dma = None, None
        self._windows = list(self._fixed)

    def gen_cache(self, bitstream: Any, parser: Any = None) -> None:
        """Metadata is parsed on every load, so there is no cache to write."""

    def get_memory(self, description: Any) -> EmulatedDevice:
        """The one memory is the device's own; pynq calls this."""
        return self

    def _window(self, address: int) -> tuple[Window, int]:
        for base, size, window in self._windows:
            if base <= address < base + size:
                return window, address - base
        raise EngineError(f"bus error: nothing answers at 0x{address:08x}; load the overlay first")

    def tick(self, cycles: int = CYCLES_PER_ACCESS) -> None:
        """Let DMA and engine work for at most ``cycles`` clock cycles of the engine."""
        if self.engine is None or self.dma is None:
            return
        try:
            self.dma.step()
            self.engine.advance(cycles)
            self.dma.step()
        except EngineError:
            # As on a board: a failed engine is told by its registers, not by the bus. Its text
            # stays with the engine for :meth:`explain`.
            return

    def explain(self) -> str:
        """The engine's own words for its last failure; empty when there is none."""
        return "" if self.engine is None else self.engine.last_error()

    def read_registers(self, address: int, length: int) -> bytes:
        """Trap of a register read; pynq's MMIO calls this."""
        self.tick()
        window, offset = self._window(address)
        words = (window.read(offset + at) & 0xFFFF_FFFF for at in range(0, length, 4))
        return b"".join(struct.pack("<I", word) for word in words)

    def write_registers(self, address: int, data: bytes) -> None:
        """Trap of a register write; pynq's MMIO calls this."""
        window, offset = self._window(address)
        for at, (word,) in enumerate(struct.iter_unpack("<I", bytes(data))):
            window.write(offset + 4 * at, word)
        self.tick()

    def allocate(self, shape: Any, dtype: Any = "u4", **_: Any) -> PynqBuffer:
        """A buffer at a physical address, as ``pynq.allocate`` gives; it is zero."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        offset = self.ddr.take(size)
        self.ddr.cache[offset : offset + size] = 0
        address = self.ddr.base + offset
        buffer = EmulatedBuffer(
            shape,
            dtype,
            buffer=self._cache_view(),
            offset=offset,
            device=self,
            device_address=address,
            bo=address,
            coherent=False,
        )
        buffer.region = (self.ddr, offset)
        return buffer

    def _cache_view(self) -> memoryview:
        cache: npt.NDArray[np.uint8] = self.ddr.cache
        return cache.data

    def flush(self, bo: int, offset: int, virtual_address: int, size: int) -> None:
        """Processor cache to memory; ``bo`` is the buffer's bus address."""
        self.ddr.flush(bo + offset, size)

    def invalidate(self, bo: int, offset: int, virtual_address: int, size: int) -> None:
        """Memory to processor cache; ``bo`` is the buffer's bus address."""
        self.ddr.invalidate(bo + offset, size)


_instances: list[EmulatedDevice] = []


def instance() -> EmulatedDevice:
    """The one emulated board of this process: pynq keeps one clock object for all devices."""
    if not _instances:
        _instances.append(EmulatedDevice())
    return _instances[0]
