# SPDX-License-Identifier: Apache-2.0
"""hls/kernels/qmm.hpp and popcount.hpp against the numpy reference."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from batflow.hls.packing import KINDS, Int64, WeightKind, pack_blocks, pack_weights
from batflow.hls.program import Format
from batflow.hls.reference.qmm import matmul

from .kernel_library import CONFIG, check, int32, pointer, unit_library

FORMATS = [Format(bits, signed) for bits in (1, 2, 3, 4, 8) for signed in (True, False)]


def values(rng: np.random.Generator, fmt: Format, shape: tuple[int, int]) -> Int64:
    drawn = rng.integers(fmt.low, fmt.high + 1, size=shape)
    return np.where(drawn >= 0, 1, -1) if fmt.signed and fmt.bits == 1 else drawn


def extremes(fmt: Format, shape: tuple[int, int]) -> list[Int64]:
    return [np.full(shape, fmt.low, dtype=np.int64), np.full(shape, fmt.high, dtype=np.int64)]


def run_activation(a: Int64, w: Int64, fa: Format, fw: Format, token_major: bool) -> tuple[Int64, int]:
    (rows, inputs), columns = a.shape, len(w)
    out, cycles = np.full((2, rows, columns), 99, dtype=np.int32), ctypes.c_uint64()
    a32, w32 = int32(a), int32(w)
    status = unit_library().unit_qmm_activation(
        *(rows, inputs, columns, fa.bits, fa.signed, fw.bits, fw.signed, token_major),
        *(pointer(a32), pointer(w32), pointer(out), ctypes.byref(cycles)),
    )
    check(status)
    return out[0].astype(np.int64), cycles.value


def run_weights(a: Int64, parts: list[Int64], kind: WeightKind, fa: Format) -> Int64:
    (rows, inputs), columns = a.shape, len(parts[0])
    planes = pack_weights(parts, kind)
    if kind == "wtws":
        planes = planes.transpose(1, 0, 2).reshape(1, 2 * columns, -1)
    packed = pack_blocks(planes)
    image = np.concatenate([packed.ravel(), np.zeros(2 * columns, dtype=np.uint64)])
    out, a32, at = np.full((2, rows, columns), 99, dtype=np.int32), int32(a), 8 * packed.size
    status = unit_library().unit_qmm_weights(
        *(rows, inputs, columns, fa.bits, fa.signed, KINDS.index(kind), False),
        *(pointer(a32), pointer(image), ctypes.c_uint64(at), pointer(out)),
    )
    check(status)
    return out[: len(parts)].astype(np.int64)


@pytest.mark.parametrize("bits", [1, 32, 64, 96, 512])
def test_popcount(bits: int) -> None:
    rng = np.random.default_rng(bits)
    random = rng.integers(0, 1 << 63, size=8, dtype=np.uint64)
    full = np.full(8, 0xFFFF_FFFF_FFFF_FFFF, dtype=np.uint64)
    for words in (random, full, np.zeros(8, dtype=np.uint64)):
        number = sum(int(word) << (64 * i) for i, word in enumerate(words))
        expected = (number & ((1 << bits) - 1)).bit_count()
        assert unit_library().unit_popcount(bits, pointer(words)) == expected


@pytest.mark.parametrize("fa", FORMATS, ids=str)
@pytest.mark.parametrize("fw", FORMATS, ids=str)
def test_activation_products_of_every_format(fa: Format, fw: Format) -> None:
    rng = np.random.default_rng(fa.bits * 100 + fw.bits)
    for token_major in (False, True):
        rows, inputs, columns = rng.integers(1, 24), rng.integers(1, 100), rng.integers(1, 30)
        cases = [(values(rng, fa, (rows, inputs)), values(rng, fw, (columns, inputs)))]
        cases += list(zip(extremes(fa, (rows, inputs)), extremes(fw, (columns, inputs))[::-1], strict=True))
        for a, w in cases:
            out, cycles = run_activation(a, w, fa, fw, token_major)
            np.testing.assert_array_equal(out, matmul(a, w.T))
            tiles = -(-rows // CONFIG.qmm_tokens) * -(-columns // CONFIG.qmm_outputs)
            assert cycles == tiles * fa.bits * fw.bits * -(-inputs // CONFIG.qmm_simd_bits)


@pytest.mark.parametrize("fa", FORMATS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_weight_products_of_every_kind(fa: Format, kind: WeightKind) -> None:
    rng = np.random.default_rng(fa.bits)
    alphabet = [-1, 0, 1] if kind == "ternary" else [-1, 1]
    for inputs in (1, 31, 64, 65, 160):
        rows, columns = rng.integers(1, 24), rng.integers(1, 40)
        parts = [rng.choice(alphabet, size=(columns, inputs)) for _ in range(2 if kind == "wtws" else 1)]
        for a in (values(rng, fa, (rows, inputs)), *extremes(fa, (rows, inputs))):
            out = run_weights(a, parts, kind, fa)
            for got, part in zip(out, parts, strict=True):
                np.testing.assert_array_equal(got, matmul(a, part.T))


def test_one_weight_bit_changes_exactly_its_column() -> None:
    rng, fmt = np.random.default_rng(5), Format(4, True)
    a, w = rng.integers(1, 8, size=(7, 50)), rng.choice([-1, 1], size=(9, 50))
    clean = run_weights(a, [w], "binary", fmt)[0]
    w[4, 33] *= -1
    changed = run_weights(a, [w], "binary", fmt)[0] - clean
    assert set(np.flatnonzero(changed.any(axis=0))) == {4}
    np.testing.assert_array_equal(changed[:, 4], 2 * w[4, 33] * a[:, 33])
