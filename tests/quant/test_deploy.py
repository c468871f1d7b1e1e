# SPDX-License-Identifier: Apache-2.0
"""Deploy mode of whole tiny models against plain Python integers, tap by tap."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from batflow.errors import InputError
from batflow.quant.constants import ModelConstants, build_constants
from batflow.quant.deploy import IntegerModel
from batflow.quant.training import predict

from . import naive
from .models import CLASSES, HEADS, HIDDEN, MAX_LEN, VOCAB, tiny_split, tiny_student

Rows = list[list[int]]
IDS, TYPES = [3, 17, 5, 39, 8, 1, 22], [0, 0, 0, 1, 1, 1, 1]


def products(rows: Rows, parts: Any) -> list[Rows]:
    return [
        [[sum(a * int(w) for a, w in zip(row, out, strict=True)) for out in part] for row in rows]
        for part in parts
    ]


def requant_rows(accs: list[Rows], c: Any) -> Rows:
    wide = len(accs[0][0])
    M = np.broadcast_to(c.M, (len(accs), wide)).tolist()
    C = np.broadcast_to(c.C, (wide,)).tolist()
    return [
        [
            naive.requant([a[t][o] for a in accs], [m[o] for m in M], C[o], c.shift, c.bits, c.signed)
            for o in range(wide)
        ]
        for t in range(len(accs[0]))
    ]


def residual_rows(h: Rows, accs: list[Rows], c: Any) -> Rows:
    M, C = c.M.tolist(), c.C.tolist()
    return [
        [
            naive.sat16(x + (sum(a[t][o] * m[o] for a, m in zip(accs, M, strict=True)) + C[o]) // 2**c.shift)
            for o, x in enumerate(row)
        ]
        for t, row in enumerate(h)
    ]


def norm_rows(rows: Rows, c: Any) -> Rows:
    return [naive.layernorm(row, c.gain.tolist(), c.bias.tolist(), c.shift, c.epsilon) for row in rows]


def naive_words(c: ModelConstants) -> dict[tuple[int, int], int]:
    """The word table from its storage."""
    table, found = c.word, {}
    for i, row in enumerate(table.values.tolist()):
        for d, q in enumerate(row):
            found[i, d] = q
            if table.kind != "int16":
                found[i, d] = (q * int(table.scale[i]) + 2**table.shift // 2) // 2**table.shift
    return found


def naive_taps(c: ModelConstants, ids: list[int], types: list[int]) -> dict[str, Any]:
    """The whole classifier from its constants."""
    word = naive_words(c)
    x = [
        [int(word[i, d]) + int(c.position[t, d]) + int(c.kind[s, d]) for d in range(HIDDEN)]
        for t, (i, s) in enumerate(zip(ids, types, strict=True))
    ]
    taps: dict[str, Any] = {"embed": norm_rows(x, c.embed_norm)}
    h = taps["embed"]
    for index, layer in enumerate(c.layers):
        p, w = f"L{index}.", layer.weight
        r = layer.requant
        a = taps[p + "attn_in"] = requant_rows([h], r["attn_in"])
        for name in ("q", "k", "v"):
            taps[p + name] = requant_rows(products(a, w[name]), r[name])
        taps[p + "probs"], ctx_acc = attention(taps, p, layer.softmax)
        ctx = taps[p + "ctx"] = requant_rows([ctx_acc], r["ctx"])
        summed = taps[p + "attn_sum"] = residual_rows(h, products(ctx, w["o"]), layer.residual["o"])
        h = taps[p + "attn_out"] = norm_rows(summed, layer.norm["ln1"])
        f = taps[p + "ffn_in"] = requant_rows([h], r["ffn_in"])
        f = taps[p + "ffn_mid"] = requant_rows(products(f, w["ffn1"]), r["ffn_mid"])
        accs = products(f, w["ffn2"])
        summed = taps[p + "ffn_sum"] = residual_rows(h, accs, layer.residual["ffn2"])
        h = taps[p + "ffn_out"] = norm_rows(summed, layer.norm["ln2"])
    reciprocal = math.floor(2**20 / len(ids) + 0.5)
    if c.config.pooling == "cls":
        pooled = h[0]
    else:
        pooled = [(sum(column) * reciprocal + 2**19) // 2**20 for column in zip(*h, strict=True)]
    taps["pooled"] = pooled
    taps["logits"] = [
        sum(int(w) * v for w, v in zip(row, pooled, strict=True)) + int(b)
        for row, b in zip(c.head_weight, c.head_bias, strict=True)
    ]
    return taps


def attention(taps: dict[str, Any], p: str, s: Any) -> tuple[list[Rows], Rows]:
    length, size = len(taps[p + "q"]), HIDDEN // HEADS
    probs, context = [], [[0] * HIDDEN for _ in range(length)]
    for head in range(HEADS):
        columns = range(head * size, (head + 1) * size)
        matrix = []
        for i in range(length):
            q = taps[p + "q"][i]
            scores = [sum(q[c] * taps[p + "k"][j][c] for c in columns) for j in range(length)]
            row = naive.softmax(scores, s.scale, s.scale_shift, s.reciprocal, s.shift, s.bits)
            matrix.append(row)
            for c in columns:
                context[i][c] = sum(row[j] * taps[p + "v"][j][c] for j in range(length))
        probs.append(matrix)
    return probs, context


CASES: list[dict[str, Any]] = [
    {"bits": bits, "weight": kind} for bits in (1, 2, 4, 8) for kind in ("binary", "ternary", "tws", "wtws")
]
CASES += [
    {"bits": 3, "weight_scale": "tensor", "pooling": "cls"},
    {"bits": {"probs": 1, "ffn_mid": 1, "q": 8, "k": 1}},
    {"embedding": "int8"},
    {"embedding": "binary"},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_tap(case: dict[str, Any]) -> None:
    constants = build_constants(tiny_student(**case))
    taps = IntegerModel(constants).trace(IDS, TYPES)
    wanted = naive_taps(constants, IDS, TYPES)
    assert set(taps) == set(wanted)
    for name, value in wanted.items():
        assert np.array_equal(taps[name], np.array(value)), name


def test_a_flipped_weight_is_seen() -> None:
    """Negative control of the comparison above."""
    constants = build_constants(tiny_student())
    wanted = naive_taps(constants, IDS, TYPES)
    constants.layers[1].weight["ffn1"][0, 3, 5] *= -1
    taps = IntegerModel(constants).trace(IDS, TYPES)
    parted = [name for name, value in wanted.items() if not np.array_equal(taps[name], np.array(value))]
    assert all(name.startswith(("L1.ffn_", "pooled", "logits")) for name in parted)
    assert not np.array_equal(taps["L1.ffn_mid"], np.array(wanted["L1.ffn_mid"]))


def test_padding_and_batching_change_nothing() -> None:
    model = tiny_student().deploy()
    split = tiny_split()
    whole = model.run(split.ids, split.types, split.mask)
    for row in range(12):
        length = int(split.mask[row].sum())
        ids, types = split.ids[row, :length].tolist(), split.types[row, :length].tolist()
        alone = model.trace(ids, types)
        for name, value in alone.items():
            padded = whole[name][row].numpy()
            if name.endswith("probs"):
                assert not padded[:, :, length:].any()
                padded = padded[:, :length, :length]
            elif name not in ("pooled", "logits"):
                padded = padded[:length]
            assert np.array_equal(padded, value), name


@pytest.mark.parametrize("bits", [4, 8])
def test_integers_follow_the_training_model(bits: int) -> None:
    student, split = tiny_student(bits=bits), tiny_split(200, seed=5)
    model = student.deploy(debug=True)
    floats = predict(student, split)
    integers = model.logits(split.ids, split.types, split.mask)
    real = integers.double() / 2.0**model.constants.frac_bits_logits
    assert float((real - floats).abs().mean()) < 0.02 * float(floats.std()) + 0.01
    assert int((real.argmax(1) != floats.argmax(1)).sum()) <= 4
    assert model.saturations is not None
    assert set(model.saturations.counts.values()) == {0}


def test_saturation_is_counted() -> None:
    student = tiny_student()
    student.frac_bits = [15] * len(student.frac_bits)
    model = student.deploy(debug=True)
    split = tiny_split()
    model.logits(split.ids, split.types, split.mask)
    assert model.saturations is not None and model.saturations.counts["L0.attn_sum"] > 0


@pytest.mark.parametrize("embedding", ["int16", "int8", "binary"])
def test_the_student_trains_on_the_tables_that_are_deployed(embedding: str) -> None:
    student = tiny_student(embedding=embedding)
    c, e = build_constants(student), student.embeddings
    word = c.word.rows(slice(None)).astype(np.int16)
    for table, integers in ((e.word, word), (e.position, c.position), (e.kind, c.kind)):
        assert integers.dtype == np.int16
        assert np.array_equal(table.numpy() * 2.0**c.frac_bits_table, integers)
    largest = sum(int(np.abs(t.astype(np.int64)).max()) for t in (word, c.position, c.kind))
    assert (9000 if embedding == "binary" else 16000) < largest <= 32767


def test_fraction_bits_leave_headroom() -> None:
    """The largest value of each residual tensor uses at most 2/3 of 16 bits, and over a quarter."""
    student, split = tiny_student(), tiny_split()
    taps = student.deploy().run(split.ids, split.types, split.mask)
    pairs = [("embed", "L0.attn_sum"), ("L0.attn_out", "L0.ffn_sum"), ("L0.ffn_out", "L1.attn_sum")]
    for pair in pairs:
        largest = max(int(taps[name][split.mask].abs().max()) for name in pair)
        assert 32767 / 3.3 < largest < 32767 / 1.4


def test_regression_has_one_logit() -> None:
    model = tiny_student(classes=1, regression=True).deploy()
    assert model.trace(IDS)["logits"].shape == (1,)


def test_uncalibrated_model_is_refused() -> None:
    student = tiny_student()
    student.frac_bits = []
    with pytest.raises(InputError, match="calibrate"):
        student.deploy()


@pytest.mark.parametrize(
    ("ids", "types", "words"),
    [
        ([], None, "empty"),
        ([1] * (MAX_LEN + 1), None, "length"),
        ([VOCAB], None, "token number"),
        ([-1], None, "token number"),
        ([1], [2], "token type"),
        ([1, 2], [0], "one shape"),
    ],
)
def test_bad_input(ids: list[int], types: list[int] | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        tiny_student().deploy().trace(ids, types)


@pytest.mark.parametrize("mask", [[False, False], [False, True]])
def test_bad_mask(mask: list[bool]) -> None:
    row = torch.tensor([[1, 2]])
    with pytest.raises(InputError, match="at least one token"):
        tiny_student().deploy().run(row, torch.zeros_like(row), torch.tensor([mask]))


def test_logits_shape() -> None:
    split = tiny_split()
    logits = tiny_student().deploy().logits(split.ids, split.types, split.mask)
    assert logits.shape == (len(split), CLASSES) and logits.dtype == torch.int64
