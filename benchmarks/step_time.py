# SPDX-License-Identifier: Apache-2.0
"""Measure a float and a QAT training step of the same model: benchmarks/results/step_time.json.

    python -m benchmarks.step_time --steps 30

A float step trains the teacher on labels. A QAT step trains the student on the teacher's logits and
hidden states, which are computed in the step, or looked up (``qat_kept``). Both are whole steps of
the training loop: forward, backward, clipping, AdamW. The kinds of step take turns, so that load on
the machine meets all alike; a figure is the median over the steps, with the processor time beside
the wall time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from batflow.errors import InputError
from batflow.quant.batches import Batch, Split
from batflow.quant.calibration import calibrate_quantizers
from batflow.quant.classifier import BmtClassifier
from batflow.quant.config import BmtConfig, Precision, WeightKind
from batflow.quant.distillation import distillation_loss, label_loss
from batflow.quant.precision import has_bf16, set_precision
from batflow.quant.pretrained import PretrainedEncoder, load_pretrained
from batflow.quant.teacher import TeacherClassifier
from batflow.quant.teacher_outputs import TeacherOutputs
from batflow.quant.training import Loss, Trainer, TrainSettings
from benchmarks.slice import RESULTS, Figure, figure, report, write_record

WARM_UP = 3
KINDS = ("float", "qat", "qat_kept")
Step = Callable[[], None]


def sentences(encoder: PretrainedEncoder, count: int, length: int) -> Split:
    """Return random sentences of one length, so that no step has padding."""
    generator = torch.Generator().manual_seed(length)
    ids = torch.randint(4, encoder.config.vocab_size, (count, length), generator=generator)
    targets = torch.randint(0, 2, (count,), generator=generator)
    return Split(ids, torch.zeros_like(ids), torch.ones_like(ids).bool(), targets)


def make_steps(encoder: PretrainedEncoder, config: BmtConfig, batch: int, precision: Precision) -> list[Step]:
    """Return one step of each of ``KINDS``, each over its own model and optimizer."""
    split = sentences(encoder, batch, config.max_len)
    teacher = TeacherClassifier(config, encoder)
    target = TeacherClassifier(config, encoder)
    for model in (teacher, target):
        set_precision(model, precision)
    kept = TeacherOutputs(target.eval(), split)
    taken = split.take(torch.arange(batch))
    losses: list[Loss] = [distillation_loss(target), distillation_loss(target, kept=kept)]
    steps = [_step(teacher, label_loss, taken)]
    for loss in losses:
        student = BmtClassifier(config, encoder)
        student.start_from(target)
        calibrate_quantizers(student, split)
        set_precision(student, precision)
        steps.append(_step(student, loss, taken))
    return steps


def _step(model: TeacherClassifier | BmtClassifier, loss: Loss, batch: Batch) -> Step:
    settings = TrainSettings(epochs=1, learning_rate=1e-6)
    trainer = Trainer(model.train(), loss, settings)

    def step() -> None:
        trainer._one_step([batch], total=1 << 20)

    return step


def median_times(steps: Sequence[Step], count: int) -> list[tuple[float, float]]:
    """Return (wall, processor) milliseconds of each kind of step: medians over ``count`` rounds."""
    times: list[list[tuple[float, float]]] = [[] for _ in steps]
    for turn in range(WARM_UP + count):
        for kept, step in zip(times, steps, strict=True):
            wall, processor = time.perf_counter(), time.process_time()
            step()
            if turn >= WARM_UP:
                kept.append((time.perf_counter() - wall, time.process_time() - processor))
    return [
        (1e3 * statistics.median(w for w, _ in rows), 1e3 * statistics.median(p for _, p in rows))
        for rows in times
    ]


def step_figures(
    encoder: PretrainedEncoder,
    layers: int,
    lengths: Sequence[int],
    *,
    batch: int = 32,
    steps: int = 30,
    bits: int = 1,
    weight: WeightKind = "binary",
) -> dict[str, Figure]:
    """Return ``KIND_step_lLENGTH_PRECISION`` in milliseconds, and each QAT step over the float one.

    Precisions are float32 and, where this CPU multiplies it, bf16; ``KIND_ratio_...`` compares
    steps of one precision.
    """
    shape = encoder.config
    figures: dict[str, Figure] = {}
    precisions: list[Precision] = ["float32", "bf16"] if has_bf16() else ["float32"]
    for length in lengths:
        config = BmtConfig.create(
            layers=layers,
            hidden=shape.hidden,
            heads=shape.heads,
            ffn=shape.ffn,
            max_len=length,
            vocab_size=shape.vocab_size,
            classes=2,
            bits=bits,
            weight=weight,
        )
        for precision in precisions:
            found = median_times(make_steps(encoder, config, batch, precision), steps)
            for kind, (wall, processor) in zip(KINDS, found, strict=True):
                end = f"l{length}_{precision}"
                figures[f"{kind}_step_{end}"] = figure(round(wall, 2), "ms", "host") | {
                    **{"processor_ms": round(processor, 2), "steps": steps, "batch": batch, "layers": layers},
                }
                if kind != "float":
                    figures[f"{kind}_ratio_{end}"] = figure(round(wall / found[0][0], 3), "1", "host")
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Write step_time.json; exit code 2 with one line when an option is not usable."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pretrained", default="minilm", help="minilm, or a Hugging Face folder")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--lengths", type=int, nargs="+", default=[13, 48], help="tokens of a sentence")
    parser.add_argument("--batch", type=int, default=32, help="sentences of a step")
    parser.add_argument("--steps", type=int, default=30, help="measured steps of each kind")
    parser.add_argument("--bits", type=int, default=1, help="of the student's activations")
    parser.add_argument("--weight", choices=("binary", "ternary", "tws", "wtws"), default="binary")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS / "step_time.json")
    given = parser.parse_args(arguments)

    def write() -> None:
        for name in ("batch", "steps", "threads"):
            if getattr(given, name) < 1:
                raise InputError(f"--{name} is {getattr(given, name)}; give at least 1")
        torch.set_num_threads(given.threads)
        figures = step_figures(
            load_pretrained(given.pretrained, given.layers),
            given.layers,
            given.lengths,
            batch=given.batch,
            steps=given.steps,
            bits=given.bits,
            weight=given.weight,
        )
        shown = sys.argv[1:] if arguments is None else arguments
        write_record(given.output, " ".join(["python -m benchmarks.step_time", *shown]), figures)
        for name, value in figures.items():
            print(f"{name}: {value['value']} {value['unit']}")

    return report(given.output, write)


if __name__ == "__main__":
    sys.exit(main())
