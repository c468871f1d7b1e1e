# SPDX-License-Identifier: Apache-2.0
"""docs/numerics.md in plain Python integers, written apart from the code under test."""

from __future__ import annotations

import math


def requant(acc: list[int], M: list[int], C: int, shift: int, bits: int, signed: bool) -> int:
    y = sum(a * m for a, m in zip(acc, M, strict=True)) + C
    y //= 2**shift
    if signed and bits == 1:
        return 1 if y >= 0 else -1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return min(max(y, low), high)


def sat16(x: int) -> int:
    return min(max(x, -32768), 32767)


def softmax(row: list[int], scale: int, ns: int, reciprocal: int, shift: int, bits: int) -> list[int]:
    top = max(row)
    exps = []
    for s in row:
        x = ((top - s) * scale + 2 ** (ns - 1)) // 2**ns
        octave, step = divmod(x, 64)
        value = math.floor(2**15 * 2 ** (-step / 64) + 0.5)
        exps.append(0 if octave > 15 else value // 2**octave)
    R = reciprocal // sum(exps)
    return [min((e * R + 2 ** (shift - 1)) // 2**shift, 2**bits - 1) for e in exps]


def layernorm(row: list[int], gain: list[int], bias: list[int], shift: int, epsilon: int) -> list[int]:
    d, total = len(row), sum(row)
    V = d * sum(r * r for r in row) - total * total + epsilon
    g = (V.bit_length() - 31) // 2
    v = V // 4**g if g >= 0 else V * 4**-g
    y = math.floor(2**31 / math.sqrt(((v >> 24) - 64 + 64.5) * 2**24) + 0.5)
    y = (y * ((3 * 2**50 - y * y * (v >> 12)) // 2**34)) // 2**17
    out = []
    for r, G, B in zip(row, gain, bias, strict=True):
        z = ((d * r - total) * y + 2 ** (18 + g)) // 2 ** (19 + g)
        out.append(sat16((z * G + B) // 2**shift))
    return out
