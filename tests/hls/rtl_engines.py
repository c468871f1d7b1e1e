# SPDX-License-Identifier: Apache-2.0
"""Engine configurations that the RTL tests share, and random operands for them."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from batflow.errors import MissingToolError
from batflow.hls.cosim_qmm import Product, QmmEngine, WeightKind, weight_operand
from batflow.hls.packing import Int64
from batflow.hls.qmm_protocol import QmmConfig, operand
from batflow.hls.verilator import find_verilator

# Each covers something that the others do not: the product's own sizes; tiny buffers, three tokens,
# tiles of 8 outputs (half a block); one token, wide words; tiles of 32 outputs (two blocks), five tokens,
# all of them in one beat; no K/V, fewer tiles of weights than words.
CONFIGS = {
    "demo": QmmConfig(),
    "odd": QmmConfig(
        tokens=3, outputs=8, simd=64, a_bits=5, w_bits=3, acc_bits=17, k_words=5, kv_k_words=2, a_words=11,
        w_words=25, kv_words=13, bus_bits=256, kv_bits=64, a_tokens=1, out_lanes=4, result_tiles=1, jobs=4,
    ),
    "serial": QmmConfig(
        tokens=1, outputs=16, simd=128, a_bits=8, w_bits=4, acc_bits=22, k_words=3, kv_k_words=3, a_words=24,
        w_words=40, kv_words=24, bus_bits=128, kv_bits=128, a_tokens=1, out_lanes=16, result_tiles=5, jobs=2,
    ),
    "wide": QmmConfig(
        tokens=5, outputs=32, simd=64, a_bits=4, w_bits=8, acc_bits=21, k_words=8, kv_k_words=3, a_words=32,
        w_words=30, kv_words=40, bus_bits=64, kv_bits=256, a_tokens=5, out_lanes=2, result_tiles=3, jobs=3,
    ),
    "pair": QmmConfig(
        tokens=2, outputs=8, simd=128, a_bits=8, w_bits=1, acc_bits=18, k_words=4, kv_k_words=1, a_words=32,
        w_words=16, kv_words=0, bus_bits=512, kv_bits=64, a_tokens=2, out_lanes=1, result_tiles=8, jobs=8,
        w_tiles=3,
    ),
}  # fmt: skip


GATES = QmmConfig(
    tokens=1, outputs=8, simd=64, a_bits=3, w_bits=3, acc_bits=17, k_words=4, kv_k_words=2, a_words=12,
    w_words=16, kv_words=16, bus_bits=64, kv_bits=64, a_tokens=1, out_lanes=8, result_tiles=2, jobs=2,
    structural=1,
)  # fmt: skip
"""The synthesis form of the popcount; its simulation takes long to build."""


def require_verilator() -> None:
    """Skip the test, naming what is missing, where RTL cannot be simulated."""
    try:
        find_verilator()
    except MissingToolError as missing:
        pytest.skip(str(missing))


@functools.cache
def engine(name: str) -> QmmEngine:
    """One engine per configuration for the whole test session."""
    require_verilator()
    return QmmEngine(GATES if name == "gates" else CONFIGS[name])


def random_acts(rng: np.random.Generator, tokens: int, k: int, bits: int, signed: bool) -> Int64:
    """Activations [tokens, k] over the whole range of a format."""
    if signed and bits == 1:
        return 2 * rng.integers(0, 2, (tokens, k)) - 1
    low = -(1 << (bits - 1)) if signed else 0
    return rng.integers(low, low + (1 << bits), (tokens, k))


def random_weights(rng: np.random.Generator, outputs: int, k: int, kind: WeightKind, bits: int) -> Int64:
    """Weights [outputs, k] over the whole range of a kind."""
    if kind == "ternary":
        return rng.integers(-1, 2, (outputs, k))
    return random_acts(rng, outputs, k, 1 if kind == "binary" else bits, kind != "unsigned")


def weight_formats(config: QmmConfig) -> list[tuple[WeightKind, int]]:
    """All weight kinds and widths of a configuration."""
    found: list[tuple[WeightKind, int]] = [("binary", 1), ("ternary", 2)]
    if not config.kv_words:
        return found
    found += [("unsigned", bits) for bits in range(1, config.w_bits + 1)]
    return found + [("signed", bits) for bits in range(1, config.w_bits + 1)]


def random_product(rng: np.random.Generator, config: QmmConfig) -> tuple[Product, Int64]:
    """A product of random shape and mode for a configuration, and its accumulators."""
    tokens, outputs = (int(v) for v in rng.integers(1, 14, 2))
    k = int(rng.integers(1, 3 * config.simd + 2))
    bits, signed = int(rng.integers(1, config.a_bits + 1)), bool(rng.integers(2))
    formats = weight_formats(config)
    kind, weight_bits = formats[int(rng.integers(len(formats)))]
    acts = random_acts(rng, tokens, k, bits, signed)
    weights = random_weights(rng, outputs, k, kind, weight_bits)
    right = weight_operand(weights, kind, weight_bits, k)
    on_chip = kind in ("signed", "unsigned")
    return Product(operand(acts, bits, signed, "activations"), right, on_chip), acts @ weights.T
