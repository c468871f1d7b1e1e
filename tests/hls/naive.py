# SPDX-License-Identifier: Apache-2.0
"""docs/numerics.md in plain Python integers, one value at a time: a second opinion on every unit."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt


def requant(acc: int, M: int, C: int, shift: int, bits: int, signed: bool) -> int:
    y = (acc * M + C) >> shift
    if signed and bits == 1:
        return 1 if y >= 0 else -1
    low = -(1 << (bits - 1)) if signed else 0
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
    return min(max(y, low), high)


def sat16(x: int) -> int:
    return min(max(x, -32768), 32767)


def rsqrt_entry(i: int) -> int:
    # floor(2^31 / sqrt((i + 64.5) * 2^24) + 1/2) by exact comparison of squares
    square = Fraction(1 << 62) / (Fraction(2 * i + 129, 2) * (1 << 24))
    t = isqrt(int(square))
    while (Fraction(2 * t + 1, 2)) ** 2 <= square:
        t += 1
    return t


def layernorm(row: list[int], G: list[int], B: list[int], shift: int, epsilon: int) -> list[int]:
    d, S, Q = len(row), sum(row), sum(r * r for r in row)
    V = d * Q - S * S + epsilon
    g = (V.bit_length() - 31) >> 1
    v = V >> 2 * g if g >= 0 else V << -2 * g
    assert 1 << 30 <= v < 1 << 32
    y = rsqrt_entry((v >> 24) - 64)
    y = (y * (((3 << 50) - y * y * (v >> 12)) >> 34)) >> 17
    out = []
    for r, gain, offset in zip(row, G, B, strict=True):
        u = d * r - S
        z = (u * y + (1 << (18 + g))) >> (19 + g)
        assert abs(u * y) < 1 << 47 and abs(z) < 1 << 19
        out.append(sat16((z * gain + offset) >> shift))
    return out


def exp2_entry(f: int) -> int:
    # largest t with t - 1/2 <= 2^(15 - f/64), by exact comparison of 64th powers
    t = 1 << 15
    while Fraction(2 * t - 1, 2) ** 64 > Fraction(1 << (15 * 64), 1 << f):
        t -= 1
    return t


def softmax(row: list[int], Ms: int, ns: int, Kp: int, np_: int, bits: int, table: list[int]) -> list[int]:
    m = max(row)
    e = []
    for s in row:
        x = ((m - s) * Ms + (1 << (ns - 1))) >> ns
        e.append(table[x & 63] >> (x >> 6) if x >> 6 <= 15 else 0)
    R = Kp // sum(e)
    return [min((value * R + (1 << (np_ - 1))) >> np_, (1 << bits) - 1) for value in e]
