# SPDX-License-Identifier: Apache-2.0
"""Cycle model of what works row by row: softmax, LN, the entry of a module, the two streams.

The recurrences are those of the units' headers (``rtl/softmax.sv``, ``layernorm.sv``, ``entry.sv``); times
are the clocks after which something is complete. Source: ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from .cosim_softmax import QUOTIENT_BITS
from .sizes import ceil_div

REORDER = 2  # clocks from a full tile to its first beat out
_NORM_STAGES = 17
_BEFORE_ROOT = 22
_ENTRY_X, _ENTRY_GAP = 11, 9
STREAM_VALUES = 4


class Sink(Protocol):
    """Who takes rows."""

    def take(self, offered: int) -> int:
        """Clock of the last beat of a row whose last beat is there at ``offered``."""


class Softmax:
    """Rows of scores to rows of probabilities, with the sizes that ``rtl/score_path.sv`` gives the unit."""

    def __init__(self, lanes: int, max_tokens: int) -> None:
        words = ceil_div(max_tokens, lanes)
        steps = 1 if words >= 25 else 2 if words >= 13 else 3 if words >= 9 else 4
        rows = ceil_div(2 * words + QUOTIENT_BITS // steps + 9, words)
        self.division = QUOTIENT_BITS // steps
        dividers = ceil_div(self.division + 1, words)
        self._loaded = 2
        self._exponents = deque([0, 0], maxlen=2)
        self._levels = deque([0] * rows, maxlen=rows)
        self._divided = deque([-self.division - 1] * dividers, maxlen=dividers)

    def row(self, there: int, words: int) -> int:
        """Clock after a row's last probability; its scores are there from ``there`` on."""
        self._loaded = max(self._loaded, self._exponents[0], there) + words
        self._exponents.append(max(self._loaded, self._exponents[-1], self._levels[0]) + words)
        free = max(self._divided[-1] + 1, self._divided[0] + self.division + 1)
        self._divided.append(max(self._exponents[-1] + 7, free))
        self._levels.append(max(self._divided[-1] + self.division + 2, self._levels[-1]) + words)
        return self._levels[-1] + 5

    @property
    def loaded(self) -> int:
        """Clock after the last score taken."""
        return self._loaded


class Norm:
    """Rows through LN to a sink."""

    def __init__(self, lanes: int, max_hidden: int) -> None:
        banks = min(16, 2 + ceil_div(30, ceil_div(max_hidden, lanes)))
        self.latency = _BEFORE_ROOT + max(1, (lanes - 1).bit_length())
        self.loaded = 0
        self._ends = deque([0] * banks, maxlen=banks)
        self._jobs = deque([-_NORM_STAGES] * 2, maxlen=2)

    @property
    def room(self) -> int:
        """Clock from which the next job's constants are taken."""
        return self._jobs[0] + _NORM_STAGES

    def row(self, there: int, words: int, constants: int, sink: Sink) -> int:
        """Clock of a row's last beat taken by ``sink``; its values are there from ``there`` on."""
        self.loaded = max(self.loaded, there, self._ends[0]) + words
        end = max(self._ends[-1], self.loaded + self.latency, constants) + words
        taken = sink.take(end + _NORM_STAGES)
        self._ends.append(max(end, taken - _NORM_STAGES))
        return taken

    def end(self) -> None:
        """The job's last row has been given."""
        self._jobs.append(self._ends[-1])


class Entry:
    """Entry of a module: rows of ``words`` beats, item by item, x and h with two sides each."""

    def __init__(self, words: int, lanes: int) -> None:
        self.words = words
        self.stream_beats = ceil_div(lanes, STREAM_VALUES)  # of one of its beats
        self.pace = max(words, ceil_div(words + _ENTRY_GAP, 2))
        self.rows: list[int] = []  # of the open item: clock in which x has the row
        self.first = 0  # clock in which the open item's first beat was there
        self._open = self._last = 0

    def begin(self, opened: int) -> None:
        """The next item; its sides are free and its configuration there at ``opened``."""
        self.rows = []
        self._open = max(opened, self._last + 1) + 4

    def take(self, offered: int) -> int:
        """Clock of the last beat of the item's next row; see :class:`Sink`."""
        if not self.rows:
            self.first = max(offered - self.words, self._last) + 1
            self._last = max(self._last, self._open + self.words - self.pace)
        self._last = max(offered, self._last + self.pace)
        self.rows.append(self._last + _ENTRY_X)
        return self._last


class Output:
    """The output stream, one sequence after the other."""

    def __init__(self, beats: int) -> None:
        self.beats = beats
        self._last = 0

    def begin(self, known: int) -> None:
        """The next sequence, known at clock ``known``: two beats of header."""
        self._last = max(self._last + 1, known) + 3

    def take(self, offered: int) -> int:
        """Clock of the last beat of the next row."""
        self._last = max(offered + 2, self._last + self.beats)
        return self._last - 2

    @property
    def ended(self) -> int:
        """Clock of the last beat out."""
        return self._last + 2


def feed(entry: Entry, start: int, rows: int, beats: int) -> int:
    """Rows of the input stream into ``entry`` from clock ``start`` on, ``beats`` a row; clock of the last."""
    at = start
    for _ in range(rows):
        at = max(at + beats, entry.take(at + beats + 2) - 2)
    entry.first = start + entry.stream_beats
    return at


def reached(times: Sequence[int], tile: int, tokens: int) -> int:
    """Clock in which all rows of a token tile are there, given that of each row."""
    return times[min(len(times), (tile + 1) * tokens) - 1]
