# SPDX-License-Identifier: Apache-2.0
"""Tiny models and data for the tests of quant/."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from batflow.quant.batches import Split
from batflow.quant.brevitas_bridge import weight_quant_of
from batflow.quant.calibration import calibrate_quantizers, calibrate_residual
from batflow.quant.classifier import BmtClassifier
from batflow.quant.config import LINEARS, BmtConfig
from batflow.quant.pretrained import PretrainedConfig, PretrainedEncoder
from batflow.quant.teacher import TeacherClassifier

HIDDEN, HEADS, FFN, VOCAB, MAX_LEN, CLASSES = 16, 2, 24, 40, 10, 3


def tiny_config(**changes: Any) -> BmtConfig:
    values: dict[str, Any] = {
        "layers": 2,
        "hidden": HIDDEN,
        "heads": HEADS,
        "ffn": FFN,
        "max_len": MAX_LEN,
        "vocab_size": VOCAB,
        "classes": CLASSES,
    }
    return BmtConfig.create(**(values | changes))


def tiny_pretrained(layers: int = 2, seed: int = 0) -> PretrainedEncoder:
    rng = np.random.default_rng(seed)

    def draw(*shape: int, scale: float = 0.3) -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.normal(0, scale, shape).astype(np.float32)

    def layer() -> dict[str, Any]:
        sizes = {name: tiny_config().linear_shape(name) for name in LINEARS}
        out: dict[str, Any] = {}
        for name, (inputs, outputs) in sizes.items():
            out |= {f"{name}.weight": draw(outputs, inputs), f"{name}.bias": draw(outputs)}
        for name in ("ln1", "ln2"):
            out |= {f"{name}.gamma": 1 + draw(HIDDEN), f"{name}.beta": draw(HIDDEN)}
        return out

    return PretrainedEncoder(
        config=PretrainedConfig(HIDDEN, HEADS, FFN, layers, MAX_LEN + 2, VOCAB, 1e-12, True),
        vocab=[f"t{i}" for i in range(VOCAB)],
        word=draw(VOCAB, HIDDEN),
        position=draw(MAX_LEN + 2, HIDDEN),
        type=draw(2, HIDDEN),
        ln_gamma=1 + draw(HIDDEN),
        ln_beta=draw(HIDDEN),
        layers=[layer() for _ in range(layers)],
        source={"name": "tiny", "weights_sha256": f"{seed:064d}"},
    )


def tiny_split(count: int = 48, seed: int = 1, *, regression: bool = False) -> Split:
    """Sentences whose class is the first token modulo the number of classes."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, VOCAB, (count, MAX_LEN))
    lengths = rng.integers(2, MAX_LEN + 1, count)
    lengths[: count // 2] = MAX_LEN
    mask = np.arange(MAX_LEN) < lengths[:, None]
    types = (np.arange(MAX_LEN) >= lengths[:, None] // 2) & mask
    labels = torch.from_numpy(ids[:, 0] % CLASSES)
    return Split(
        torch.from_numpy(np.where(mask, ids, 0)),
        torch.from_numpy(types.astype(np.int64)),
        torch.from_numpy(mask),
        labels.float() if regression else labels,
    )


def tiny_student(seed: int = 0, **changes: Any) -> BmtClassifier:
    """A calibrated, untrained student with some negative weight coefficients."""
    torch.manual_seed(seed)
    config, pretrained = tiny_config(**changes), tiny_pretrained(seed=seed)
    student = BmtClassifier(config, pretrained)
    student.start_from(TeacherClassifier(config, pretrained))
    with torch.no_grad():
        for linear in student.encoder.quant_layers()[0].linear.values():
            weight_quant_of(linear).coefficient[:, ::3] *= -1
    split = tiny_split()
    calibrate_quantizers(student, split)
    calibrate_residual(student, split)
    return student.eval()
