# SPDX-License-Identifier: Apache-2.0
"""What teacher and student share in training: the model's config, the splits, one resumable fit."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .run_folder import RunFolder
from .settings import RunConfig

SPLITS = ("train", "dev", "test")
MODEL_SETTINGS = (
    "task",
    "glue_dir",
    "tsv",
    "pretrained",
    "layers",
    "max_len",
    "bits",
    "weight",
    "weight_scale",
    "embedding",
    "activation",
    "precision",
)


def model_config(config: RunConfig, dataset: Any, encoder: Any) -> Any:
    """Return the BmtConfig of a run: the pretrained encoder's widths, the task's classes."""
    from batflow.quant.config import BmtConfig

    source = encoder.config
    return BmtConfig.create(
        layers=config.layers,
        hidden=source.hidden,
        heads=source.heads,
        ffn=source.ffn,
        max_len=config.max_len,
        vocab_size=source.vocab_size,
        classes=1 if dataset.regression else len(dataset.labels),
        regression=dataset.regression,
        bits=config.bits,
        weight=config.weight,
        weight_scale=config.weight_scale,
        embedding=config.embedding,
        activation=config.activation,
        layernorm_eps=source.ln_eps,
        labels=tuple(dataset.labels),
        lower_case=source.lower_case,
        task=dataset.name,
    )


def _tokenizer(encoder: Any) -> Any:
    from batflow.quant.tokens import WordPiece

    return WordPiece(encoder.vocab, lower_case=encoder.config.lower_case)


def splits(config: RunConfig, dataset: Any, encoder: Any) -> list[Any]:
    """Return the tokenized train, dev and test splits."""
    from batflow.quant.batches import make_split

    tokenizer = _tokenizer(encoder)
    return [
        make_split(dataset.split(name), tokenizer, config.max_len, regression=dataset.regression)
        for name in SPLITS
    ]


def transfer_text(config: RunConfig, encoder: Any, train: Any) -> Any:
    """Return ``train`` with the training sentences of the tasks in ``transfer``, without their labels."""
    from batflow.quant.batches import make_split, with_text
    from batflow.quant.data import load_dataset

    tokenizer = _tokenizer(encoder)
    sets = [load_dataset(task, glue_dir=config.glue_dir) for task in config.transfer]
    return with_text(
        train, [make_split(s.train, tokenizer, config.max_len, regression=s.regression) for s in sets]
    )


def train_settings(config: RunConfig, epochs: int, rate: float, **options: Any) -> Any:
    """Return the TrainSettings of a run; ``options`` are further fields of it.

    With products in bfloat16 the optimizer is fused too: 20 ms of a step of 6 layers. Runs in
    float32 keep the plain one, so that they repeat older ones bit for bit.
    """
    from batflow.quant.training import TrainSettings

    return TrainSettings(
        epochs=epochs,
        learning_rate=rate,
        batch_size=config.batch_size,
        seed=config.seed,
        threads=config.threads,
        max_steps=config.max_steps,
        accumulate=config.accumulate,
        fused=config.precision == "bf16",
        **options,
    )


def fit(
    run: RunFolder,
    name: str,
    model: Any,
    loss: Any,
    settings: Any,
    data: list[Any],
    decisive: dict[str, Any] | None = None,
    dev_score: Any = None,
) -> list[Any]:
    """Train ``model``; a state file lets an interrupted step go on, if its settings are the same.

    ``decisive`` holds what the result depends on beside the settings of training and model, and
    ``dev_score`` chooses the best epoch (see ``Trainer``). The state stays until
    :func:`drop_states`: later stages may be interrupted too.
    """
    from batflow.quant.training import Trainer

    content = {**settings.decisive(), "threads": 0, **run.config.part(MODEL_SETTINGS), **(decisive or {})}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    state = run.artefact(f"{name}-{digest}.state")
    _, dot, stage = name.partition(".")
    label = f"{stage}: " if dot else ""
    trainer = Trainer(model, loss, settings, state_path=state, label=label, dev_score=dev_score)
    history: list[Any] = trainer.run(data[0], data[1])
    return history


def drop_states(run: RunFolder, name: str) -> None:
    """Remove the training states of a step that has written its artefacts."""
    for path in run.path.glob(f"{name}*-*.state"):
        path.unlink()


def deployed_score(student: Any, train: Any, split: Any) -> float:
    """Return the integer score over ``split`` as it would be after this stage.

    The residual stream is calibrated on ``train`` for it, as after the stage; the student's own
    fraction bits stay.
    """
    from batflow.quant.calibration import calibrate_residual

    kept = student.frac_bits
    try:
        calibrate_residual(student, train)
        return integer_score(student, split)
    finally:
        student.frac_bits = kept


def integer_score(student: Any, split: Any) -> float:
    """Return the score of the student's deploy mode over ``split``: exact integers alone."""
    import torch

    from batflow.quant.training import score

    model = student.deploy()
    rows, parts = [], []
    for row, batch in split.in_order():
        rows.append(row)
        parts.append(model.logits(batch.ids, batch.types, batch.mask))
    logits = torch.cat(parts)
    ordered = torch.empty_like(logits)
    ordered[torch.cat(rows)] = logits
    return score(ordered.double(), split.targets)
