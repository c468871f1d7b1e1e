# SPDX-License-Identifier: Apache-2.0
"""A BERT-base folder with random weights through conversion, deploy mode, export and lowering.

    python -m tests.flow.bert_base FOLDER

A process of its own, so that its peak memory is that of this work alone. Prints one JSON line.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from batflow.hls.lowering import lower
from batflow.hls.reference.encoder import Reference
from batflow.quant.batches import Split
from batflow.quant.calibration import calibrate_quantizers, calibrate_residual
from batflow.quant.classifier import BmtClassifier
from batflow.quant.config import BmtConfig
from batflow.quant.constants import build_constants
from batflow.quant.export import export_onnx
from batflow.quant.pretrained import load_pretrained
from batflow.quant.teacher import TeacherClassifier

HIDDEN, HEADS, FFN, LAYERS, POSITIONS, VOCAB = 768, 12, 3072, 12, 512, 30522
LENGTH = 8
CONFIG = {
    "model_type": "bert",
    "hidden_size": HIDDEN,
    "num_attention_heads": HEADS,
    "intermediate_size": FFN,
    "num_hidden_layers": LAYERS,
    "max_position_embeddings": POSITIONS,
    "vocab_size": VOCAB,
    "hidden_act": "gelu",
    "type_vocab_size": 2,
}


def write_folder(folder: Path) -> None:
    """Write random weights of BERT-base's shape in bfloat16, as ``bert.`` names them."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return (torch.randn(shape, generator=generator) * 0.05).bfloat16()

    tensors = {
        "embeddings.word_embeddings.weight": draw(VOCAB, HIDDEN),
        "embeddings.position_embeddings.weight": draw(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": draw(2, HIDDEN),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        norms += [f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"]
        square = ("self.query", "self.key", "self.value", "output.dense")
        shapes = {f"{prefix}.attention.{name}": (HIDDEN, HIDDEN) for name in square}
        shapes |= {f"{prefix}.intermediate.dense": (FFN, HIDDEN), f"{prefix}.output.dense": (HIDDEN, FFN)}
        for name, shape in shapes.items():
            tensors |= {f"{name}.weight": draw(*shape), f"{name}.bias": draw(shape[0])}
    for name in norms:
        tensors |= {f"{name}.weight": 1 + draw(HIDDEN), f"{name}.bias": draw(HIDDEN)}
    save_file({f"bert.{name}": tensor for name, tensor in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{number}" for number in range(4, VOCAB))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


def convert(folder: Path) -> tuple[BmtClassifier, list[str], Split]:
    """Return a W1A4 student with fitted quantizers, its vocabulary and some sentences."""
    encoder = load_pretrained(folder, LAYERS)
    config = BmtConfig.create(
        layers=LAYERS, hidden=HIDDEN, heads=HEADS, ffn=FFN, max_len=LENGTH, vocab_size=VOCAB, classes=2
    )
    ids = torch.randint(4, VOCAB, (4, LENGTH), generator=torch.Generator().manual_seed(1))
    split = Split(ids, torch.zeros_like(ids), torch.ones_like(ids).bool(), torch.zeros(4, dtype=torch.long))
    student = BmtClassifier(config, encoder)
    student.start_from(TeacherClassifier(config, encoder))
    calibrate_quantizers(student, split)
    calibrate_residual(student, split)
    return student.eval(), encoder.vocab, split


def measure(folder: Path) -> dict[str, Any]:
    """Return seconds of each part, the peak memory in GB, and both ends' integer logits."""
    torch.set_num_threads(1)
    write_folder(folder)
    at = time.perf_counter()
    student, vocab, split = convert(folder)
    seconds = {"convert": time.perf_counter() - at}
    at = time.perf_counter()
    constants = build_constants(student)
    export_onnx(constants, vocab, folder / "model.onnx")
    seconds["export"] = time.perf_counter() - at
    at = time.perf_counter()
    program = lower(folder / "model.onnx")
    seconds["lower"] = time.perf_counter() - at
    at = time.perf_counter()
    deploy = student.deploy().logits(split.ids[:1], split.types[:1], split.mask[:1])
    seconds["deploy"] = time.perf_counter() - at
    found = Reference(program).run(split.ids[0].numpy(), np.zeros(LENGTH, np.int64)).logits
    return {
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "deploy": deploy[0].tolist(),
        "reference": found.tolist(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]))) + "\n")
