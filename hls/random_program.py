# SPDX-License-Identifier: Apache-2.0
"""Random EncoderPrograms whose activations spread over their ranges, for tests and vendor projects."""

from __future__ import annotations

import math

import numpy as np

from .packing import Int64, WeightKind, pack_bits, pack_weights
from .program import (
    DYADICS,
    MATRICES,
    NORMS,
    SITES,
    UNSIGNED_SITES,
    Dyadic,
    EncoderProgram,
    Format,
    HostPart,
    Layer,
    Matrix,
    Norm,
    Shape,
    SoftmaxConstants,
    matrix_shape,
)
from .ranges import product_bits
from .word_table import WordTable, plain_words

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def _scale(target: float) -> tuple[int, int]:
    """(M, shift) with M * 2^-shift near ``target`` and M in [2^14, 2^15) where the shift allows."""
    shift = min(max(14 - math.floor(math.log2(target)), 0), 40)
    return max(1, min(round(target * 2.0**shift), (1 << 15) - 1)), shift


def _matrix(
    rng: np.random.Generator, shape: Shape, name: str, kind: WeightKind, fin: Format, span: float
) -> Matrix:
    inputs, outputs = matrix_shape(shape, name)
    alphabet = [-1, 0, 1] if kind == "ternary" else [-1, 1]
    parts: list[Int64] = [
        rng.choice(alphabet, size=(outputs, inputs)).astype(np.int64)
        for _ in range(2 if kind == "wtws" else 1)
    ]
    spread = math.sqrt(inputs) * max(fin.largest / 2, 0.5)
    M, shift = _scale(span / spread)
    per_channel = np.maximum(1, (M * rng.uniform(0.5, 1.0, size=(len(parts), outputs))).astype(np.int64))
    C = rng.integers(-(1 << shift), (1 << shift) + 1, size=outputs) * 2
    return Matrix(
        kind,
        inputs,
        outputs,
        pack_weights(parts, kind),
        per_channel,
        C.astype(np.int64),
        shift,
        product_bits(parts, fin),
    )


def _norm(rng: np.random.Generator, d: int, frac_bits: int) -> Norm:
    n = 14
    gamma = np.round(rng.uniform(-1.5, 1.5, d) * 2.0 ** (frac_bits - 12 + n)).astype(np.int64)
    beta = np.round(rng.normal(0, 0.5, d) * 2.0 ** (frac_bits + n)).astype(np.int64) + (1 << (n - 1))
    return Norm(np.clip(gamma, -32767, 32767), beta, n, int(rng.integers(1, 1000)))


def _layer(
    rng: np.random.Generator, shape: Shape, bits: dict[str, int], kind: WeightKind, frac_bits: int
) -> Layer:
    formats = {site: Format(bits[site], site not in UNSIGNED_SITES) for site in SITES}
    source = {"q": "attn_in", "k": "attn_in", "v": "attn_in", "o": "ctx", "ffn1": "ffn_in", "ffn2": "ffn_mid"}
    span = {name: formats["ffn_mid" if name == "ffn1" else name].largest for name in ("q", "k", "v", "ffn1")}
    span |= {"o": 1 << frac_bits, "ffn2": 1 << frac_bits}
    matrices = {
        name: _matrix(rng, shape, name, kind, formats[source[name]], max(1.0, span[name] * 0.7))
        for name in MATRICES
    }
    widest = {"attn_in": 1 << frac_bits, "ffn_in": 1 << frac_bits}
    widest["ctx"] = max(1, formats["probs"].largest * formats["v"].largest)
    dyadics = {}
    for name in DYADICS:
        M, shift = _scale(max(formats[name].largest, 1) / widest[name])
        dyadics[name] = Dyadic(M, int(rng.integers(-(1 << shift), 1 << shift)), shift)
    head = shape.hidden // shape.heads
    Ms, ns = _scale(64 * 4 / (math.sqrt(head) * max(1, formats["q"].largest * formats["k"].largest) / 2))
    alpha = 1 / ((1 << bits["probs"]) - 1) * rng.uniform(0.3, 1.0)
    np_shift = 38 - math.floor(math.log2(1 / alpha))
    return Layer(
        formats,
        dyadics,
        matrices,
        {name: _norm(rng, shape.hidden, frac_bits) for name in NORMS},
        SoftmaxConstants(Ms, max(ns, 1), round(2.0**np_shift / alpha), np_shift),
    )


def random_words(rng: np.random.Generator, kind: str, vocab_size: int, hidden: int) -> WordTable:
    """A word table of random integers in the storage ``kind``; row 0 has scale 0, row 1 the greatest."""
    if kind == "int16":
        return plain_words(rng.integers(-8000, 8000, size=(vocab_size, hidden)).astype(np.int16))
    scale = rng.integers(0, 8000, size=vocab_size).astype(np.int16)
    scale[:2] = 0, (1 << 15) - 1
    if kind == "binary":
        bits = rng.integers(0, 2, size=(vocab_size, hidden)).astype(np.bool_)
        return WordTable(kind, pack_bits(bits), scale, 0, hidden)
    values = rng.integers(-127, 128, size=(vocab_size, hidden)).astype(np.int8)
    values[2], values[3] = 127, -127
    return WordTable(kind, values, scale, 7, hidden)


def random_program(
    seed: int,
    layers: int = 2,
    hidden: int = 64,
    heads: int = 4,
    ffn: int = 128,
    max_len: int = 16,
    bits: int | dict[str, int] = 4,
    kind: WeightKind = "binary",
    vocab_size: int = 200,
    classes: int = 3,
    pooling: str = "mean",
    words: str = "int16",
) -> EncoderProgram:
    """A well-formed program of random integers; ``bits`` is one width or one for each site."""
    rng = np.random.default_rng(seed)
    shape = Shape(layers, hidden, heads, ffn, max_len, vocab_size, classes)
    widths = bits if isinstance(bits, dict) else dict.fromkeys(SITES, bits)
    frac_bits = 11
    host = HostPart(
        word=random_words(rng, words, vocab_size, hidden),
        position=rng.integers(-2000, 2000, size=(max_len, hidden)).astype(np.int16),
        type=rng.integers(-200, 200, size=(2, hidden)).astype(np.int16),
        norm=_norm(rng, hidden, frac_bits),
        pooling=pooling,
        head_weight=rng.integers(-32767, 32768, size=(classes, hidden)).astype(np.int64),
        head_bias=rng.integers(-(1 << 24), 1 << 24, size=classes).astype(np.int64),
        logit_frac_bits=frac_bits + 14,
    )
    return EncoderProgram(
        shape,
        tuple(_layer(rng, shape, widths, kind, frac_bits) for _ in range(layers)),
        host,
        tuple(f"class{i}" for i in range(classes)),
        (*SPECIAL, *(f"w{i}" for i in range(vocab_size - len(SPECIAL)))),
        (frac_bits,) * (1 + 2 * layers),
        {"task": "random", "lower_case": True, "weight": kind},
    )


def random_ids(seed: int, program: EncoderProgram, length: int) -> Int64:
    """Token ids [length] within the vocabulary."""
    return np.random.default_rng(seed).integers(0, program.shape.vocab_size, size=length)
