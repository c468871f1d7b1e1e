# SPDX-License-Identifier: Apache-2.0
"""The reference units against plain Python integers, on random and adversarial values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batflow.errors import InputError
from batflow.hls.program import Format, SoftmaxConstants
from batflow.hls.reference.encoder import Reference
from batflow.hls.reference.host import embed, pool
from batflow.hls.reference.layernorm import layernorm
from batflow.hls.reference.qmm import matmul
from batflow.hls.reference.qu import requant
from batflow.hls.reference.softmax import softmax
from batflow.hls.reference.tables import EXP2, RSQRT
from batflow.hls.reference.vu import residual

from . import naive
from .programs import random_ids, random_program


def test_tables_equal_exact_fractions() -> None:
    assert EXP2.tolist() == [naive.exp2_entry(f) for f in range(64)]
    assert RSQRT.tolist() == [naive.rsqrt_entry(i) for i in range(192)]


@settings(max_examples=200, deadline=None)
@given(
    bits=st.integers(1, 8),
    signed=st.booleans(),
    M=st.integers(0, (1 << 15) - 1),
    C=st.integers(-(1 << 45) + 1, (1 << 45) - 1),
    shift=st.integers(0, 40),
    accs=st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=1, max_size=8),
)
def test_requant(bits: int, signed: bool, M: int, C: int, shift: int, accs: list[int]) -> None:
    got = requant(np.array(accs), M, C, shift, Format(bits, signed))
    assert got.tolist() == [naive.requant(a, M, C, shift, bits, signed) for a in accs]


def test_requant_rounds_ties_up_and_sign_of_zero_is_plus() -> None:
    # M / 2^n = 1/2 with C = half: accumulators 1 and -1 lie on ties, +0.5 -> 1 and -0.5 -> 0.
    assert requant(np.array([1, -1, 3, -3]), 1, 1, 1, Format(4, True)).tolist() == [1, 0, 2, -1]
    assert requant(np.array([0, -1, 1]), 1, 0, 0, Format(1, True)).tolist() == [1, -1, 1]
    assert requant(np.array([-5, 0, 9]), 1, 0, 0, Format(1, False)).tolist() == [0, 0, 1]


ROWS = {
    "all equal": lambda rng, d: np.full(d, 777),
    "zeros": lambda rng, d: np.zeros(d),
    "extremes": lambda rng, d: rng.choice([-32768, 32767], d),
    "one hot": lambda rng, d: np.eye(1, d, d // 2)[0] * 32767,
    "differ by one": lambda rng, d: np.arange(d) % 2,
    "random": lambda rng, d: rng.integers(-32768, 32768, d),
    "small": lambda rng, d: rng.integers(-3, 4, d),
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("d", [4, 64, 384, 768, 4096])
def test_layernorm(row: str, d: int) -> None:
    rng = np.random.default_rng(d)
    for epsilon in (1, 12345, (1 << 40) - 1):
        r = ROWS[row](rng, d).astype(np.int64)
        G, B = rng.integers(-32767, 32768, d), rng.integers(-(1 << 40), 1 << 40, d)
        shift = int(rng.integers(0, 41))
        got, saturations = layernorm(r[None], G, B, shift, epsilon)
        expected = naive.layernorm(r.tolist(), G.tolist(), B.tolist(), shift, epsilon)
        assert got[0].tolist() == expected
        assert saturations <= d


def test_layernorm_approximates_the_real_one() -> None:
    rng = np.random.default_rng(3)
    r = rng.normal(0, 3000, (50, 384)).astype(np.int64)
    got, _ = layernorm(r, np.full(384, 1 << 12), np.full(384, 1 << 11), 12, 1)
    real = (r - r.mean(1, keepdims=True)) / r.std(1, keepdims=True) * 4096
    assert np.abs(got - real).max() <= 2


@settings(max_examples=100, deadline=None)
@given(
    bits=st.integers(1, 8),
    scores=st.lists(st.integers(-(1 << 19), 1 << 19), min_size=1, max_size=40),
    Ms=st.integers(1 << 14, (1 << 15) - 1),
    ns=st.integers(1, 40),
    alpha=st.floats(1 / 1024, 1.0),
)
def test_softmax(bits: int, scores: list[int], Ms: int, ns: int, alpha: float) -> None:
    shift = 38 + int(np.floor(np.log2(alpha)))
    Kp = round(2.0**shift / alpha)
    got = softmax(np.array(scores), SoftmaxConstants(Ms, ns, Kp, shift), bits)
    assert got.tolist() == naive.softmax(scores, Ms, ns, Kp, shift, bits, EXP2.tolist())


def test_softmax_padded_keys_contribute_nothing() -> None:
    rng = np.random.default_rng(1)
    constants = SoftmaxConstants(20000, 14, 15 << 35, 35)
    scores = rng.integers(-2000, 2000, (4, 12, 12))
    valid = np.arange(12) < 7
    masked = softmax(scores, constants, 4, valid)
    assert (masked[..., 7:] == 0).all()
    assert (masked[..., :7] == softmax(scores[..., :7], constants, 4)).all()
    scores[..., 7:] = 1 << 18
    assert (softmax(scores, constants, 4, valid) == masked).all()


def test_residual_saturates_and_counts() -> None:
    h = np.array([[32767, -32768, 5]])
    r, count = residual(h, [np.array([[1, -1, 1]])], np.array([[1, 1, 1]]), np.zeros(3, dtype=np.int64), 0)
    assert r.tolist() == [[32767, -32768, 6]]
    assert count == 2


def test_matmul_is_exact_and_refuses_what_is_not() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-(1 << 15), 1 << 15, (7, 3072)), rng.integers(-255, 256, (3072, 5))
    assert (matmul(a, b) == a @ b).all()
    with pytest.raises(OverflowError):
        matmul(np.full((1, 4), 1 << 40), np.full((4, 1), 1 << 40))


def test_pool_mean_is_the_rounded_mean_of_true_tokens() -> None:
    h = np.random.default_rng(0).integers(-20000, 20000, (3, 9, 16))
    mask = np.arange(9)[None] < np.array([[1], [4], [9]])
    got = pool(h, mask, "mean")
    for row, length in enumerate((1, 4, 9)):
        assert np.abs(got[row] - h[row, :length].mean(0)).max() <= 1
    assert (got[0] == h[0, 0]).all()
    assert (pool(h, mask, "cls") == h[:, 0]).all()


@pytest.mark.parametrize("ids", [[], [0] * 17, [-1], [200]])
def test_embed_refuses_bad_sequences(ids: list[int]) -> None:
    program = random_program(0)
    with pytest.raises(InputError):
        embed(program.host, np.array(ids, dtype=np.int64), np.zeros(len(ids), dtype=np.int64))


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_encoder_runs_and_one_weight_bit_is_seen(kind: str, bits: int) -> None:
    program = random_program(5, bits=bits, kind=kind)  # type: ignore[arg-type]
    ids = random_ids(1, program, 11)
    before = Reference(program).run(ids)
    program.layers[1].matrices["o"].weight[0, 3, 0] ^= np.uint64(1 << 7)
    after = Reference(program).run(ids)
    differing = [tap for tap in before.taps if not np.array_equal(before.taps[tap], after.taps[tap])]
    assert differing[0] == "L1.attn_sum"
    assert (np.argwhere(before.taps["L1.attn_sum"] != after.taps["L1.attn_sum"])[:, 1] == 3).all()
