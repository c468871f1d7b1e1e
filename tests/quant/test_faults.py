# SPDX-License-Identifier: Apache-2.0
"""Flipped weight bits in exact numbers, and accumulator noise at its site alone."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch

from batflow.errors import InputError
from batflow.quant.config import LINEARS
from batflow.quant.constants import ModelConstants, build_constants
from batflow.quant.deploy import IntegerModel
from batflow.quant.faults import (
    NOISE_SITES,
    NoisyModel,
    accumulator_rms,
    flip_weights,
    flipped_bits,
    integer_logits,
    weight_bits,
)

from .models import FFN, HIDDEN, tiny_split, tiny_student

PLANES = {"binary": 1, "ternary": 2, "wtws": 2}
FIRST_TAP = {"scores": "probs", "context": "ctx", "o": "attn_sum", "ffn1": "ffn_mid", "ffn2": "ffn_sum"}
ORDER = ("attn_in", "q", "k", "v", "probs", "ctx", "attn_sum", "attn_out", "ffn_in", "ffn_mid", "ffn_sum")


@functools.cache
def constants_of(kind: str = "binary") -> ModelConstants:
    return build_constants(tiny_student(weight=kind))


def changed(before: ModelConstants, after: ModelConstants) -> int:
    """Weight values that differ: each is one flipped bit of a binary matrix."""
    pairs = zip(before.layers, after.layers, strict=True)
    return sum(int((a.weight[n] != b.weight[n]).sum()) for a, b in pairs for n in LINEARS)


@pytest.mark.parametrize("kind", PLANES)
def test_every_weight_bit_is_counted(kind: str) -> None:
    assert weight_bits(constants_of(kind)) == 2 * PLANES[kind] * (4 * HIDDEN * HIDDEN + 2 * HIDDEN * FFN)


@pytest.mark.parametrize("kind", PLANES)
@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.003, 0.05, 0.5, 1.0])
def test_the_count_of_flips_is_what_the_rate_says(kind: str, rate: float) -> None:
    constants = constants_of(kind)
    places = flipped_bits(constants, rate, seed=5)
    wanted = math.floor(rate * weight_bits(constants) + 0.5)
    assert sum(len(np.unique(found)) for found in places.values()) == wanted
    if kind != "ternary":
        assert changed(constants, flip_weights(constants, rate, seed=5)) == wanted


def test_flips_fall_everywhere_and_follow_the_seed() -> None:
    constants = constants_of()
    first, again, other = (flipped_bits(constants, 0.05, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert any(not np.array_equal(first[key], other[key]) for key in first)
    assert min(len(found) for found in first.values()) > 0
    share = len(first[0, "ffn1"]) / (HIDDEN * FFN)
    assert 0.5 * 0.05 < share < 2 * 0.05


@pytest.mark.parametrize("kind", PLANES)
def test_rate_zero_is_the_clean_model_and_nothing_else_is(kind: str) -> None:
    constants, split = constants_of(kind), tiny_split()
    clean = integer_logits(IntegerModel(constants), split)
    assert torch.equal(integer_logits(IntegerModel(flip_weights(constants, 0.0, 1)), split), clean)
    assert not torch.equal(integer_logits(IntegerModel(flip_weights(constants, 0.05, 1)), split), clean)


def test_flips_leave_the_original_and_every_other_constant() -> None:
    constants = constants_of()
    kept = constants.layers[0].weight["q"].copy()
    flipped = flip_weights(constants, 1.0, 1)
    assert np.array_equal(constants.layers[0].weight["q"], kept)
    assert np.array_equal(flipped.layers[0].weight["q"], -kept), "rate 1 inverts every binary weight"
    assert flipped.layers[0].requant is constants.layers[0].requant


def test_a_ternary_weight_is_the_difference_of_its_planes() -> None:
    """Rate 1 turns (P, N) = (1, 0), (0, 1), (0, 0) into (0, 1), (1, 0), (1, 1): -1, +1, 0."""
    constants = constants_of("ternary")
    flipped = flip_weights(constants, 1.0, 1)
    for name in LINEARS:
        assert np.array_equal(flipped.layers[1].weight[name], -constants.layers[1].weight[name])
    some = flip_weights(constants, 0.2, 1)
    assert set(np.unique(some.layers[0].weight["ffn1"])) == {-1, 0, 1}


@pytest.mark.parametrize("kind", ["binary", "wtws"])
def test_no_noise_is_the_clean_model(kind: str) -> None:
    constants, split = constants_of(kind), tiny_split()
    rms = accumulator_rms(constants, split)
    clean = integer_logits(IntegerModel(constants), split)
    for sigma in (0.0, 1e-9):
        noisy = NoisyModel(constants, dict.fromkeys(NOISE_SITES, sigma), rms, 1)
        assert torch.equal(integer_logits(noisy, split), clean), "noise below half a step rounds to none"
    noisy = NoisyModel(constants, dict.fromkeys(NOISE_SITES, 0.3), rms, 1)
    assert not torch.equal(integer_logits(noisy, split), clean)


@pytest.mark.parametrize("site", NOISE_SITES)
def test_noise_enters_at_its_site(site: str) -> None:
    constants, split = constants_of(), tiny_split(16)
    rms = accumulator_rms(constants, split)
    clean = IntegerModel(constants).run(split.ids, split.types, split.mask)
    noisy = NoisyModel(constants, {site: 2.0}, rms, 1).run(split.ids, split.types, split.mask)
    first = FIRST_TAP.get(site, site)
    same = [tap for tap in ORDER if torch.equal(noisy[f"L0.{tap}"], clean[f"L0.{tap}"])]
    before = [tap for tap in ORDER if ORDER.index(tap) < ORDER.index(first)]
    assert first not in same and set(before) <= set(same)
    if site in ("q", "k"):
        assert "v" in same


@pytest.mark.parametrize("kind", ["binary", "wtws"])
def test_noise_has_its_size_at_every_layer_and_part(kind: str) -> None:
    constants, split = constants_of(kind), tiny_split(200)
    rms = accumulator_rms(constants, split)

    class Watched(NoisyModel):
        def _accumulated(self, layer: int, site: str, accs: list[torch.Tensor]) -> list[torch.Tensor]:
            noisy = super()._accumulated(layer, site, accs)
            added = [(b - a).double() for a, b in zip(accs, noisy, strict=True)]
            sizes.append([float(x.std()) / r for x, r in zip(added, rms[layer, site], strict=True)])
            return noisy

    sizes: list[list[float]] = []
    model = Watched(constants, dict.fromkeys(NOISE_SITES, 0.8), rms, 3)
    model.logits(split.ids, split.types, split.mask)
    assert len(sizes) == 2 * len(NOISE_SITES)
    assert all(0.75 < size < 0.85 for parts in sizes for size in parts)


def test_the_rms_of_accumulators_leaves_padding_out() -> None:
    constants, split = constants_of(), tiny_split(20)
    found = accumulator_rms(constants, split)
    squares: dict[str, list[float]] = {"q": [], "scores": []}
    for row in range(20):
        length = int(split.mask[row].sum())
        taps = IntegerModel(constants).trace(
            split.ids[row, :length].tolist(), split.types[row, :length].tolist()
        )
        weight = constants.layers[0].weight["q"][0].astype(np.int64)
        squares["q"] += ((taps["L0.attn_in"] @ weight.T) ** 2).ravel().tolist()
        for head in range(2):
            columns = slice(head * HIDDEN // 2, (head + 1) * HIDDEN // 2)
            scores = taps["L0.q"][:, columns] @ taps["L0.k"][:, columns].T
            squares["scores"] += (scores**2).ravel().tolist()
    for site, values in squares.items():
        assert found[0, site] == [pytest.approx(math.sqrt(sum(values) / len(values)), rel=1e-12)]


def test_noise_follows_the_seed_and_is_the_sites_own() -> None:
    constants, split = constants_of(), tiny_split()
    rms = accumulator_rms(constants, split)
    first, again, other = (
        integer_logits(NoisyModel(constants, {"v": 0.5}, rms, s), split) for s in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    both = integer_logits(NoisyModel(constants, {"v": 0.5, "q": 0.0}, rms, 1), split)
    assert torch.equal(first, both)


def test_bad_input() -> None:
    constants = constants_of()
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="from 0 to 1"):
            flipped_bits(constants, rate, 1)
    with pytest.raises(InputError, match="no accumulator site 'gelu'"):
        NoisyModel(constants, {"gelu": 0.1}, {}, 1)
    for sigma in (-1.0, float("inf")):
        with pytest.raises(InputError, match="sigma of q"):
            NoisyModel(constants, {"q": sigma}, {}, 1)
