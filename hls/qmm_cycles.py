# SPDX-License-Identifier: Apache-2.0
"""The QMM engine's cycle formula, exact to the clock (``rtl/qmm_engine.sv``; ours).

Clock 0 is the first clock of a run, in which the first beats are offered. Times are those at which
something happens in the engine, tile by tile and job by job; nothing is simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .qmm_protocol import Job, QmmConfig

_COMPUTE_LATENCY = 6
"""Clocks from a tile's last step issued to the first clock in which the store can give it away."""
_DRAIN_LATENCY = 5
"""Clocks from a tile leaving the store to its first result beat taken."""


_Span = tuple[int, int]
"""First and last clock."""


@dataclass
class _Loader:
    """One weight loader: which jobs it has loaded, and when its two banks became free."""

    pops: list[int] = field(default_factory=list)  # clock in which it took a job off its queue
    ends: list[int] = field(default_factory=list)  # clock of the last step of its jobs
    loads: list[_Span] = field(default_factory=list)
    busy: int = -1  # last clock of the last load

    def load(self, known: int, beats: int, others: Sequence[_Span] = ()) -> int:
        """Return the clock in which the job's weights can first be read; ``others`` are written first."""
        self.pops.append(max(known, self.busy + 1))
        free = self.ends[-2] + 1 if len(self.ends) > 1 else 0
        clock = first = max(self.pops[-1] + 1, free)
        for start, end in others:
            if end >= clock and clock + beats > start:
                beats -= max(start - clock, 0)
                clock = end + 1
        self.busy = clock + beats - 1
        self.loads.append((first, self.busy))
        return self.busy + 2


@dataclass
class _State:
    weights: _Loader = field(default_factory=_Loader)
    on_chip: _Loader = field(default_factory=_Loader)
    act_pops: list[int] = field(default_factory=list)
    compute_pops: list[int] = field(default_factory=list)
    act_busy: int = -1  # last clock of the last activation beat
    tile_ends: list[int] = field(default_factory=list)  # last step of every token tile
    end: int = -1  # last step issued
    freed: list[int] = field(default_factory=list)  # output tiles leaving the result store


def _known(state: _State, depth: int, accepted: int) -> int:
    """Clock in which the next job can be accepted: every queue has room for it."""
    clock = accepted + 1
    for pops in (state.weights.pops, state.on_chip.pops, state.act_pops, state.compute_pops):
        if len(pops) >= depth:
            clock = max(clock, pops[len(pops) - depth] + 1)
    return clock


def _output_tiles(state: _State, config: QmmConfig, start: int, steps: int, tiles: int) -> None:
    """Compute ``tiles`` output tiles of one token tile from clock ``start``."""
    beats = config.tokens * config.outputs // config.out_lanes
    freed = state.freed
    for _ in range(tiles):
        last = max(start, state.end + 1) + steps - 1
        if len(freed) >= config.result_tiles:
            last = max(last, freed[-config.result_tiles] + 1)
        state.end = last
        leaves = last + _COMPUTE_LATENCY
        freed.append(max(leaves, freed[-1] + beats) if freed else leaves)


def qmm_cycles(config: QmmConfig, jobs: Sequence[Job]) -> int:
    """Clocks of jobs sent back to back to an idle engine without stalls, to the last result beat.

    On-chip beats are written first, and may be of later jobs than the memory beats that wait for them: the
    pass over the jobs is repeated until it has seen them. A beat has no effect on what comes before it, so
    that every pass settles at least the next load.
    """
    on_chip: list[_Span] = []
    while True:
        clocks, found = _pass(config, jobs, on_chip)
        if found == on_chip:
            return clocks
        on_chip = found


def _pass(config: QmmConfig, jobs: Sequence[Job], on_chip: Sequence[_Span]) -> tuple[int, list[_Span]]:
    """Clocks of the jobs if the on-chip beats come as given, and when they come then."""
    state = _State()
    accepted = -1
    for job in jobs:
        accepted = _known(state, config.jobs, accepted)
        known = accepted + 1
        words = job.k_words(config)
        loader = state.on_chip if job.on_chip else state.weights
        ready = loader.load(known, job.weight_beats(config), () if job.on_chip else on_chip)
        state.compute_pops.append(max(known, state.end))
        ready = max(ready, state.compute_pops[-1] + 1)
        act_beats = job.act_planes * words * config.tokens // config.a_tokens
        steps = job.act_planes * job.weight_planes * words
        for _ in range(job.token_tiles):
            free = state.tile_ends[-2] + 1 if len(state.tile_ends) > 1 else 0
            state.act_busy = max(state.act_busy + 1, known, free) + act_beats - 1
            start = max(ready, state.act_busy + 1)
            _output_tiles(state, config, start, steps, job.output_tiles(config))
            state.tile_ends.append(state.end)
        state.act_pops.append(state.act_busy)
        loader.ends.append(state.end)
    beats = config.tokens * config.outputs // config.out_lanes
    return state.freed[-1] + beats + _DRAIN_LATENCY, state.on_chip.loads
