# SPDX-License-Identifier: Apache-2.0
"""``batflow robustness``: a trained run under noise, attacks and hardware faults (docs/robustness.md)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text
from torch import Tensor

from batflow.files import write_bytes, write_json
from batflow.quant.batches import Split, make_split
from batflow.quant.checkpoint import load_student
from batflow.quant.classifier import BmtClassifier
from batflow.quant.constants import build_constants
from batflow.quant.data import read_dataset
from batflow.quant.deploy import IntegerModel
from batflow.quant.faults import (
    NOISE_SITES,
    NoisyModel,
    accumulator_rms,
    flip_weights,
    flipped_bits,
    integer_logits,
    weight_bits,
)
from batflow.quant.pretrained import PretrainedEncoder, load_pretrained
from batflow.quant.robustness import (
    PGD_STEPS,
    SCORE_RATES,
    SCORE_SEEDS,
    SCORE_SIGMAS,
    FloatSubject,
    IntegerSubject,
    embedding_rms,
    fgsm,
    gaussian,
    perturbed_logits,
    pgd,
    radius,
    random_signs,
)
from batflow.quant.teacher import TeacherClassifier, load_teacher
from batflow.quant.tokens import WordPiece
from batflow.quant.training import score

from .interval import mean_interval
from .plots import robustness_plot
from .progress import Advance, progress_bar, silent
from .run_folder import RunFolder

INTEGER, TEACHER = IntegerSubject.name, FloatSubject.name
ATTACKS = ("random_signs", "fgsm", "pgd")
UNSEEDED = frozenset({"fgsm"})
ALL_SITES = "all"
TITLES = {
    "gaussian": "Gaussian, σ/RMS",
    "random_signs": "random signs, ε/RMS",
    "fgsm": "FGSM, ε/RMS",
    "pgd": "PGD, ε/RMS",
    "weight_bits": "weight bits, rate",
    "accumulator": "accumulator, σ/RMS",
}


@dataclass(frozen=True)
class Levels:
    """What is measured. Levels of embeddings and accumulators are relative to their RMS."""

    sigmas: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0, 2.0)
    epsilons: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    flip_rates: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 5e-2, 1e-1, 2e-1)
    accumulator_sigmas: tuple[float, ...] = (0.5, 1.0, 2.0)
    seeds: tuple[int, ...] = SCORE_SEEDS
    pgd_steps: int = PGD_STEPS


@dataclass(frozen=True)
class Condition:
    """One figure: ``kind`` of TITLES, the model it falls on, a site where there is one, the level."""

    kind: str
    model: str
    site: str
    level: float


def conditions(levels: Levels, models: tuple[str, ...]) -> list[Condition]:
    """Return every condition; hardware faults fall on the integer model alone."""
    listed = [Condition("gaussian", m, "", level) for m in models for level in levels.sigmas]
    listed += [Condition(kind, m, "", level) for kind in ATTACKS for m in models for level in levels.epsilons]
    listed += [Condition("weight_bits", INTEGER, "", rate) for rate in levels.flip_rates]
    sites = (*NOISE_SITES, ALL_SITES)
    listed += [Condition("accumulator", INTEGER, s, v) for s in sites for v in levels.accumulator_sigmas]
    return listed


class Bench:
    """Models and sentences under test; clean logits and RMS values are measured once.

    Args:
        student: trained and calibrated, in evaluation mode.
        teacher: its float teacher, or None.
        split: the sentences.
        levels: what to measure.
    """

    def __init__(
        self, student: BmtClassifier, teacher: TeacherClassifier | None, split: Split, levels: Levels
    ) -> None:
        self.split, self.levels = split, levels
        self.constants = build_constants(student)
        integer = IntegerSubject(student, self.constants)
        self.subjects: dict[str, FloatSubject] = {INTEGER: integer}
        if teacher is not None:
            self.subjects[TEACHER] = FloatSubject(teacher, integer.step)
        self.rms = embedding_rms(integer, split)
        self.step = integer.step
        self.accumulator_rms = accumulator_rms(self.constants, split)
        self.clean = {
            name: perturbed_logits(subject, split, gaussian(0.0, self.rms, 0))
            for name, subject in self.subjects.items()
        }

    def logits(self, condition: Condition, seed: int) -> Tensor:
        """Return the logits [N, classes] of one condition and seed."""
        kind, level = condition.kind, condition.level
        if kind == "weight_bits":
            return integer_logits(IntegerModel(flip_weights(self.constants, level, seed)), self.split)
        if kind == "accumulator":
            sites = NOISE_SITES if condition.site == ALL_SITES else (condition.site,)
            sigmas = dict.fromkeys(sites, level)
            return integer_logits(NoisyModel(self.constants, sigmas, self.accumulator_rms, seed), self.split)
        perturbation = {
            "gaussian": lambda: gaussian(level, self.rms, seed),
            "random_signs": lambda: random_signs(level, self.rms, seed),
            "fgsm": lambda: fgsm(level, self.rms),
            "pgd": lambda: pgd(level, self.rms, seed, self.levels.pgd_steps),
        }[kind]()
        return perturbed_logits(self.subjects[condition.model], self.split, perturbation)

    def row(self, condition: Condition) -> dict[str, Any]:
        """Return the figure of one condition: scores by seed, mean, interval, changed answers."""
        seeds = self.levels.seeds[:1] if condition.kind in UNSEEDED else self.levels.seeds
        clean = self.clean[condition.model].argmax(1)
        values, changed = [], []
        for seed in seeds:
            logits = self.logits(condition, seed)
            values.append(score(logits.double(), self.split.targets))
            changed.append(100.0 * float((logits.argmax(1) != clean).double().mean()))
        mean, half = mean_interval(values)
        row = asdict(condition) | {"values": values, "mean": mean, "interval95": half}
        row |= {"answers_changed": sum(changed) / len(changed), "source": "trained"}
        if condition.kind in ATTACKS:
            row["radius_steps"] = radius(condition.level, self.rms)
        if condition.kind == "weight_bits":
            places = flipped_bits(self.constants, condition.level, seeds[0])
            row["flipped_bits"] = sum(len(found) for found in places.values())
        return row

    def record(self, advance: Advance = silent) -> dict[str, Any]:
        """Measure everything; ``advance`` hears of every finished condition."""
        began, used = time.perf_counter(), time.process_time()
        listed = conditions(self.levels, tuple(self.subjects))
        rows = []
        for done, condition in enumerate(listed):
            advance(done, len(listed))
            rows.append(self.row(condition))
        targets = self.split.targets
        regression = targets.is_floating_point()
        return {
            "format": 1,
            "source": "trained",
            "metric": "pearson" if regression else "accuracy",
            "clean": {name: score(logits.double(), targets) for name, logits in self.clean.items()},
            "majority": None if regression else 100.0 * float(targets.bincount().max()) / len(targets),
            "sentences": len(targets),
            "levels": asdict(self.levels),
            "embedding_rms": {"table_steps": self.rms, "value": self.rms * self.step},
            "accumulator_rms": {f"L{i}.{site}": v for (i, site), v in self.accumulator_rms.items()},
            "weight_bits": weight_bits(self.constants),
            "score": {"value": score_of(rows), "sigmas": SCORE_SIGMAS, "flip_rates": SCORE_RATES},
            "rows": rows,
            "seconds": time.perf_counter() - began,
            "processor_seconds": time.process_time() - used,
        }


def score_of(rows: list[dict[str, Any]]) -> float | None:
    """Return ``robustness_score`` from rows already measured; None when they lack one of its levels."""
    wanted = {("gaussian", s) for s in SCORE_SIGMAS} | {("weight_bits", r) for r in SCORE_RATES}
    found = {(r["kind"], r["level"]): r["values"] for r in rows if r["model"] == INTEGER}
    if not wanted <= set(found):
        return None
    values: list[float] = [value for key in sorted(wanted) for value in found[key]]
    return sum(values) / len(values)


def measure_run(
    run: RunFolder, console: Console, *, sentences: int, levels: Levels | None = None
) -> dict[str, Any]:
    """Measure the first ``sentences`` test sentences of a run: robustness.json and robustness.svg.

    Without teacher.safetensors (an attached checkpoint) the teacher's figures are left out.

    Raises:
        InputError: the run has no trained student.
        FormatError: an artefact is corrupt.
    """
    import torch

    torch.set_num_threads(run.config.threads)
    student, encoder, _ = load_student(run.need("student.npz", "train"))
    dataset = read_dataset(run.path)
    examples = dataset.split("test")
    tokenizer = WordPiece(encoder.vocab, lower_case=encoder.config.lower_case)
    chosen = examples[:sentences]
    split = make_split(chosen, tokenizer, student.config.max_len, regression=dataset.regression)
    teacher = _teacher(run.artefact("teacher.safetensors"), run.config.pretrained, student.config.layers)
    with progress_bar(console, "robustness") as advance:
        record = Bench(student, teacher, split, levels or Levels()).record(advance)
    record |= {"run": run.name, "task": dataset.name, "test_sentences": len(examples)}
    record |= {"bits": student.config.bits, "weight": student.config.weight, "threads": run.config.threads}
    write_json(run.artefact("robustness.json"), record)
    write_bytes(run.artefact("robustness.svg"), robustness_plot(record).encode())
    return record


def _teacher(path: Path, pretrained: str, layers: int) -> TeacherClassifier | None:
    if not path.is_file():
        return None
    encoder: PretrainedEncoder = load_pretrained(pretrained, layers)
    return load_teacher(path, encoder)


def series(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str, list[dict[str, Any]]]]:
    """Yield (kind, model, site, rows of rising level) in the order of the record."""
    grouped: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        grouped.setdefault((row["kind"], row["model"], row["site"]), []).append(row)
    for (kind, model, site), rows in grouped.items():
        yield kind, model, site, rows


def cell(row: Mapping[str, Any]) -> str:
    """Return ``mean ± half interval`` of a row."""
    half = row["interval95"]
    return f"{row['mean']:.1f}" if half is None else f"{row['mean']:.1f} ±{half:.1f}"


def robustness_table(record: Mapping[str, Any]) -> Group:
    """Return the one table of a record between two lines that say what its figures are."""
    clean = ", ".join(f"{name} {value:.1f}" for name, value in record["clean"].items())
    value = record["score"]["value"]
    mean = "" if value is None else f", robustness score {value:.1f}"
    majority = "" if record["majority"] is None else f", majority class {record['majority']:.1f}"
    above = f"{record['metric']} in % (trained); clean: {clean}{majority}{mean}"
    below = (
        f"{record['sentences']} of {record['test_sentences']} test sentences, "
        f"seeds {', '.join(map(str, record['levels']['seeds']))}; "
        "± is the 95 % interval over seeds, the sentences being the same"
    )
    return Group(Text(above), _body(list(series(record))), Text(below))


def _body(listed: list[tuple[str, str, str, list[dict[str, Any]]]]) -> Table:
    """A line of levels for each kind, then a line for each model or site."""
    table = Table(box=box.SIMPLE_HEAD, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    for _ in range(max(len(rows) for *_, rows in listed)):
        table.add_column(justify="right")
    shown = ""
    for kind, model, site, rows in listed:
        if kind != shown:
            shown = kind
            table.add_section()
            table.add_row(TITLES[kind], *(f"{row['level']:g}" for row in rows), style="bold")
        table.add_row(f"  {site or model}", *(cell(row) for row in rows))
    return table
