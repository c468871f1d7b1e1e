# SPDX-License-Identifier: Apache-2.0
"""Two cheap models that stand beside every accuracy of a binarized encoder.

A binarized encoder earns its layers only by what it gains over a bag of words (TF-IDF with a
linear support vector machine) and over its own embeddings without any layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

from .dataset import SPLITS, Dataset, Example
from .pretrained import PretrainedEncoder
from .tokens import TokenBatch, WordPiece

Matrix = npt.NDArray[np.float64]

# A pretrained embedding has dimensions of zero variance over the texts.
STANDARD_EPS = 1e-6
# Inverse strengths C of scikit-learn, and alphas for ridge; the dev split picks one, so that a
# control is as strong as a user would make it.
SVM_PENALTIES = (0.3, 1.0, 3.0)
LOGISTIC_PENALTIES = (0.001, 0.01, 0.1, 1.0)
RIDGE_PENALTIES = (1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class ControlResult:
    """A figure on the test split: ``metric`` is accuracy or pearson, ``value`` in [-1, 1]."""

    name: str
    metric: str
    value: float
    examples: int


def tfidf_control(dataset: Dataset) -> ControlResult:
    """Words and word pairs by TF-IDF, then a linear SVM (a ridge regression for scores).

    The penalty is the best of ``SVM_PENALTIES`` (``RIDGE_PENALTIES``) on the dev split.

    Raises:
        InputError: the training texts hold no word.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
    texts = [[_joined(example) for example in dataset.split(name)] for name in SPLITS]
    try:
        train = vectorizer.fit_transform(texts[0])
    except ValueError as exc:
        raise InputError(f"task {dataset.name}: the training texts hold no words") from exc
    features = [train, *(vectorizer.transform(part) for part in texts[1:])]
    models = [LinearSVC(C=penalty, random_state=0) for penalty in SVM_PENALTIES]
    return _best_on_dev("tfidf", dataset, features, models)


def zero_layer_control(dataset: Dataset, encoder: PretrainedEncoder, max_len: int = 128) -> ControlResult:
    """Mean over the true tokens of the frozen embeddings (LayerNorm included), then a linear model.

    The linear model is a logistic regression (ridge for scores), its inputs standardised by the
    training split and its penalty the best of ``LOGISTIC_PENALTIES`` on the dev split.
    """
    from sklearn.linear_model import LogisticRegression

    tokenizer = WordPiece(encoder.vocab, lower_case=encoder.config.lower_case)
    length = min(max_len, encoder.config.max_positions)
    pooled = [
        mean_embeddings(encoder, _encode(tokenizer, dataset.split(name), dataset.pairs, length))
        for name in SPLITS
    ]
    mean, std = pooled[0].mean(axis=0), pooled[0].std(axis=0) + STANDARD_EPS
    features = [(part - mean) / std for part in pooled]
    models = [LogisticRegression(C=penalty, max_iter=1000) for penalty in LOGISTIC_PENALTIES]
    return _best_on_dev("zero_layer", dataset, features, models)


def mean_embeddings(encoder: PretrainedEncoder, tokens: TokenBatch) -> Matrix:
    """Return the mean embedding of each text over its true tokens, [N, d]."""
    pooled = np.empty((len(tokens), encoder.config.hidden), dtype=np.float64)
    for row, length in enumerate(tokens.lengths()):
        ids, types = tokens.input_ids[row, :length], tokens.token_type_ids[row, :length]
        x = encoder.word[ids] + encoder.position[:length] + encoder.type[types]
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + encoder.config.ln_eps)
        pooled[row] = (x * encoder.ln_gamma + encoder.ln_beta).mean(axis=0)
    return pooled


def pearson(predicted: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Return Pearson's correlation, 0 where either side is constant."""
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(target, dtype=np.float64)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0


def _encode(tokenizer: WordPiece, examples: Sequence[Example], pairs: bool, max_len: int) -> TokenBatch:
    second = [example.text_b or "" for example in examples] if pairs else None
    return tokenizer.encode([example.text_a for example in examples], second, max_len)


def _joined(example: Example) -> str:
    return example.text_a if example.text_b is None else f"{example.text_a} {example.text_b}"


def _targets(examples: Sequence[Example]) -> npt.NDArray[np.generic]:
    return np.array([example.label for example in examples])


def _best_on_dev(
    name: str, dataset: Dataset, features: Sequence[Any], classifiers: Sequence[Any]
) -> ControlResult:
    """Fit each model on train, keep the one best on dev (the first of equals), score it on test."""
    from sklearn.linear_model import Ridge

    models = [Ridge(alpha=alpha) for alpha in RIDGE_PENALTIES] if dataset.regression else classifiers
    metric: Callable[[Any, Any], float] = pearson if dataset.regression else _accuracy
    train, dev, test = (_targets(dataset.split(split)) for split in SPLITS)
    for model in models:
        model.fit(features[0], train)
    best = max(models, key=lambda model: metric(model.predict(features[1]), dev))
    value = metric(best.predict(features[2]), test)
    return ControlResult(name, "pearson" if dataset.regression else "accuracy", value, len(test))


def _accuracy(predicted: npt.NDArray[np.generic], target: npt.NDArray[np.generic]) -> float:
    return float(np.mean(predicted == target))
