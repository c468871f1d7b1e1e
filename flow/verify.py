# SPDX-License-Identifier: Apache-2.0
"""The equality ladder: every engine gives the integers of the first one, or the place is named.

An engine gives integer logits for encoded sentences and, for one sentence, the taps of
docs/contracts.md. The first engine is the origin; each other one is compared with it. Where
logits differ, the taps of that sentence are walked in the order of computation, and the first
one that differs names the layer and unit in which the engines part. Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, InputError

Int64 = npt.NDArray[np.int64]
Taps = Mapping[str, npt.NDArray[np.integer[Any]]]

LAYER_TAPS = {
    "attn_in": "mha.qu",
    "q": "mha.qmm",
    "k": "mha.qmm",
    "v": "mha.qmm",
    "probs": "mha.softmax",
    "ctx": "mha.qmm",
    "attn_sum": "mha.vu",
    "attn_out": "mha.ln",
    "ffn_in": "ffn.qu",
    "ffn_mid": "ffn.qmm",
    "ffn_sum": "ffn.vu",
    "ffn_out": "ffn.ln",
}
"""Taps of a layer in the order of computation, and the unit that makes each."""

HOST_TAPS = {"embed": "host.embed", "pooled": "host.pool", "logits": "host.classifier"}
CHUNK = 50


@dataclass(frozen=True)
class Sentence:
    """One encoded sentence without padding: token ids and types of equal length."""

    ids: tuple[int, ...]
    types: tuple[int, ...]


class Engine(Protocol):
    """One rung of the ladder. ``source`` is the label its figures carry."""

    @property
    def name(self) -> str:
        """Name in verify.json."""

    @property
    def source(self) -> str:
        """``trained``, ``csim``, ``cosim``, ``estimate`` or ``host``."""

    def logits(self, sentences: Sequence[Sentence]) -> Int64:
        """Integer logits [n, classes]."""

    def taps(self, sentence: Sentence) -> Taps:
        """Taps of one sentence by name; an engine that keeps only some gives those."""


@dataclass(frozen=True)
class Mismatch:
    """Where two engines part: the first tap, in order of computation, that differs.

    ``values`` are (expected, given) at ``index``; ``layer`` is None for the host's taps.
    """

    sentence: int
    engine: str
    layer: int | None
    unit: str
    tap: str
    index: tuple[int, ...]
    values: tuple[int, int]


@dataclass
class Result:
    """Outcome of a climb: what verify.json holds.

    ``samples``: engines that answered the first few of the ``n`` sentences alone, and how many.
    """

    n: int
    engines: list[str]
    sources: dict[str, str]
    per_engine: dict[str, int]
    samples: dict[str, int] = field(default_factory=dict)
    first_mismatch: Mismatch | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def mismatches(self) -> int:
        """Sentences that some engine answered with other integers, summed over engines."""
        return sum(self.per_engine.values())

    def as_json(self) -> dict[str, Any]:
        """Return the values of verify.json."""
        first = asdict(self.first_mismatch) if self.first_mismatch else None
        return {
            "n": self.n,
            "samples": self.samples,
            "engines": self.engines,
            "sources": self.sources,
            "mismatches": self.mismatches,
            "per_engine": self.per_engine,
            "first_mismatch": first,
            **self.extra,
        }


def tap_order(layers: int) -> list[str]:
    """Return all tap names in the order of computation."""
    inner = [f"L{index}.{name}" for index in range(layers) for name in LAYER_TAPS]
    return ["embed", *inner, "pooled", "logits"]


def is_tap(name: str) -> bool:
    """Whether a tensor of this name is a tap of docs/contracts.md."""
    layer, _, tap = name.partition(".")
    return name in HOST_TAPS or (tap in LAYER_TAPS and layer[:1] == "L" and layer[1:].isdigit())


def unit_of(tap: str) -> tuple[int | None, str]:
    """Return (layer, unit) of the tap called ``tap``."""
    if tap in HOST_TAPS:
        return None, HOST_TAPS[tap]
    layer, _, name = tap.partition(".")
    return int(layer[1:]), LAYER_TAPS[name]


def locate(expected: Taps, given: Taps, layers: int) -> tuple[str, tuple[int, ...], tuple[int, int]] | None:
    """Return (tap, index, (expected, given)) of the first tap that both have and that differs."""
    for tap in tap_order(layers):
        if tap not in expected or tap not in given:
            continue
        left, right = np.asarray(expected[tap]), np.asarray(given[tap])
        if left.shape != right.shape:
            return tap, left.shape, (left.size, right.size)
        if not np.array_equal(left, right):
            index = tuple(int(i) for i in np.argwhere(left != right)[0])
            return tap, index, (int(left[index]), int(right[index]))
    return None


def climb(
    engines: Sequence[Engine],
    sentences: Sequence[Sentence],
    layers: int,
    advance: Callable[[int, int], None] = lambda done, total: None,
    samples: Mapping[str, int] | None = None,
) -> Result:
    """Compare every engine's logits with the first one's over ``sentences``.

    ``samples``: for slow engines by name, how many sentences from the first they answer.

    Raises:
        InputError: fewer than two engines, two of one name, or no sentence.
        EngineError: an engine answers with another number of rows or classes.
    """
    parts: dict[str, list[Int64]] = {engine.name: [] for engine in engines}
    if len(engines) < 2 or not sentences:
        raise InputError("verify needs at least two engines and one sentence")
    if len(parts) < len(engines):
        raise InputError(f"verify needs engines of different names, not {', '.join(e.name for e in engines)}")
    asked = {name: min(count, len(sentences)) for name, count in (samples or {}).items()}
    total = len(sentences) * len(engines)
    for at, engine in enumerate(engines):
        own = sentences[: asked.get(engine.name, len(sentences))]
        for start in range(0, len(own), CHUNK):
            parts[engine.name].append(engine.logits(own[start : start + CHUNK]))
            advance(at * len(sentences) + min(start + CHUNK, len(own)), total)
    logits = {name: np.concatenate(rows) for name, rows in parts.items()}
    result = _compare(engines, sentences, layers, logits, asked)
    result.samples = {name: count for name, count in asked.items() if name in parts}
    return result


def _compare(
    engines: Sequence[Engine],
    sentences: Sequence[Sentence],
    layers: int,
    logits: dict[str, Int64],
    asked: Mapping[str, int],
) -> Result:
    origin, *others = engines
    result = Result(
        n=len(sentences),
        engines=[engine.name for engine in engines],
        sources={engine.name: engine.source for engine in engines},
        per_engine={},
    )
    for engine in others:
        have = logits[engine.name]
        want = logits[origin.name][: asked.get(engine.name, len(sentences))]
        if have.shape != want.shape:
            raise EngineError(f"{engine.name} gave logits {have.shape}, {origin.name} {want.shape}")
        wrong = np.flatnonzero((have != want).any(axis=1))
        result.per_engine[engine.name] = len(wrong)
        if len(wrong) and result.first_mismatch is None:
            at = int(wrong[0])
            result.first_mismatch = _first(origin, engine, sentences[at], at, layers, (want, have))
    return result


def _first(
    origin: Engine,
    engine: Engine,
    sentence: Sentence,
    at: int,
    layers: int,
    logits: tuple[Int64, Int64],
) -> Mismatch:
    found = locate(origin.taps(sentence), engine.taps(sentence), layers)
    if found is None:
        # The engine keeps no tap that differs: all that is known is that the answers do.
        want, have = (rows[at] for rows in logits)
        index = int(np.flatnonzero(want != have)[0])
        found = "logits", (index,), (int(want[index]), int(have[index]))
    tap, where, values = found
    layer, unit = unit_of(tap)
    return Mismatch(at, engine.name, layer, unit, tap, where, values)
