# SPDX-License-Identifier: Apache-2.0
"""Embedding, LayerNorm and classifier of the host against the reference of hls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.hls.program_io import save_program
from batflow.hls.reference import host as reference
from batflow.hls.reference.layernorm import layernorm as reference_layernorm
from batflow.host.classifier import classify, pool, real_logits
from batflow.host.embedding import embed
from batflow.host.integers import layernorm
from batflow.host.program import load_program
from tests.hls.programs import random_program


@pytest.mark.parametrize("d", [1, 2, 4, 31, 64, 384, 768])
def test_layernorm_equals_the_reference(d: int) -> None:
    rng = np.random.default_rng(d)
    rows = [rng.integers(-32768, 32768, size=(20, d)), rng.integers(-3, 4, size=(20, d))]
    rows += [np.full((2, d), value) for value in (-32768, -1, 0, 32767)]
    extreme = np.where(np.arange(d) % 2, 32767, -32768)[None]
    data = np.concatenate([*rows, extreme, -1 - extreme]).astype(np.int64)
    gamma = rng.integers(-32767, 32768, size=d)
    beta = rng.integers(-(1 << 44), 1 << 44, size=d)
    for shift, epsilon in [(0, 1), (14, 77), (26, 1 << 40)]:
        wanted, _ = reference_layernorm(data, gamma, beta, shift, epsilon)
        assert np.array_equal(layernorm(data, gamma, beta, shift, epsilon), wanted)


@pytest.mark.parametrize("words", ["int16", "int8", "binary"])
@pytest.mark.parametrize(("seed", "hidden", "pooling"), [(1, 32, "mean"), (2, 64, "cls"), (3, 100, "mean")])
def test_embedding_and_classifier_equal_the_reference(
    tmp_path: Path, seed: int, hidden: int, pooling: str, words: str
) -> None:
    sizes = {"layers": 1, "hidden": hidden, "heads": 2, "ffn": 32, "max_len": 40}
    program = random_program(seed, **sizes, pooling=pooling, words=words)  # type: ignore[arg-type]
    save_program(program, tmp_path / "program")
    host = load_program(tmp_path / "program")
    rng = np.random.default_rng(seed)
    for length in range(1, 41):
        ids, types = rng.integers(0, 200, length), rng.integers(0, 2, length)
        h = embed(host, ids, types)
        assert h.dtype == np.int16
        assert np.array_equal(h, reference.embed(program.host, ids, types))
        final = rng.integers(-32768, 32768, size=h.shape).astype(np.int16)
        wide, mask = final.astype(np.int64), np.ones(length, dtype=bool)
        pooled = reference.pool(wide, mask, pooling)
        assert np.array_equal(pool(final, pooling), pooled)
        assert np.array_equal(classify(host, final), reference.classify(program.host, pooled))


def test_types_default_to_zero_and_matter(program_dir: Path) -> None:
    host = load_program(program_dir)
    assert np.array_equal(embed(host, [3, 4]), embed(host, [3, 4], [0, 0]))
    assert not np.array_equal(embed(host, [3, 4]), embed(host, [3, 4], [0, 1]))


@pytest.mark.parametrize(
    ("ids", "types", "text"),
    [
        ([], None, "1 to 24 tokens"),
        (range(25), None, "this one has 25"),
        ([0, 200], None, "got 200"),
        ([-1], None, "got -1"),
        ([0.5], None, "one row of integers"),
        ([[1], [2]], None, "one row of integers"),
        ([1, 2], [0], "2 token ids but 1"),
        ([1, 2], [0, 2], "token types are 0 or 1"),
    ],
)
def test_bad_ids(program_dir: Path, ids: list[int], types: list[int] | None, text: str) -> None:
    with pytest.raises(InputError, match=text):
        embed(load_program(program_dir), list(ids), types)


def test_real_logits(program_dir: Path) -> None:
    host = replace(load_program(program_dir), logit_frac_bits=3)
    assert real_logits(host, np.array([8, -4])) == [1.0, -0.5]
