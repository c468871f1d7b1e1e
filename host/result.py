# SPDX-License-Identifier: Apache-2.0
"""What an inference returns, and where its figures come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .program import Int64


@dataclass(frozen=True)
class Latency:
    """Times of one run, in microseconds of host wall time; ``cycles`` is the hardware's own count.

    ``cycles`` are clock cycles from start to done of the whole run and ``cycles_source`` says what
    counted them: estimate (csim), cosim or board. ``dma_us`` is from start until both DMA channels
    are idle, ``host_us`` tokenizing, embedding and classifier, ``wall_us`` all of the call.
    """

    cycles: int
    cycles_source: str
    clock_mhz: float
    dma_us: float
    host_us: float
    wall_us: float

    @property
    def engine_us(self) -> float:
        """``cycles`` at ``clock_mhz``; as good as ``cycles_source``."""
        return self.cycles / self.clock_mhz


@dataclass(frozen=True)
class Result:
    """One sequence's answer.

    ``logits`` int64 [classes]; ``counters`` and ``latency`` are of the run that computed it,
    which holds ``batch`` sequences; ``unknown`` words became [UNK].
    """

    label: str
    logits: Int64
    tag: int
    tokens: int
    batch: int
    unknown: int
    counters: dict[str, int]
    latency: Latency

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "label": self.label,
            "logits": [int(value) for value in self.logits],
            "tag": self.tag,
            "tokens": self.tokens,
            "batch": self.batch,
            "unknown": self.unknown,
            "counters": self.counters,
            "latency": {**vars(self.latency), "engine_us": self.latency.engine_us},
        }
