# SPDX-License-Identifier: Apache-2.0
"""Cycle model of the memory side: one read port a module, and the bandwidth that both share.

A port's beats are in command order, so what a consumer does not take keeps the rest waiting
(``rtl/axi_reader.sv``, ``rtl/read_splitter.sv``). Clocks are integers; nothing is simulated. Source: ours.
"""

from __future__ import annotations

from collections import deque

_BIN = 64  # clocks over which bandwidth is shared out
_BURST_BEATS = 64
_BURST_BYTES = 4096
_OUTSTANDING = 8
_ADDRESS = 3  # clocks from a command to its first address
_BEAT = 2  # clocks from a beat on the bus to its consumer
_HOLD = 16  # beats of constants that do not keep what follows waiting
_WORD = 8


class Bandwidth:
    """Bytes that the memory gives, in bins of some clocks. Requests with ``first`` win over others.

    Where one comes after the others of its time were given theirs, what it takes from them is taken from
    later clocks: their own times stay.
    """

    def __init__(self, bytes_per_clock: int) -> None:
        self.capacity = bytes_per_clock * _BIN
        self._used: dict[int, int] = {}
        self._first: dict[int, int] = {}

    def move(self, start: int, size: int, width: int, first: bool) -> int:
        """Clock after the last of ``size`` bytes that move from ``start`` on, ``width`` a clock at most."""
        clock = start
        while size > 0:
            index, offset = divmod(clock, _BIN)
            free = self.capacity - (self._first if first else self._used).get(index, 0)
            taken = min((_BIN - offset) * width, free, size)
            if taken > 0:
                self._charge(index, taken, first)
                size -= taken
            rate = min(width * _BIN, free)
            clock = (index + 1) * _BIN if size > 0 else clock + -(-taken * _BIN // max(rate, 1))
        return max(clock, start + 1)

    def _charge(self, index: int, size: int, first: bool) -> None:
        if first:
            self._first[index] = self._first.get(index, 0) + size
        while size > 0:
            used = self._used.get(index, 0)
            taken = min(size, self.capacity - used)
            self._used[index] = used + taken
            size -= taken
            index += 1


class Port:
    """One module's read port. ``width``: bytes of a beat. ``latency``: clocks from address to data.

    ``first``: it wins where both want the memory, as MHA's does in cosim.
    """

    def __init__(self, width: int, latency: int, shared: Bandwidth, first: bool) -> None:
        self.width, self.latency, self.shared, self.first = width, latency, shared, first
        self.burst = min(_BURST_BEATS * width, _BURST_BYTES)
        self.free = 0  # clock after the last beat that has left
        self.issued = 0  # clock of the last address
        self._ends = deque([0] * _OUTSTANDING, maxlen=_OUTSTANDING)

    def _arrive(self, asked: int, size: int, taken: int) -> int:
        """Clock after the last beat of a command that nobody takes before clock ``taken``."""
        asked += _ADDRESS
        left = size
        while left > 0:
            part = min(left, self.burst)
            self.issued = max(asked, self.issued + 1, self._ends[0] + 1)
            start = max(self.issued + self.latency, self.free, taken - _BEAT)
            self.free = self.shared.move(start, part, self.width, self.first)
            self._ends.append(self.free)
            left -= part
        return self.free

    def weights(self, asked: int, size: int, taken: int) -> int:
        """Clock after the last of a matrix's weights has gone into a buffer free from ``taken`` on."""
        return self._arrive(asked, size, taken) + _BEAT

    def words(self, asked: int, size: int, words: int, taken: int) -> int:
        """The same for constants, of which one 64-bit word a clock is taken, ``words`` in all."""
        first = self.free
        arrived = self._arrive(asked, size, 0)
        first = max(first, self.issued + self.latency) + _BEAT
        loaded = max(max(first, taken) + words, arrived + _BEAT)
        self.free = max(self.free, loaded - _HOLD * self.width // _WORD)
        self._ends[-1] = max(self._ends[-1], self.free)
        return loaded
