# SPDX-License-Identifier: Apache-2.0
"""Cycle model of one module: its jobs in order, token tile by token tile, output tile by output tile.

The engine's part is `qmm_cycles` with operands and results that can be late; the recurrences are those of
the headers in ``rtl/``. State stays from one work item to the next. Source: ours.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import gcd

from .bat_jobs import Build, Descriptor, Dimensions, module_jobs, section_commands
from .bat_records import Act, Job, Read, Target, Weight, Work
from .cycle_model_memory import Port
from .cycle_model_units import REORDER, Entry, Norm, Sink, Softmax, reached
from .image import DESCRIPTOR_BYTES
from .sizes import ceil_div

COMPUTE = 6  # last step issued to the tile leaving the result store
DRAIN = 5  # leaving the store to the first beat taken
FEED = 9  # rows written to their first beat taken by the engine
SCALE = 11  # a beat taken from the engine, through QU, to a written row
RESIDUAL = 9  # the same through VU to the tile reorder
QUEUE = 4  # jobs that wait at a stage of FFN; MHA has room for those of all heads too
DESCRIPTOR_FIELDS = 61  # clocks from its first beat to the layer
ANNOUNCE = 3

Rows = dict[str, list[int]]
"""By operand, the clock in which each row is written; of V^T that of the last write."""


@dataclass(frozen=True)
class Sizes:
    """What the model needs of a built module; ``max_*`` as in the accelerator config."""

    build: Build
    act_tokens: int
    route: int  # clocks through the router, one a part of a result
    result_tiles: int
    v_channels: int
    on_chip_words: int  # 64-bit words of a beat of K or V
    max_tokens: int
    max_hidden: int
    max_heads: int


@dataclass
class Loader:
    """A weight buffer of two banks: when each became free, and when the last load ended."""

    popped: deque[int]
    ends: deque[int] = field(default_factory=lambda: deque([-1, -1], maxlen=2))
    busy: int = -1

    def begin(self, known: int) -> int:
        """Clock from which the next job's weights go in."""
        self.popped.append(max(known, self.busy + 1))
        return max(self.popped[-1] + 1, self.ends[0] + 1)


@dataclass
class Counts:
    """Clocks of a module, as the counters have them."""

    busy: int = 0
    taking: int = 0
    weight_wait: int = 0


