# SPDX-License-Identifier: Apache-2.0
"""Faults of the integer model: flipped weight bits, noisy accumulators (docs/robustness.md, ours)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batflow.errors import InputError

from .batches import Batch, Split
from .config import LINEARS
from .constants import ModelConstants
from .deploy import IntegerModel

NOISE_SITES = ("q", "k", "v", "scores", "context", "o", "ffn1", "ffn2")
"""Where accumulators are read, in the order of computation."""

FLIP_STREAM, ACCUMULATOR_STREAM = 4, 5

MatrixBits = dict[tuple[int, str], NDArray[np.int64]]
AccumulatorRms = dict[tuple[int, str], list[float]]


def logits_of(split: Split, answer: Callable[[Batch], Tensor]) -> Tensor:
    """Return the logits [N, classes] of ``answer`` over all batches, in the order of ``split``."""
    rows, parts = [], []
    for row, batch in split.in_order():
        rows.append(row)
        parts.append(answer(batch))
    joined = torch.cat(parts)
    ordered = torch.empty_like(joined)
    ordered[torch.cat(rows)] = joined
    return ordered


def integer_logits(model: IntegerModel, split: Split) -> Tensor:
    """Return the integer logits int64 [N, classes] of ``model`` in the order of ``split``."""
    return logits_of(split, lambda batch: model.logits(batch.ids, batch.types, batch.mask))


def _plane_shape(constants: ModelConstants, weight: NDArray[np.int8]) -> tuple[int, int, int]:
    planes = 2 if constants.config.weight == "ternary" else weight.shape[0]
    return planes, weight.shape[1], weight.shape[2]


def weight_bits(constants: ModelConstants) -> int:
    """Count the weight bits of the packed program; the unused bits of its words do not count."""
    weights = [layer.weight[name] for layer in constants.layers for name in LINEARS]
    return sum(math.prod(_plane_shape(constants, weight)) for weight in weights)


def flipped_bits(constants: ModelConstants, rate: float, seed: int) -> MatrixBits:
    """Draw ``floor(rate * bits + 1/2)`` different weight bits, uniformly over the whole program.

    Returns:
        By (layer, matrix), sorted places in its planes [planes, out, in] taken flat (docs/contracts.md).

    Raises:
        InputError: the rate lies outside 0 to 1.
    """
    if not 0 <= rate <= 1:
        raise InputError(f"the rate of flipped bits is {rate}; give a number from 0 to 1")
    total = weight_bits(constants)
    rng = np.random.default_rng([seed, FLIP_STREAM])
    drawn = np.sort(rng.choice(total, math.floor(rate * total + 0.5), replace=False, shuffle=False))
    found: MatrixBits = {}
    start = 0
    for index, layer in enumerate(constants.layers):
        for name in LINEARS:
            size = math.prod(_plane_shape(constants, layer.weight[name]))
            first, last = np.searchsorted(drawn, (start, start + size))
            found[index, name] = drawn[first:last] - start
            start += size
    return found


def _flip(constants: ModelConstants, weight: NDArray[np.int8], places: NDArray[np.int64]) -> NDArray[np.int8]:
    """Flip bits of the planes; a ternary weight is P - N, so both bits set read as 0."""
    ternary = constants.config.weight == "ternary"
    planes = np.ascontiguousarray(np.concatenate([weight > 0, weight < 0]) if ternary else weight > 0)
    planes.reshape(-1)[places] ^= True
    values = planes.astype(np.int8)
    return values[:1] - values[1:] if ternary else 2 * values - 1


def flip_weights(constants: ModelConstants, rate: float, seed: int) -> ModelConstants:
    """Return ``constants`` with the bits of :func:`flipped_bits` inverted; everything else is kept.

    M and C stay as exported, C with the column sums of the intact weights: they lie elsewhere in
    memory.
    """
    places = flipped_bits(constants, rate, seed)
    layers = [
        replace(
            layer,
            weight={n: _flip(constants, w, places[index, n]) for n, w in layer.weight.items()},
        )
        for index, layer in enumerate(constants.layers)
    ]
    return replace(constants, layers=layers)


class _Meter(IntegerModel):
    """Sums the squares of every accumulator over true tokens."""

    def __init__(self, constants: ModelConstants) -> None:
        super().__init__(constants)
        self.totals: dict[tuple[int, str], list[tuple[float, int]]] = {}
        self._mask = torch.empty(0)

    def run(self, ids: Tensor, types: Tensor, mask: Tensor) -> dict[str, Tensor]:
        self._mask = mask.bool()
        return super().run(ids, types, mask)

    def _accumulated(self, layer: int, site: str, accs: list[Tensor]) -> list[Tensor]:
        mask = self._mask[:, :, None]
        if site == "scores":
            mask = (mask & self._mask[:, None, :])[:, None].expand_as(accs[0])
        before = self.totals.get((layer, site), [(0.0, 0)] * len(accs))
        chosen = [torch.masked_select(acc, mask).double() for acc in accs]
        self.totals[layer, site] = [
            (total + float(x.square().sum()), count + x.numel())
            for (total, count), x in zip(before, chosen, strict=True)
        ]
        return accs


def accumulator_rms(constants: ModelConstants, split: Split) -> AccumulatorRms:
    """Return the root mean square of each accumulator without faults, one for each weight part.

    Scores count true pairs of tokens, the others true tokens.
    """
    meter = _Meter(constants)
    integer_logits(meter, split)
    return {key: [math.sqrt(total / count) for total, count in sums] for key, sums in meter.totals.items()}


class NoisyModel(IntegerModel):
    """Deploy mode with ``acc + floor(sigma * rms * z + 1/2)`` at some sites of every layer.

    Args:
        constants: of the model.
        sigmas: relative noise by site of :data:`NOISE_SITES`; the others have none.
        rms: from :func:`accumulator_rms`.
        seed: of the noise. Every layer and site has its own stream, which lasts over all batches:
            use one object for one pass over a split.

    Raises:
        InputError: an unknown site, or a sigma that is negative or not finite.
    """

    def __init__(
        self, constants: ModelConstants, sigmas: Mapping[str, float], rms: AccumulatorRms, seed: int
    ) -> None:
        super().__init__(constants)
        for site, sigma in sigmas.items():
            if site not in NOISE_SITES:
                raise InputError(f"no accumulator site {site!r}; the sites are {', '.join(NOISE_SITES)}")
            if not (math.isfinite(sigma) and sigma >= 0):
                raise InputError(f"sigma of {site} is {sigma}; give a finite number of at least 0")
        self._sigmas, self._rms = dict(sigmas), rms
        self._streams = {
            (layer, site): np.random.default_rng([seed, ACCUMULATOR_STREAM, layer, NOISE_SITES.index(site)])
            for layer in range(constants.config.layers)
            for site in sigmas
        }

    def _accumulated(self, layer: int, site: str, accs: list[Tensor]) -> list[Tensor]:
        sigma = self._sigmas.get(site, 0.0)
        if sigma == 0:
            return accs
        rng, scales = self._streams[layer, site], self._rms[layer, site]
        return [
            acc + torch.from_numpy(np.floor(sigma * scale * rng.standard_normal(acc.shape) + 0.5)).long()
            for acc, scale in zip(accs, scales, strict=True)
        ]
