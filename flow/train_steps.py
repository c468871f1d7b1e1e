# SPDX-License-Identifier: Apache-2.0
"""Steps data, teacher, train and export: from text to model.onnx."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import batflow.quant
from batflow.errors import FormatError, InputError
from batflow.files import atomic_path, read_json, sha256_file, write_json

from .progress import Advance
from .run_folder import RunFolder
from .settings import ATTACHED_CHECKPOINTS, RunConfig

SPLITS = ("train", "dev", "test")
MODEL_SETTINGS = ("task", "glue_dir", "tsv", "pretrained", "layers", "max_len", "bits", "weight")


def data_step(run: RunFolder, advance: Advance) -> None:
    """Fetch and split the task's text: data.json and three split files."""
    from batflow.quant.data import load_dataset, save_dataset

    config = run.config
    save_dataset(load_dataset(config.task, glue_dir=config.glue_dir, tsv=config.tsv), run.path)


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
        layernorm_eps=source.ln_eps,
        labels=tuple(dataset.labels),
        lower_case=source.lower_case,
        task=dataset.name,
    )


def splits(config: RunConfig, dataset: Any, encoder: Any) -> list[Any]:
    """Return the tokenized train, dev and test splits."""
    from batflow.quant.batches import make_split
    from batflow.quant.tokens import WordPiece

    tokenizer = WordPiece(encoder.vocab, lower_case=encoder.config.lower_case)
    return [
        make_split(dataset.split(name), tokenizer, config.max_len, regression=dataset.regression)
        for name in SPLITS
    ]


def _settings(config: RunConfig, epochs: int, rate: float) -> Any:
    from batflow.quant.training import TrainSettings

    return TrainSettings(
        epochs=epochs,
        learning_rate=rate,
        batch_size=config.batch_size,
        seed=config.seed,
        threads=config.threads,
        max_steps=config.max_steps,
    )


def _fit(run: RunFolder, name: str, model: Any, loss: Any, settings: Any, data: list[Any]) -> list[Any]:
    """Train ``model``; a state file lets an interrupted step go on, if its settings are the same."""
    from batflow.quant.training import Trainer

    decisive = {**asdict(settings), "threads": 0, **run.config.part(MODEL_SETTINGS)}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    state = run.artefact(f"{name}-{digest}.state")
    history = Trainer(model, loss, settings, state_path=state).run(data[0], data[1])
    for path in run.path.glob(f"{name}-*.state"):
        path.unlink()
    return history


def _metric(dataset: Any) -> str:
    return "pearson" if dataset.regression else "accuracy"


def teacher_step(run: RunFolder, advance: Advance) -> None:
    """Train the float teacher and the two controls: teacher.safetensors, teacher.json."""
    import torch

    from batflow.quant.controls import tfidf_control, zero_layer_control
    from batflow.quant.data import read_dataset
    from batflow.quant.distillation import label_loss
    from batflow.quant.pretrained import load_pretrained
    from batflow.quant.teacher import TeacherClassifier, save_teacher
    from batflow.quant.training import predict, score

    config, dataset = run.config, read_dataset(run.path)
    encoder = load_pretrained(config.pretrained, config.layers)
    torch.manual_seed(config.seed)
    teacher = TeacherClassifier(model_config(config, dataset, encoder), encoder)
    data = splits(config, dataset, encoder)
    settings = _settings(config, config.teacher_epochs, config.teacher_rate)
    history = _fit(run, "teacher", teacher, label_loss, settings, data)
    save_teacher(teacher, run.artefact("teacher.safetensors"))
    controls = (tfidf_control(dataset), zero_layer_control(dataset, encoder, config.max_len))
    record = {
        "source": "trained",
        "metric": _metric(dataset),
        "test": score(predict(teacher, data[2]), data[2].targets),
        "test_sentences": len(data[2]),
        "controls": {control.name: 100.0 * control.value for control in controls},
        "sha256": sha256_file(run.artefact("teacher.safetensors")),
        "history": history,
    }
    write_json(run.artefact("teacher.json"), record)


