# SPDX-License-Identifier: Apache-2.0
"""Requant, softmax and LayerNorm of deploy mode against plain Python integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batflow.quant.constants import RequantConstants
from batflow.quant.deploy import apply_requant
from batflow.quant.dyadic import softmax_reciprocal, softmax_scale
from batflow.quant.layernorm import LayerNormConstants, bit_length, integer_layernorm
from batflow.quant.softmax import SoftmaxConstants, float_softmax, integer_softmax

from . import naive

EDGE = (1 << 31) - 1


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("parts", [1, 2])
def test_requant(bits: int, signed: bool, parts: int) -> None:
    rng = np.random.default_rng(bits)
    M = rng.integers(0, 1 << 15, (parts, 6))
    M[:, 0], M[:, 1] = (1 << 15) - 1, 0
    C = rng.integers(-(1 << 44), 1 << 44, 6)
    C[0], C[1], C[2] = (1 << 45) - 1, -(1 << 45) + 1, 0
    for shift in (0, 1, 17, 33, 40):
        c = RequantConstants(M, C, shift, bits, signed)
        accs = rng.integers(-EDGE, EDGE, (parts, 5, 6)) >> rng.integers(0, 31, (parts, 5, 1))
        accs[:, 0], accs[:, 1], accs[:, 2] = EDGE, -EDGE, 0
        got = apply_requant([torch.from_numpy(a) for a in accs], c)
        for t in range(5):
            for o in range(6):
                acc = [int(accs[p, t, o]) for p in range(parts)]
                wanted = naive.requant(acc, M[:, o].tolist(), int(C[o]), shift, bits, signed)
                assert int(got[t, o]) == wanted


def test_requant_ties_go_up() -> None:
    half = RequantConstants(np.array([[1]]), np.array([1]), 1, 4, True)
    acc = torch.arange(-5, 6)[:, None]
    assert apply_requant([acc], half)[:, 0].tolist() == [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3]


def softmax_constants(bits: int, step: float, alpha: float) -> SoftmaxConstants:
    return SoftmaxConstants(*softmax_scale(step, "x"), *softmax_reciprocal(alpha, "x"), bits)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.integers(-(1 << 26), 1 << 26), min_size=1, max_size=12),
    bits=st.integers(1, 8),
    step=st.floats(1e-6, 2.0),
    alpha=st.floats(1e-3, 1.0),
)
def test_softmax_rows(rows: list[int], bits: int, step: float, alpha: float) -> None:
    c = softmax_constants(bits, step, alpha)
    # The same row twice: alone, and with padded keys that would win the maximum.
    width = len(rows) + 3
    scores = torch.full((2, 1, width, width), 1 << 26, dtype=torch.int64)
    scores[:, :, :, : len(rows)] = torch.tensor(rows)
    scores[1, :, :, len(rows) :] = -(1 << 26)
    mask = (torch.arange(width) < len(rows)).expand(2, width)
    got = integer_softmax(scores, mask, c)
    wanted = naive.softmax(rows, c.scale, c.scale_shift, c.reciprocal, c.shift, bits)
    for sentence in range(2):
        assert got[sentence, 0, 0].tolist() == [*wanted, 0, 0, 0]


@pytest.mark.parametrize("bits", range(1, 9))
def test_softmax_adversarial(bits: int) -> None:
    c = softmax_constants(bits, 0.02, 1.0 / ((1 << bits) - 1))
    cases = [[5] * 9, [0] * 512, [1 << 26, -(1 << 26)], [0, -1], list(range(-400, 400, 7)), [7]]
    for row in cases:
        scores = torch.tensor(row)[None, None, None, :].expand(1, 1, len(row), len(row))
        got = integer_softmax(scores, torch.ones(1, len(row), dtype=torch.bool), c)
        wanted = naive.softmax(row, c.scale, c.scale_shift, c.reciprocal, c.shift, bits)
        assert got[0, 0, 0].tolist() == wanted


def test_integer_softmax_is_close_to_the_float_one() -> None:
    torch.manual_seed(1)
    c = softmax_constants(8, 0.01, 1 / 255)
    scores = torch.randint(-300, 300, (2, 3, 16, 16))
    mask = torch.arange(16).expand(2, 16) < torch.tensor([[16], [9]])
    exact = float_softmax(scores.double() * 0.01, mask)
    got = integer_softmax(scores, mask, c) / 255
    assert float((got - exact).abs().max()) < 1.5 / 255


@settings(max_examples=80, deadline=None)
@given(
    row=st.lists(
        st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, 32767, 0, 1])),
        min_size=2,
        max_size=24,
    ),
    epsilon=st.sampled_from([1, 2, 1000, 1 << 30]),
    shift=st.integers(0, 24),
    seed=st.integers(0, 1000),
)
def test_layernorm_rows(row: list[int], epsilon: int, shift: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain = rng.integers(-(1 << 15) + 1, 1 << 15, len(row))
    bias = rng.integers(-(1 << 30), 1 << 30, len(row))
    c = LayerNormConstants(torch.from_numpy(gain), torch.from_numpy(bias), shift, epsilon)
    wanted = naive.layernorm(row, gain.tolist(), bias.tolist(), shift, epsilon)
    assert integer_layernorm(torch.tensor([row]), c)[0][0].tolist() == wanted


def test_layernorm_widest_row_and_equal_rows() -> None:
    d = 4096
    rows = [[32767, -32768] * (d // 2), [-32768] * d, [0] * d, [32767] + [-32768] * (d - 1)]
    gain, bias = [32767] * d, [(1 << 40) - 1] * d
    c = LayerNormConstants(torch.tensor(gain), torch.tensor(bias), 27, 1)
    got, _ = integer_layernorm(torch.tensor(rows), c)
    for index, row in enumerate(rows):
        assert got[index].tolist() == naive.layernorm(row, gain, bias, 27, 1)
    assert set(got[1].tolist()) == {((1 << 40) - 1) >> 27}


def test_layernorm_counts_what_it_clips() -> None:
    c = LayerNormConstants(torch.tensor([32767] * 4), torch.zeros(4, dtype=torch.int64), 8, 1)
    clipped, wide = integer_layernorm(torch.tensor([[0, 0, 0, 9]]), c)
    assert int(clipped.max()) == 32767 and int(wide.max()) > 32767


def test_bit_length_is_exact_at_powers_of_two() -> None:
    values = [v for k in range(1, 55) for v in ((1 << k) - 1, 1 << k, (1 << k) + 1)]
    assert bit_length(torch.tensor(values)).tolist() == [v.bit_length() for v in values]
    # Negative control: a float64 logarithm is wrong just below a large power of two.
    top = torch.tensor([(1 << 54) - 1])
    assert int(torch.log2(top.double()).floor()) + 1 != int(bit_length(top))
