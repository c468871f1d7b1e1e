# SPDX-License-Identifier: Apache-2.0
"""Steps data, teacher, train and export: from text to model.onnx."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import batflow.quant
from batflow.errors import FormatError, InputError
from batflow.files import atomic_path, read_json, sha256_file, write_json

from .fitting import drop_states, fit, model_config, splits, train_settings, transfer_text
from .progress import Advance
from .run_folder import RunFolder
from .settings import ATTACHED_CHECKPOINTS, RunConfig
from .stages import joined_history, train_stages


def data_step(run: RunFolder, advance: Advance) -> None:
    """Fetch and split the task's text: data.json and three split files."""
    from batflow.quant.data import load_dataset, save_dataset

    config = run.config
    save_dataset(load_dataset(config.task, glue_dir=config.glue_dir, tsv=config.tsv), run.path)


def _metric(dataset: Any) -> str:
    return "pearson" if dataset.regression else "accuracy"


def teacher_step(run: RunFolder, advance: Advance) -> None:
    """Train the float teacher and the two controls: teacher.safetensors, teacher.json."""
    import torch

    from batflow.quant.controls import tfidf_control, zero_layer_control
    from batflow.quant.data import read_dataset
    from batflow.quant.distillation import label_loss
    from batflow.quant.precision import set_precision
    from batflow.quant.pretrained import load_pretrained
    from batflow.quant.teacher import TeacherClassifier, save_teacher
    from batflow.quant.training import predict, score

    config, dataset = run.config, read_dataset(run.path)
    encoder = load_pretrained(config.pretrained, config.layers)
    torch.manual_seed(config.seed)
    teacher = TeacherClassifier(model_config(config, dataset, encoder), encoder)
    set_precision(teacher, config.precision)
    data = splits(config, dataset, encoder)
    settings = train_settings(config, config.teacher_epochs, config.teacher_rate)
    history = fit(run, "teacher", teacher, label_loss, settings, data)
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
    drop_states(run, "teacher")


def train_step(run: RunFolder, advance: Advance) -> None:
    """Distil the quantized student in its stages: student.npz, train.json."""
    from batflow.quant.checkpoint import save_student
    from batflow.quant.data import read_dataset
    from batflow.quant.precision import set_precision
    from batflow.quant.pretrained import load_pretrained
    from batflow.quant.teacher import load_teacher

    config, dataset = run.config, read_dataset(run.path)
    encoder = load_pretrained(config.pretrained, config.layers)
    path = run.need("teacher.safetensors", "train")
    if run_json(run, "teacher").get("sha256") != sha256_file(path):
        raise FormatError(f"{path} is not the file that teacher.json names; repeat the step teacher")
    data = splits(config, dataset, encoder)
    if config.transfer:
        data[0] = transfer_text(config, encoder, data[0])
    described = model_config(config, dataset, encoder)
    teacher = load_teacher(path, encoder)
    set_precision(teacher, config.precision)
    student, stages = train_stages(run, described, encoder, teacher, data)
    metrics = {
        "source": "trained",
        "metric": _metric(dataset),
        "test": stages[-1]["test"],
        "integer_test": stages[-1]["integer_test"],
        "test_sentences": len(data[2]),
        **({} if described.deployable else {"deployable": False}),
    }
    named = {} if config.recipe is None else {"recipe": config.recipe.name}
    teacher_record = {key: run_json(run, "teacher")[key] for key in ("test", "controls")}
    header = {**metrics, **named, "teacher": teacher_record}
    save_student(student, run.artefact("student.npz"), encoder.source, header)
    write_json(
        run.artefact("train.json"),
        {**metrics, **named, "history": joined_history(stages), "stages": stages},
    )
    drop_states(run, "student")


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
    asked |= {"weight_scale": wanted.weight_scale, "embedding": wanted.embedding}
    asked |= {"activation": wanted.activation}
    made = {"embedding": "int16", "activation": "elastic"} | made
    if wanted.recipe is not None:
        raise InputError(
            f"the attached checkpoint {name} was trained without a recipe; train a model, or leave it out"
        )
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