def train_step(run: RunFolder, advance: Advance) -> None:
    """Distil the quantized student and check its integers: student.npz, train.json."""
    import torch

    from batflow.quant.calibration import calibrate_quantizers, calibrate_residual
    from batflow.quant.checkpoint import save_student
    from batflow.quant.classifier import BmtClassifier
    from batflow.quant.data import read_dataset
    from batflow.quant.distillation import distillation_loss
    from batflow.quant.pretrained import load_pretrained
    from batflow.quant.teacher import load_teacher
    from batflow.quant.training import predict, score

    config, dataset = run.config, read_dataset(run.path)
    encoder = load_pretrained(config.pretrained, config.layers)
    path = run.need("teacher.safetensors", "train")
    if run_json(run, "teacher").get("sha256") != sha256_file(path):
        raise FormatError(f"{path} is not the file that teacher.json names; repeat the step teacher")
    teacher = load_teacher(path, encoder)
    data = splits(config, dataset, encoder)
    torch.manual_seed(config.seed)
    student = BmtClassifier(model_config(config, dataset, encoder), encoder)
    student.start_from(teacher)
    calibrate_quantizers(student, data[0])
    settings = _settings(config, config.student_epochs, config.student_rate)
    history = _fit(run, "student", student, distillation_loss(teacher), settings, data)
    calibrate_residual(student, data[0])
    student.eval()
    record = {
        "source": "trained",
        "metric": _metric(dataset),
        "test": score(predict(student, data[2]), data[2].targets),
        "integer_test": integer_score(student, data[2]),
        "test_sentences": len(data[2]),
        "history": history,
    }
    teacher_record = {key: run_json(run, "teacher")[key] for key in ("test", "controls")}
    metrics = {key: value for key, value in record.items() if key != "history"}
    save_student(student, run.artefact("student.npz"), encoder.source, {**metrics, "teacher": teacher_record})
    write_json(run.artefact("train.json"), record)


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


def run_json(run: RunFolder, name: str) -> dict[str, Any]:
    """Return the JSON artefact ``name`` of a run."""
    content: dict[str, Any] = read_json(run.artefact(f"{name}.json"))
    return content


def attach_checkpoint(run: RunFolder, advance: Advance) -> None:
    """Take the packed checkpoint that comes with batflow in place of training.

    Raises:
        InputError: none is attached for the run's task, or not with the run's settings.
    """
    from batflow.quant.checkpoint import read_arrays

    name = ATTACHED_CHECKPOINTS.get(run.config.task)
    path = Path(batflow.quant.__file__).parent / "checkpoints" / (name or "none")
    if name is None or not path.is_file():
        have = ", ".join(ATTACHED_CHECKPOINTS)
        raise InputError(
            f"no trained checkpoint is attached for task {run.config.task!r} (there is one for {have}); "
            f"run `batflow train {run.name}` first"
        )
    header, _ = read_arrays(path)
    _check_attached(run.config, header["config"], name)
    with atomic_path(run.artefact("student.npz")) as temporary:
        shutil.copyfile(path, temporary)
    metrics = dict(header["metrics"])
    teacher = metrics.pop("teacher", None)
    write_json(run.artefact("train.json"), metrics)
    if teacher is not None:
        shared = {"source": "trained", "metric": metrics.get("metric", "accuracy")}
        write_json(run.artefact("teacher.json"), {**shared, **teacher})


def _check_attached(wanted: RunConfig, made: dict[str, Any], name: str) -> None:
    bits = dict.fromkeys(made["bits"], wanted.bits) if isinstance(wanted.bits, int) else wanted.bits
    asked: dict[str, Any] = {"bits": {**made["bits"], **bits}}
    asked |= {"layers": wanted.layers, "max_len": wanted.max_len, "weight": wanted.weight}
    for key, value in asked.items():
        if made[key] != value:
            raise InputError(
                f"the attached checkpoint {name} has {key} {made[key]} and the run asks for {value}; "
                "train a model, or leave the setting at its default"
            )


def export_step(run: RunFolder, advance: Advance) -> None:
    """Write model.onnx from the student's integers."""
    from batflow.quant.checkpoint import load_student
    from batflow.quant.constants import build_constants
    from batflow.quant.export import export_onnx

    student, encoder, header = load_student(run.need("student.npz", "train"))
    extra = {"pretrained": header["pretrained"]}
    export_onnx(build_constants(student), encoder.vocab, run.artefact("model.onnx"), extra)
