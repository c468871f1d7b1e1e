# SPDX-License-Identifier: Apache-2.0
"""QU, VU, softmax and LN kernels against the numpy reference, with ties and extremes."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from batflow.hls.packing import Int64
from batflow.hls.program import Format, SoftmaxConstants
from batflow.hls.reference.layernorm import layernorm
from batflow.hls.reference.qu import dyadic_sum, requant, to_format
from batflow.hls.reference.softmax import softmax
from batflow.hls.reference.vu import residual

from .kernel_library import CONFIG, check, int32, pointer, unit_library

FORMATS = [Format(bits, signed) for bits in range(1, 9) for signed in (True, False)]
EXTREME = np.array([0, 1, -1, 2**31 - 1, -(2**31) + 1, 32767, -32768], dtype=np.int64)


def int64(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_requant(fmt: Format) -> None:
    rng = np.random.default_rng(fmt.bits)
    for shift in (0, 1, 17, 40):
        for M in (0, 1, 32767, int(rng.integers(1, 32768))):
            C = int(rng.choice([-(2**45) + 1, 2**45 - 1, 0, 1 << max(shift - 1, 0)]))
            near = -C // max(M, 1) + np.arange(-3, 4)  # around the sign tie
            acc = np.concatenate([EXTREME, rng.integers(-(2**20), 2**20, 50), near])
            acc = np.clip(acc, -(2**31) + 1, 2**31 - 1)
            acc2 = rng.permutation(acc)
            out = np.empty(len(acc), dtype=np.int32)
            a32, b32 = int32(acc), int32(acc2)
            for M2 in (0, M):
                unit_library().unit_requant(
                    *(len(acc), pointer(a32), pointer(b32), M, M2, int64(C), shift),
                    *(fmt.bits, fmt.signed, pointer(out)),
                )
                total = dyadic_sum([acc, acc2], np.array([M, M2]), np.int64(C), shift)
                np.testing.assert_array_equal(out, to_format(total, fmt))


def test_sign_of_zero_is_plus_one() -> None:
    acc, out = int32([-1, 0, 1]), np.empty(3, dtype=np.int32)
    unit_library().unit_requant(3, pointer(acc), pointer(acc), 1, 0, int64(0), 0, 1, True, pointer(out))
    assert out.tolist() == [-1, 1, 1]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_qu_rows_through_planes(fmt: Format) -> None:
    rng = np.random.default_rng(fmt.bits)
    rows, d = int(rng.integers(1, 25)), int(rng.integers(1, 161))
    h = rng.integers(-32768, 32768, size=(rows, d)).astype(np.int16)
    h[0, 0] = -32768
    M, C, shift = 20000, 12345, 14 + 13 - fmt.bits
    out = np.empty((rows, d), dtype=np.int32)
    unit_library().unit_qu_rows(rows, d, pointer(h), M, int64(C), shift, fmt.bits, fmt.signed, pointer(out))
    np.testing.assert_array_equal(out, requant(h.astype(np.int64), M, C, shift, fmt))


def run_softmax(scores: Int64, k: SoftmaxConstants, bits: int) -> Int64:
    rows, keys = scores.shape
    out, s32 = np.empty((rows, keys), dtype=np.int32), int32(scores)
    status = unit_library().unit_softmax(
        *(rows, keys, pointer(s32), k.scale, k.scale_shift, int64(k.reciprocal), k.shift, bits, pointer(out))
    )
    check(status)
    return out.astype(np.int64)


@pytest.mark.parametrize("bits", range(1, 9))
def test_softmax(bits: int) -> None:
    rng = np.random.default_rng(bits)
    np_shift = 30 + bits
    k = SoftmaxConstants(int(rng.integers(1 << 14, 1 << 15)), 12, int(rng.integers(2**38, 2**39)), np_shift)
    for rows, keys in ((1, 1), (24, 24), (7, 13)):
        cases = [
            rng.integers(-300, 300, size=(rows, keys)),
            np.full((rows, keys), -17),
            rng.choice([-(2**20), 2**20], size=(rows, keys)),
            np.broadcast_to(np.arange(keys) * -8, (rows, keys)),
        ]
        for scores in cases:
            expected = softmax(np.asarray(scores, dtype=np.int64), k, bits)
            np.testing.assert_array_equal(run_softmax(np.asarray(scores), k, bits), expected)


def run_layernorm(r: Int64, G: Int64, B: Int64, shift: int, epsilon: int) -> tuple[Int64, int]:
    out = np.ascontiguousarray(r, dtype=np.int16)
    gamma, beta = int32(G), np.ascontiguousarray(B, dtype=np.int64)
    count = unit_library().unit_layernorm(
        *r.shape, pointer(out), pointer(gamma), pointer(beta), shift, int64(epsilon)
    )
    return out.astype(np.int64), count


@pytest.mark.parametrize("d", [1, 2, 31, 96, 160])
def test_layernorm(d: int) -> None:
    rng = np.random.default_rng(d)
    G, B = rng.integers(-32767, 32768, d), rng.integers(-(2**30), 2**30, d)
    wide = rng.integers(-32768, 32768, size=(CONFIG.max_tokens, d))
    cases = [
        wide,
        wide >> 10,
        np.zeros((2, d)),
        np.full((3, d), -32768),
        np.where(np.arange(d) % 2, 32767, -32768)[None, :],
        (np.arange(d) == 0).astype(np.int64)[None, :],
    ]
    for r in cases:
        for shift, epsilon in ((14, 1), (0, 2**40 - 1), (40, 77)):
            r64 = np.asarray(r, dtype=np.int64)
            expected, changed = layernorm(r64, G, B, shift, epsilon)
            out, count = run_layernorm(r64, G, B, shift, epsilon)
            np.testing.assert_array_equal(out, expected)
            assert count == changed


def test_residual_saturates_and_counts() -> None:
    rng, n = np.random.default_rng(3), CONFIG.max_hidden
    seen = 0
    for shift in (0, 9, 40):
        h = rng.choice([-32768, 32767, 0, 5], size=n).astype(np.int16)
        acc = np.resize(np.concatenate([EXTREME, rng.integers(-2000, 2000, 60)]), n)
        M, C, out = np.array([31000, 7]), 1 << max(shift - 1, 0), np.empty(n, dtype=np.int32)
        a32, b32 = int32(acc), int32(acc[::-1])
        count = unit_library().unit_residual(
            *(n, pointer(h), pointer(a32), pointer(b32), 31000, 7, int64(C), shift, pointer(out))
        )
        expected, changed = residual(h.astype(np.int64), [acc, acc[::-1]], M, np.int64(C), shift)
        np.testing.assert_array_equal(out, expected)
        assert count == changed
        seen += changed
    assert seen > 0
