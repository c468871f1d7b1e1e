# SPDX-License-Identifier: Apache-2.0
"""Fake engines for the ladder: a small exact network of known taps, and ways to break it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from batflow.flow.verify import LAYER_TAPS, Int64, Sentence, tap_order

LAYERS = 2
Fault = Callable[[str, Int64], Int64]


@dataclass
class FakeEngine:
    """Each tap is a fixed function of the one before; ``fault`` may change a tap on its way."""

    name: str
    fault: Fault = lambda tap, value: value
    source: str = "host"

    def taps(self, sentence: Sentence) -> dict[str, Int64]:
        taps: dict[str, Int64] = {}
        value = np.outer(np.array(sentence.ids, dtype=np.int64), np.arange(1, 5))
        for number, tap in enumerate(tap_order(LAYERS)):
            if tap == "pooled":
                value = value.sum(axis=0)
            elif tap == "logits":
                value = np.array([value.sum(), -value[0], value[1]])
            else:
                value = (value * (3 + number) + number) % 4099
            value = taps[tap] = self.fault(tap, value)
        return taps

    def logits(self, sentences: Sequence[Sentence]) -> Int64:
        return np.stack([self.taps(sentence)["logits"] for sentence in sentences])


def bump(at: str, index: int = 0) -> Fault:
    """A fault that adds one to element ``index`` of the tap ``at``."""

    def fault(tap: str, value: Int64) -> Int64:
        if tap != at:
            return value
        changed = value.copy()
        changed.flat[index] += 1
        return changed

    return fault


def sentences(count: int) -> list[Sentence]:
    rng = np.random.default_rng(5)
    rows = [tuple(rng.integers(1, 900, rng.integers(2, 9)).tolist()) for _ in range(count)]
    return [Sentence(ids, (0,) * len(ids)) for ids in rows]


ALL_TAPS = [f"L{layer}.{name}" for layer in range(LAYERS) for name in LAYER_TAPS]
