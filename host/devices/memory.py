# SPDX-License-Identifier: Apache-2.0
"""The emulated board's DDR, with a processor cache in front of it.

Buffers live in the cache; the DMA and the engine see the DDR. Only flush and invalidate move
bytes between the two, as on a Zynq without coherent ports: a forgotten flush gives wrong results
here too. Source: ours.
"""

from __future__ import annotations

import numpy as np

from batflow.errors import EngineError

from .axi_dma import BusDecodeError

PAGE = 4096


class Ddr:
    """``size`` bytes at bus address ``base``; pages are taken from the system when first used."""

    def __init__(self, base: int = 0x1000_0000, size: int = 1 << 29) -> None:
        self.base = base
        self.size = size
        self.cells = np.zeros(size, np.uint8)
        self.cache = np.zeros(size, np.uint8)
        self._free: list[tuple[int, int]] = [(0, size)]
        self._used: dict[int, int] = {}

    def take(self, size: int) -> int:
        """Return the offset of a page-aligned region of ``size`` bytes.

        Raises:
            EngineError: no room.
        """
        need = max(-(-size // PAGE), 1) * PAGE
        for index, (offset, room) in enumerate(self._free):
            if room >= need:
                self._free[index : index + 1] = [(offset + need, room - need)] if room > need else []
                self._used[offset] = need
                return offset
        raise EngineError(
            f"the emulated memory of {self.size >> 20} MiB has no {need >> 20} MiB left; close buffers"
        )

    def give(self, offset: int) -> None:
        """Return a region; neighbours that are free are joined."""
        self._free.append((offset, self._used.pop(offset)))
        merged: list[tuple[int, int]] = []
        for start, room in sorted(self._free):
            if merged and sum(merged[-1]) == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + room)
            else:
                merged.append((start, room))
        self._free = merged

    @property
    def used(self) -> int:
        """Bytes in use."""
        return sum(self._used.values())

    def _span(self, address: int, size: int) -> slice:
        start = address - self.base
        if start < 0 or start + size > self.size:
            raise BusDecodeError(f"no memory at 0x{address:x} (+{size}); check the buffer's address")
        return slice(start, start + size)

    def read_bus(self, address: int, size: int) -> bytes:
        """Read as a bus master does.

        Raises:
            BusDecodeError: outside the memory.
        """
        return self.cells[self._span(address, size)].tobytes()

    def write_bus(self, address: int, data: bytes) -> None:
        """Write as a bus master does.

        Raises:
            BusDecodeError: outside the memory.
        """
        self.cells[self._span(address, len(data))] = np.frombuffer(data, np.uint8)

    def flush(self, address: int, size: int) -> None:
        """Copy the processor's view to the DDR."""
        span = self._span(address, size)
        self.cells[span] = self.cache[span]

    def invalidate(self, address: int, size: int) -> None:
        """Copy the DDR to the processor's view."""
        span = self._span(address, size)
        self.cache[span] = self.cells[span]
