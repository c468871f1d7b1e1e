# SPDX-License-Identifier: Apache-2.0
"""Storage of word embeddings against hand computation and plain Python integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from batflow.errors import InputError
from batflow.quant.classifier import Embeddings
from batflow.quant.config import BmtConfig
from batflow.quant.word_table import WordTable, store_words

from .models import tiny_config, tiny_pretrained


def adversarial(width: int = 7) -> np.ndarray:  # type: ignore[type-arg]
    """Rows of zeros, one value, extremes, ties, one spike, and random ones."""
    rng = np.random.default_rng(width)
    rows = [np.full(width, v) for v in (0, 1, -1, 2, 127, -3, 32700, -32700)]
    rows += [np.where(np.arange(width) % 2, 32700, -32700), np.arange(width) - width // 2]
    rows += [np.eye(1, width, width // 2, dtype=np.int64)[0] * 32700, np.array([5] + [4] * (width - 1))]
    rows += list(rng.integers(-32700, 32701, (20, width))) + list(rng.integers(-9, 10, (20, width)))
    return np.stack(rows).astype(np.int64)


def naive_signs(row: list[int]) -> tuple[list[int], int]:
    mean = Fraction(sum(row), len(row))
    distance = sum(abs(v - mean) for v in row) / len(row)
    return [1 if v >= mean else -1 for v in row], math.floor(distance + Fraction(1, 2))


def naive_bytes(row: list[int], shift: int) -> tuple[list[int], int]:
    half = Fraction(1, 2)
    m = math.floor(Fraction(max(abs(v) for v in row) * 2**shift, 127) + half)
    if m == 0:
        return [0] * len(row), 0
    q = [math.floor(Fraction(v * 2**shift, m) + half) for v in row]
    return [min(max(v, -127), 127) for v in q], m


def test_by_hand() -> None:
    table = np.array([[10, -30, 20, 0], [7, 7, 7, 7], [0, 0, 0, 0]])
    signs = store_words(table, "binary")
    # Mean 0: |x| has mean 15. Equal values lie on their mean: +1 times 0.
    assert signs.values.tolist() == [[1, -1, 1, 1], [1] * 4, [1] * 4]
    assert signs.scale.tolist() == [15, 0, 0] and signs.shift == 0
    assert signs.rows(np.array([0])).tolist() == [[15, -15, 15, 15]]
    octets = store_words(table, "int8")
    # s = 15: m = round(30 * 2^15 / 127) = 7740, q = round(x * 32768 / 7740) = 42.3, -127.0, 84.7, 0.
    assert octets.shift == 15 and octets.scale.tolist() == [7740, 1806, 0]
    assert octets.values.tolist() == [[42, -127, 85, 0], [127] * 4, [0] * 4]
    assert octets.rows(np.arange(3)).tolist() == [[10, -30, 20, 0], [7] * 4, [0] * 4]


@pytest.mark.parametrize("width", [1, 2, 7, 64])
def test_plain_integers(width: int) -> None:
    table = adversarial(width)
    signs, octets = store_words(table, "binary"), store_words(table, "int8")
    assert octets.shift == 6  # 32700 * 2^6 / 127 = 16479 fits 15 bits, twice that does not
    for at, row in enumerate(table.tolist()):
        wanted, m = naive_signs(row)
        assert (signs.values[at].tolist(), int(signs.scale[at])) == (wanted, m)
        assert signs.rows(at).tolist() == [q * m for q in wanted]
        wanted, m = naive_bytes(row, octets.shift)
        assert (octets.values[at].tolist(), int(octets.scale[at])) == (wanted, m)
        assert octets.rows(at).tolist() == [(q * m + 32) // 64 for q in wanted]


def test_bytes_stay_close_and_in_16_bits() -> None:
    """Half a step of the row, one unit of its rounding; a coarser scale would not pass."""
    table = adversarial(64)
    octets = store_words(table, "int8")
    error = np.abs(octets.rows(slice(None)) - table)
    largest = np.abs(table).max(1, keepdims=True)
    assert (error <= largest / 254 + 1.5).all() and np.abs(octets.rows(slice(None))).max() <= 32767
    coarse = WordTable("int8", octets.values // 2, octets.scale * 2, octets.shift)
    assert (np.abs(coarse.rows(slice(None)) - table) > largest / 254 + 1.5).any()


def test_signs_are_the_best_two_values_around_the_mean() -> None:
    row = adversarial(64)[-25:-20]
    signs = store_words(row, "binary")
    centred = row - row.mean(1, keepdims=True)
    best = [((centred - m * signs.values) ** 2).sum() for m in (signs.scale[:, None] + d for d in (-1, 0, 1))]
    assert best[1] <= min(best[0], best[2])


@pytest.mark.parametrize("kind", ["int8", "binary"])
def test_the_student_reads_the_stored_rows_and_keeps_the_step(kind: str) -> None:
    plain = Embeddings(tiny_config(), tiny_pretrained(), stepped=True)
    compact = Embeddings(tiny_config(embedding=kind), tiny_pretrained(), stepped=True)
    assert compact.words is not None and plain.words is None
    step = 2.0**-compact.frac_bits
    assert compact.frac_bits == plain.frac_bits
    assert torch.equal(compact.word, torch.from_numpy(compact.words.rows(slice(None)) * step).float())
    assert torch.equal(compact.position, plain.position) and torch.equal(compact.kind, plain.kind)
    assert not torch.equal(compact.word, plain.word)
    assert compact.words.values.dtype == np.int8 and compact.words.scale.dtype == np.int16
    teacher = Embeddings(tiny_config(embedding=kind), tiny_pretrained())
    assert teacher.words is None and torch.equal(teacher.word, torch.from_numpy(tiny_pretrained().word))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match=r"embedding.*'int16', 'int8' or 'binary'.*given 'int4'"):
        tiny_config(embedding="int4")


def test_defaults_are_named_in_no_file() -> None:
    assert {"embedding", "activation"}.isdisjoint(tiny_config().model_dump(mode="json"))
    assert "embedding" not in tiny_config().model_dump_json()
    dumped = tiny_config(embedding="int8").model_dump(mode="json")
    assert dumped["embedding"] == "int8" and BmtConfig.create(**dumped).embedding == "int8"
