# SPDX-License-Identifier: Apache-2.0
"""The student's training stages: each starts from the teacher or from the stage before it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from batflow.files import sha256_file

from .fitting import deployed_score, fit, integer_score, train_settings
from .run_folder import RunFolder

if TYPE_CHECKING:
    from batflow.quant.batches import Split
    from batflow.quant.classifier import BmtClassifier
    from batflow.quant.config import BmtConfig
    from batflow.quant.pretrained import PretrainedEncoder
    from batflow.quant.recipe import PlannedStage
    from batflow.quant.teacher import TeacherClassifier


def train_stages(
    run: RunFolder,
    described: BmtConfig,
    encoder: PretrainedEncoder,
    teacher: TeacherClassifier,
    data: Sequence[Split],
) -> tuple[BmtClassifier, list[dict[str, Any]]]:
    """Return the last stage's student, calibrated, and one record for every stage.

    A finished stage is made again from its state file, so an interrupted run goes on in the stage
    and epoch where it stopped; with ``keep_stages`` its model stays too, as
    ``student.<stage>.npz``. The test split is only reported: the dev split chooses epochs.

    Args:
        run: the run folder.
        described: config of the final model.
        encoder, teacher: what the first stage starts from.
        data: train, dev and test splits.
    """
    import torch

    from batflow.quant.calibration import calibrate_residual
    from batflow.quant.checkpoint import save_student
    from batflow.quant.latents import save_latents
    from batflow.quant.precision import set_precision

    student: BmtClassifier | None = None
    records: list[dict[str, Any]] = []
    plan = run.config.stages()
    for index, stage in enumerate(plan):
        torch.manual_seed(run.config.seed)
        previous = student
        student = _start(run, stage, described, encoder, teacher, previous, data[0])
        set_precision(student, run.config.precision)
        if stage.rounded:
            _round(student, data[0])
        target = teacher if stage.target == "teacher" or previous is None else previous
        history = _fit_stage(run, plan[: index + 1], student, target, data)
        if student.config.deployable:
            calibrate_residual(student, data[0])
        student.eval()
        records.append(_record(stage, student, history, data[2]))
        if run.config.keep_stages:
            # Without wall times, so that a repeated or resumed run gives the same file.
            lasting = {k: v for k, v in records[-1].items() if k not in ("seconds", "history")}
            save_student(student, run.artefact(f"student.{stage.name}.npz"), encoder.source, lasting)
        if run.config.keep_latents:
            save_latents(student, run.artefact(f"student.{stage.name}.safetensors"), encoder.source)
    assert student is not None, "a plan has at least one stage"
    return student, records


def _start(
    run: RunFolder,
    stage: PlannedStage,
    described: BmtConfig,
    encoder: PretrainedEncoder,
    teacher: TeacherClassifier,
    previous: BmtClassifier | None,
    train: Split,
) -> BmtClassifier:
    from batflow.quant.calibration import calibrate_quantizers
    from batflow.quant.classifier import BmtClassifier
    from batflow.quant.config import SITES
    from batflow.quant.latents import adopt_latents
    from batflow.quant.transfer import changed_sites, continue_student

    config = described.create(**(described.model_dump() | {"weight": stage.weight, "bits": stage.bits}))
    if stage.init == "teacher" or previous is None:
        student = BmtClassifier(config, encoder)
        student.start_from(teacher)
        given = run.config.start_from if previous is None else None
        sites = SITES if given is None else adopt_latents(student, given, encoder.source)
        if sites:
            calibrate_quantizers(student, train, sites)
        return student
    student = continue_student(previous, config, stage.split or "binarybert")
    changed = changed_sites(previous.config, config)
    if changed:
        calibrate_quantizers(student, train, changed)
    return student


def _round(student: BmtClassifier, train: Split) -> None:
    """Let the student train on the values of its deploy mode, with fraction bits that stay."""
    from batflow.quant.calibration import STAGE_HEADROOM, calibrate_residual
    from batflow.quant.rounding import Rounding

    calibrate_residual(student, train, headroom=STAGE_HEADROOM)
    student.rounding = Rounding(student)


def _fit_stage(
    run: RunFolder,
    plan: Sequence[PlannedStage],
    student: BmtClassifier,
    target: BmtClassifier | TeacherClassifier,
    data: Sequence[Split],
) -> list[Any]:
    """Train the last stage of ``plan``; the result depends on all stages before it too."""
    from batflow.quant.distillation import distillation_loss
    from batflow.quant.teacher_outputs import TeacherOutputs

    config, stage = run.config, plan[-1]
    kept = TeacherOutputs(target, data[0], run.path) if config.keep_teacher_outputs else None
    decisive: dict[str, Any] = {"kept": True} if kept else {}
    if config.transfer:
        decisive["transfer"] = list(config.transfer)
    if config.start_from is not None:
        decisive["start"] = sha256_file(config.start_from)
    if config.recipe is not None or stage.rounded or stage.select != "training":
        decisive["stages"] = [one.decisive() for one in plan]
    return fit(
        run,
        "student" if config.recipe is None else f"student.{stage.name}",
        student,
        distillation_loss(target, stage.hidden_weight, kept, stage.attention_weight),
        train_settings(config, stage.epochs, stage.rate, patience=stage.patience),
        list(data),
        decisive,
        partial(deployed_score, student, data[0]) if stage.select == "integer" else None,
    )


def _record(stage: PlannedStage, student: BmtClassifier, history: list[Any], test: Split) -> dict[str, Any]:
    from batflow.quant.config import BITS_PER_WEIGHT
    from batflow.quant.training import predict, score

    return {
        **stage.decisive(),
        "bits_per_weight": BITS_PER_WEIGHT[stage.weight],
        "dev": max(record["dev"] for record in history),
        "test": score(predict(student, test), test.targets),
        **_integer_figures(student, test),
        "seconds": round(sum(record["seconds"] for record in history), 2),
        "history": history,
    }


def _integer_figures(student: BmtClassifier, test: Split) -> dict[str, Any]:
    """Return the score of deploy mode; a baseline of activations has none, and says so."""
    if student.config.deployable:
        return {"integer_test": integer_score(student, test)}
    return {"integer_test": None, "deployable": False}


def joined_history(stages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the epochs of all stages in a row, numbered through; one stage's are as they were."""
    rows = [row for stage in stages for row in stage["history"]]
    return [{**row, "epoch": number} for number, row in enumerate(rows, 1)]