class Module:
    """MHA, or FFN with ``attention`` False. Items go in by :meth:`open`, are worked on by :meth:`work`."""

    def __init__(self, sizes: Sizes, dims: Dimensions, attention: bool, port: Port) -> None:
        self.sizes, self.dims, self.attention, self.port = sizes, dims, attention, port
        build = sizes.build
        self.words = -(-dims.hidden // build.lanes)
        self.entry = Entry(self.words, build.lanes)
        self.softmax = Softmax(build.softmax_lanes, sizes.max_tokens)
        self.norm = Norm(build.lanes, sizes.max_hidden)
        self.counts = Counts()
        queue = QUEUE + 2 * sizes.max_heads if attention else QUEUE
        self.memory, self.on_chip = Loader(self._queue(queue)), Loader(self._queue(queue))
        self.items: list[tuple[int, list[int]]] = []  # opened: announced, rows
        self._freed_x = deque([0, 0], maxlen=2)
        self._freed_h = deque([0, 0], maxlen=2)
        self._act = self._end = self._emitted = self._accepted = self._layer = self._sections = -1
        self._tile_ends: deque[int] = deque([-1, -1], maxlen=2)
        self._store: deque[int] = deque([-1] * sizes.result_tiles, maxlen=sizes.result_tiles)
        self._drained = 0
        self._act_pops = self._queue(queue + 2)
        self._computed = self._queue(queue)
        self._result_pops, self._score_pops = self._queue(queue), self._queue(queue)
        self._qu_ends = self._queue(2)
        self._vu_ends = self._queue(2)
        self._qu_loaded = self._vu_loaded = self._busy_until = 0
        self._sides: dict[bool, deque[int]] = {True: self._queue(2), False: self._queue(2)}
        self._transposed = self._queue(2)
        self._last_taken = 0

    @staticmethod
    def _queue(depth: int) -> deque[int]:
        return deque([-1] * depth, maxlen=depth)

    # Items.
    def open(self, announced: int) -> None:
        """The next item is known at clock ``announced``; its rows follow into ``entry``."""
        asked = max(announced + ANNOUNCE, self._sections, self._layer)
        config = max(asked + self.port.latency, self.port.free) + DESCRIPTOR_FIELDS
        self.entry.begin(max(config, self._freed_x[0] + 2, self._freed_h[0] + 2))
        self.items.append((announced, self.entry.rows))

    def work(self, layer: Descriptor, work: Work, begun: int, sink: Sink) -> int:
        """Work on the oldest item that was opened and not worked on; clock of its last row taken.

        ``begun``: clock in which its first beat was there.
        """
        announced, rows = self.items.pop(0)
        asked = max(announced + ANNOUNCE, self._sections)
        known = self.port.words(asked, DESCRIPTOR_BYTES, DESCRIPTOR_BYTES // 8, 0) + 5
        jobs = module_jobs(self.sizes.build, self.dims, layer, work, 0, self.attention)
        reads = section_commands(self.dims, layer, self.attention, 0)
        self._layer = max(known, self._emitted) + 2
        self._emitted = self._layer
        written: Rows = {"x": rows}
        at = 0
        for job in jobs:
            loaded = 0
            emitted = self._emit(job)
            if job.weight is Weight.MEMORY:
                ready = self._load(job, emitted, known, reads[at : at + 2])
                at += 2
            else:
                ready = self._load_on_chip(job, emitted, written)
            if job.target is Target.RESIDUAL:
                words = self.dims.hidden
                loaded = self.port.words(known, reads[-1].bytes, words, self.norm.room)
                self._sections = self.port.issued + 2
            self._product(job, emitted, ready, written, loaded, sink)
        self._freed_h.append(self._drained + 2)
        self.norm.end()
        last = self._last_taken
        self.counts.busy += max(0, last - max(begun, self._busy_until))
        self._busy_until = last
        return last

    def _emit(self, job: Job) -> int:
        """Clock in which the engine can have the job: every stage had room for it."""
        room = max(self._act_pops[0], self._computed[0])
        if job.target is Target.SOFTMAX:
            room = max(room, self._score_pops[0])
        elif job.target is not Target.RESIDUAL:
            room = max(room, self._result_pops[0])
        self._emitted = max(self._emitted, room) + 1
        loader = self.memory if job.weight is Weight.MEMORY else self.on_chip
        self._accepted = max(self._emitted + 1, self._accepted + 1, loader.popped[0] + 1)
        return self._accepted + 1

    # Weights.
    def _load(self, job: Job, emitted: int, asked: int, reads: list[Read]) -> int:
        """Clock from which the job's weights of memory are there; its constants follow them."""
        begins = self.memory.begin(emitted)
        self.memory.busy = self.port.weights(asked, reads[0].bytes, begins)
        words = job.channels * (2 if job.two_part else 1)
        if job.target is Target.RESIDUAL:
            taken = max(self._vu_loaded, self._vu_ends[0] + 8) + 1
            self._vu_loaded = self.port.words(asked, reads[1].bytes, words, taken)
        else:
            taken = max(self._qu_loaded, self._qu_ends[0] + 7) + 1
            self._qu_loaded = self.port.words(asked, reads[1].bytes, words, taken)
        return self.memory.busy + 1

    def _load_on_chip(self, job: Job, emitted: int, written: Rows) -> int:
        """Clock from which K or V of a head is there."""
        begins = self.on_chip.begin(emitted)
        whole = written["k" if job.weight is Weight.K else "v"][-1]
        words = job.k_words * self.sizes.build.simd // 64
        beats = -(-job.channels // 16) * job.weight_planes * words * 16 // self.sizes.on_chip_words
        self.on_chip.busy = max(begins, whole + FEED, self.on_chip.busy + 1) + beats - 1
        if job.weight is Weight.V:
            self._qu_loaded = max(self._qu_loaded, self._qu_ends[0] + 7, emitted) + 2
        return self.on_chip.busy + 2

    # Products.
    def _product(
        self,
        job: Job,
        emitted: int,
        ready: int,
        written: Rows,
        norm_ready: int,
        sink: Sink,
    ) -> None:
        """Token tile by token tile; what is written for later jobs goes into ``written``."""
        build = self.sizes.build
        names = {Act.X: "x", Act.Q: "q", Act.P: f"p{job.head}", Act.CTX: "ctx", Act.MID: "mid"}
        source = written[names[job.act]]
        popped = max(emitted, self._end)
        self._computed.append(popped)
        ready = max(ready, popped + 1)
        beats = job.act_planes * job.k_words * build.tokens // self.sizes.act_tokens
        steps = job.tile_steps
        self.counts.taking += job.steps
        results: list[int] = []
        for tile in range(job.token_tiles):
            there = reached(source, tile, build.tokens) + FEED
            free = self._tile_ends[0] + 1
            self._act = max(self._act + 1, emitted, free, there) + beats - 1
            start = max(ready, self._act + 1)
            if tile == 0:
                self.counts.weight_wait += max(0, ready - max(self._act + 1, self._end + 1, popped + 1))
            done = self._outputs(job, start, steps)
            self._tile_ends.append(self._end)
            rows = min(build.tokens, job.rows - tile * build.tokens)
            results += self._rows(job, done, rows, norm_ready, sink)
        self._act_pops.append(self._act)
        (self.memory if job.weight is Weight.MEMORY else self.on_chip).ends.append(self._end)
        self._finish(job, written, results)

    def _gate(self, job: Job) -> int:
        """Clock from which the first beat of a token tile's results is taken."""
        if job.target is Target.SOFTMAX:
            return self._sides[True][0] - 1
        if job.target is Target.RESIDUAL:
            return max(self._vu_loaded - self.sizes.route, self._sides[False][0] - RESIDUAL - 1)
        return self._qu_loaded - self.sizes.route

    def _outputs(self, job: Job, start: int, steps: int) -> int:
        """The output tiles of a token tile; clock of the last result beat taken."""
        build = self.sizes.build
        beats = build.tokens * build.outputs // build.lanes_of(job.target)
        gate, store, end, drained = self._gate(job), self._store, self._end, self._drained
        left = job.channels
        for _ in range(job.output_tiles):
            end = max(max(start, end + 1) + steps - 1, store[0] + 1)
            leaves = max(end + COMPUTE, drained - DRAIN)
            store.append(leaves)
            first = max(leaves + DRAIN, gate)
            if job.target is Target.V:
                first = max(first, self._transposed[0] - SCALE + 2)
            drained = first + beats
            if job.target is Target.V:
                columns = min(left, build.outputs // (2 if job.two_part else 1))
                left -= columns
                segment = gcd(build.tokens, 64)
                drain = ceil_div(columns, self.sizes.v_channels) * build.tokens // segment
                self._transposed.append(max(drained + SCALE - 2, self._transposed[-1]) + drain)
        self._end, self._drained = end, drained
        return drained - 1

    def _rows(self, job: Job, done: int, rows: int, norm_ready: int, sink: Sink) -> list[int]:
        """When each of a token tile's rows is there for the next job, its last beat taken at ``done``."""
        if job.target is Target.SOFTMAX:
            words, there = (
                -(-job.channels // self.sizes.build.softmax_lanes),
                done + self.sizes.route + 1 + REORDER,
            )
            there = max(there, self._sides[True][-1] + REORDER)
            found = [self.softmax.row(there, words) + 2 for _ in range(rows)]
            self._sides[True].append(self.softmax.loaded - REORDER)
            return found
        if job.target is Target.RESIDUAL:
            there = done + self.sizes.route + RESIDUAL + REORDER
            there = max(there, self._sides[False][-1] + REORDER)
            found = [self.norm.row(there, self.words, norm_ready, sink) for _ in range(rows)]
            self._sides[False].append(self.norm.loaded - REORDER)
            self._last_taken = found[-1]
            return found
        return [done + SCALE] * rows

    def _finish(self, job: Job, written: Rows, results: list[int]) -> None:
        """Note what the job has written and freed."""
        if job.act is Act.X and job.target in (Target.V, Target.MID):
            self._freed_x.append(self._act)
        if job.target is Target.SOFTMAX:
            written[f"p{job.head}"] = results
            self._score_pops.append(results[-1])
            return
        if job.target is Target.RESIDUAL:
            self._vu_ends.append(self._drained + self.sizes.route)
            return
        self._qu_ends.append(self._drained + self.sizes.route)
        self._result_pops.append(results[-1])
        name = {Target.Q: "q", Target.K: "k", Target.V: "v", Target.CTX: "ctx", Target.MID: "mid"}[job.target]
        written[name] = [self._transposed[-1] + 3] if job.target is Target.V else results
