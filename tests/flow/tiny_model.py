# SPDX-License-Identifier: Apache-2.0
"""A tiny untrained BMT classifier with calibrated quantizers, for whole-flow tests in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from batflow.quant.batches import Split
from batflow.quant.calibration import calibrate_quantizers, calibrate_residual
from batflow.quant.classifier import BmtClassifier
from batflow.quant.config import LINEARS, BmtConfig
from batflow.quant.pretrained import PretrainedConfig, PretrainedEncoder
from batflow.quant.teacher import TeacherClassifier

HIDDEN, HEADS, FFN, LAYERS, VOCAB, MAX_LEN = 32, 2, 64, 2, 50, 12
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{i}" for i in range(VOCAB - 5))]


def tiny_pretrained(seed: int = 0) -> PretrainedEncoder:
    """Random weights of BERT's shape."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    shapes = dict.fromkeys(LINEARS, (HIDDEN, HIDDEN)) | {"ffn1": (FFN, HIDDEN), "ffn2": (HIDDEN, FFN)}
    layers = [
        {f"{name}.weight": normal(*shape) for name, shape in shapes.items()}
        | {f"{name}.bias": normal(shape[0]) for name, shape in shapes.items()}
        | {f"{norm}.gamma": 1 + normal(HIDDEN) for norm in ("ln1", "ln2")}
        | {f"{norm}.beta": normal(HIDDEN) for norm in ("ln1", "ln2")}
        for _ in range(LAYERS)
    ]
    config = PretrainedConfig(HIDDEN, HEADS, FFN, LAYERS, MAX_LEN, VOCAB, 1e-12, True)
    source = {"name": "tiny", "weights_sha256": "0" * 64}
    tables = (normal(VOCAB, HIDDEN), normal(MAX_LEN, HIDDEN), normal(2, HIDDEN))
    return PretrainedEncoder(config, TOKENS, *tables, 1 + normal(HIDDEN), normal(HIDDEN), layers, source)


def tiny_split(sentences: int = 40, seed: int = 1) -> Split:
    """Random sentences of every length from 1 to MAX_LEN."""
    rng = np.random.default_rng(seed)
    ids = torch.tensor(rng.integers(0, VOCAB, (sentences, MAX_LEN)))
    lengths = torch.tensor(1 + np.arange(sentences) % MAX_LEN)
    mask = torch.arange(MAX_LEN)[None] < lengths[:, None]
    types = torch.tensor(rng.integers(0, 2, (sentences, MAX_LEN)))
    return Split(ids * mask, types * mask, mask, torch.tensor(rng.integers(0, 3, sentences)))


def tiny_classifier(bits: int | dict[str, int] = 4, weight: str = "binary", **config: Any) -> BmtClassifier:
    """An untrained student with fitted quantizers and fraction bits."""
    torch.manual_seed(0)
    pretrained = tiny_pretrained()
    described = BmtConfig.create(
        layers=LAYERS,
        hidden=HIDDEN,
        heads=HEADS,
        ffn=FFN,
        max_len=MAX_LEN,
        vocab_size=VOCAB,
        classes=3,
        bits=bits,
        weight=weight,
        labels=("a", "b", "c"),
        **config,
    )
    model = BmtClassifier(described, pretrained)
    model.start_from(TeacherClassifier(described, pretrained))
    split = tiny_split()
    calibrate_quantizers(model, split)
    calibrate_residual(model, split)
    return model.eval()
