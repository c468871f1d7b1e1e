# SPDX-License-Identifier: Apache-2.0
"""Dyadic constants: the worked example, ranges against exact fractions, and refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.quant import dyadic

from . import naive


def test_worked_example_of_the_document() -> None:
    M, C, n = dyadic.requant(0.1, 0.3, 0.5, 0.25, half=True, where="x")
    assert n == 17 and M.tolist() == [26214] and C.tolist() == [78643]
    assert naive.requant([-7], M.tolist(), int(C[0]), n, 4, True) == -1


def test_shift_is_the_largest_that_fits() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        scale = 10.0 ** rng.uniform(-7, 3, 4)
        offset = rng.normal(0, 10.0 ** rng.uniform(-2, 3), 4)
        M, C, n = dyadic.affine(scale, offset, "x")
        assert M.min() >= 0 and M.max() < 1 << 15 and np.abs(C).max() < 1 << 45
        for s, m in zip(scale, M.tolist(), strict=True):
            assert abs(Fraction(float(s)) * 2**n - m) <= Fraction(1, 2)
        if n < 40:
            wider = dyadic.round_half_up(scale * 2.0 ** (n + 1)).max() >= 1 << 15
            assert wider or np.abs(offset).max() * 2.0 ** (n + 1) >= 2.0**45 - 1


def test_multiplier_range_edge() -> None:
    assert dyadic.affine(np.array([32767.4]), np.zeros(1), "x")[0].tolist() == [32767]
    with pytest.raises(InputError, match="multiplier"):
        dyadic.affine(np.array([32767.5]), np.zeros(1), "x")


def test_half_is_in_the_offset_but_for_one_bit_signed() -> None:
    _, C, n = dyadic.requant(1.0, 0.0, 1.0, 0.0, half=True, where="x")
    assert C.tolist() == [1 << (n - 1)]
    assert dyadic.requant(1.0, 0.0, 1.0, 0.0, half=False, where="x")[1].tolist() == [0]


def test_softmax_constants_are_in_range() -> None:
    for step in 2.0 ** np.linspace(-30, 5, 300):
        Ms, ns = dyadic.softmax_scale(float(step), "x")
        assert 1 << 14 <= Ms < 1 << 15 and 1 <= ns <= 40
        assert Ms / 2**ns == pytest.approx(step * np.log2(np.e) * 64, rel=1e-4)
    for alpha in 2.0 ** np.linspace(-20, 7, 300):
        Kp, np_ = dyadic.softmax_reciprocal(float(alpha), "x")
        assert 1 << 38 <= Kp < 1 << 39
        assert Kp * alpha == pytest.approx(2.0**np_)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30])
def test_softmax_refusals(bad: float) -> None:
    with pytest.raises(InputError):
        dyadic.softmax_scale(bad, "L0.softmax")
    with pytest.raises(InputError):
        dyadic.softmax_reciprocal(bad, "L0.probs")


def test_requant_refusals() -> None:
    with pytest.raises(InputError, match="alpha"):
        dyadic.requant(1.0, 0.0, 0.0, 0.0, half=True, where="L0.q")
    with pytest.raises(InputError, match="negative"):
        dyadic.requant(-1.0, 0.0, 1.0, 0.0, half=True, where="L0.q")
    with pytest.raises(InputError, match="not finite"):
        dyadic.requant(1.0, float("nan"), 1.0, 0.0, half=True, where="L0.q")


def test_fraction_bits() -> None:
    assert dyadic.fraction_bits(1.0, headroom=1.0) == 14
    assert dyadic.fraction_bits(0.0) == 15
    assert dyadic.fraction_bits(32767.0, headroom=1.0) == 0
    with pytest.raises(InputError, match="16-bit"):
        dyadic.fraction_bits(32767.0)


def test_reciprocals() -> None:
    table = dyadic.reciprocal_table(64)
    assert [int(table[n]) for n in (0, 1, 2, 3, 64)] == [0, 1 << 20, 1 << 19, 349525, 1 << 14]


def test_epsilon_is_at_least_one() -> None:
    assert dyadic.layernorm_epsilon(1e-12, 384, 9) == 1
    assert dyadic.layernorm_epsilon(1e-5, 384, 10) == round(1e-5 * 384 * 384 * 4**10)
