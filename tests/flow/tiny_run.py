# SPDX-License-Identifier: Apache-2.0
"""A BERT folder and a TSV file small enough to go through every step in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from batflow.flow.settings import RunConfig

HIDDEN, HEADS, FFN, LAYERS, POSITIONS = 32, 4, 64, 2, 24
WORDS = [f"word{number}" for number in range(24)]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "?", "."]


def write_bert(folder: Path) -> Path:
    """A random BERT encoder in a folder as Hugging Face writes it."""
    rng = np.random.default_rng(2)
    row, square = (HIDDEN,), (HIDDEN, HIDDEN)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(TOKENS), HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "embeddings.LayerNorm.weight": row,
        "embeddings.LayerNorm.bias": row,
    }
    parts = {
        "attention.self.query": square,
        "attention.self.key": square,
        "attention.self.value": square,
        "attention.output.dense": square,
        "attention.output.LayerNorm": row,
        "intermediate.dense": (FFN, HIDDEN),
        "output.dense": (HIDDEN, FFN),
        "output.LayerNorm": row,
    }
    for index in range(LAYERS):
        for name, shape in parts.items():
            shapes[f"encoder.layer.{index}.{name}.weight"] = shape
            shapes[f"encoder.layer.{index}.{name}.bias"] = shape[:1]
    folder.mkdir(parents=True)
    tensors = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in tensors:
        if name.endswith("LayerNorm.weight"):
            tensors[name] += 1
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "intermediate_size": FFN,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": POSITIONS,
        "vocab_size": len(TOKENS),
        "layer_norm_eps": 1e-12,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    return folder


def write_tsv(path: Path, rows: int = 90) -> Path:
    """Pairs of random words; the label follows from one word, so that there is something to learn."""
    rng = np.random.default_rng(4)
    lines = ["label\ttext_a\ttext_b"]
    for row in range(rows):
        first = [WORDS[n] for n in rng.integers(2, len(WORDS), rng.integers(1, 7))]
        second = [WORDS[n] for n in rng.integers(2, len(WORDS), rng.integers(1, 7))]
        label = "yes" if row % 2 else "no"
        lines.append(f"{label}\t{' '.join([WORDS[row % 2], *first])} ?\t{' '.join(second)} .")
    path.write_text("\n".join(lines) + "\n")
    return path


def tiny_config(folder: Path) -> RunConfig:
    """Settings of a run over both, at one epoch each."""
    return RunConfig(
        task="tsv",
        tsv=write_tsv(folder / "pairs.tsv"),
        pretrained=str(write_bert(folder / "bert")),
        layers=2,
        max_len=20,
        teacher_epochs=1,
        student_epochs=1,
        threads=1,
        verify_sentences=30,
        verify_finn_sentences=0,
        verify_finn_rtl_sentences=0,
        csim_sentences=30,
        cosim_sentences=2,
    )
