# SPDX-License-Identifier: Apache-2.0
"""The training loop of teacher and student: AdamW, warm-up, resume, best epoch by the dev split."""

from __future__ import annotations

import pickle
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor, nn

from batflow.errors import FormatError, InputError
from batflow.files import atomic_path, write_json

from .batches import Batch, Split

STATE_FORMAT = 1
_STATE_ERRORS = (
    OSError,
    RuntimeError,
    KeyError,
    TypeError,
    ValueError,
    EOFError,
    pickle.UnpicklingError,
)


class Trainable(Protocol):
    """What the loop needs of a model beside ``torch.nn.Module``."""

    def project(self) -> None:
        """Bring parameters back into their range after a step."""


@dataclass(frozen=True)
class TrainSettings:
    """How to train. ``threads`` is set explicitly: two threads on a busy machine can stall.

    Args:
        accumulate: batches whose gradients make one step; the batch size in memory stays.
        patience: stop after so many epochs in a row without a dev score as good as the best.
        fused: AdamW in one pass over memory; its sums are rounded in another order.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 32
    warmup: float = 0.05
    clip: float = 1.0
    weight_decay: float = 0.0
    seed: int = 1
    threads: int = 1
    max_steps: int | None = None
    accumulate: int = 1
    patience: int | None = None
    fused: bool = False

    def decisive(self) -> dict[str, Any]:
        """Return what the result depends on; options of later versions only where they are used."""
        values = asdict(self)
        later = {"accumulate": 1, "patience": None, "fused": False}
        return {k: v for k, v in values.items() if k != "threads" and not (k in later and v == later[k])}


Loss = Callable[[nn.Module, Batch], Tensor]
DevScore = Callable[[Split], float]


@torch.no_grad()
def predict(model: nn.Module, split: Split) -> Tensor:
    """Return logits [N, classes] in the order of ``split`` (model in evaluation mode)."""
    training = model.training
    model.eval()
    rows, parts = [], []
    for row, batch in split.in_order():
        parts.append(model(batch.ids, batch.types, batch.mask)[0])
        rows.append(row)
    model.train(training)
    joined = torch.cat(parts)
    out = torch.empty_like(joined)
    out[torch.cat(rows)] = joined
    return out


def score(logits: Tensor, targets: Tensor) -> float:
    """Return accuracy in percent, or 100 times Pearson's r for regression (float targets)."""
    if targets.is_floating_point():
        pair = torch.stack([logits[:, 0].float(), targets])
        value = float(torch.corrcoef(pair)[0, 1])
        return 100.0 * value if np.isfinite(value) else 0.0
    return 100.0 * float((logits.argmax(1) == targets).float().mean())


@torch.no_grad()
def restore(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy ``state`` into the parameters of ``model`` in place.

    ``load_state_dict`` of Brevitas layers builds new quantizers, whose parameters the optimizer
    would not know; training would go on with them frozen.

    Raises:
        KeyError, RuntimeError: ``state`` is of another model.
    """
    own = model.state_dict()
    if own.keys() != state.keys():
        raise KeyError("the names of the parameters differ")
    for name, value in own.items():
        if value.shape != state[name].shape:
            raise RuntimeError(f"the shape of {name} differs")
        value.copy_(state[name])


class Trainer:
    """One training run with a state file that makes an interrupted run continue exactly.

    Args:
        model: module with ``project``; only parameters that require gradients are trained.
        loss: maps (model, batch) to a scalar.
        settings: how to train.
        state_path: file written after every epoch and read at the start; None keeps no state.
        metrics_path: JSON of one record per epoch; None writes none.
        label: what stands before the lines of progress, such as "split-a4: ".
        dev_score: gives the score of the present parameters over the dev split, and leaves them
            as they are; None takes that of the model itself.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        settings: TrainSettings,
        *,
        state_path: Path | None = None,
        metrics_path: Path | None = None,
        label: str = "",
        dev_score: DevScore | None = None,
    ) -> None:
        for name in ("epochs", "batch_size", "threads", "accumulate", "patience"):
            value = getattr(settings, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        self.model, self.loss, self.settings = model, loss, settings
        self.state_path, self.metrics_path, self.label = state_path, metrics_path, label
        self.dev_score = dev_score or self._own_score
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.trained,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=settings.fused,
        )
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = {}
        self.step = 0

    def _own_score(self, dev: Split) -> float:
        return score(predict(self.model, dev), dev.targets)

    def _rate(self, total: int) -> float:
        warm = max(1, int(total * self.settings.warmup))
        if self.step < warm:
            return self.settings.learning_rate * (self.step + 1) / warm
        return self.settings.learning_rate * (total - self.step) / max(1, total - warm)

    def _one_step(self, batches: Sequence[Batch], total: int) -> float:
        """Step once on the mean loss of ``batches``, each weighted by its sentences."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(total)
        self.optimizer.zero_grad(set_to_none=True)
        sentences = sum(len(batch.targets) for batch in batches)
        mean = 0.0
        for batch in batches:
            value = self.loss(self.model, batch) * (len(batch.targets) / sentences)
            value.backward()  # type: ignore[no-untyped-call]
            mean += float(value.detach())
        nn.utils.clip_grad_norm_(self.trained, self.settings.clip)
        self.optimizer.step()
        self.model.project()  # type: ignore[operator]
        self.step += 1
        return mean

    def _total_steps(self, train: Split) -> int:
        batches = -(-len(train) // self.settings.batch_size)
        total = self.settings.epochs * -(-batches // self.settings.accumulate)
        limit = self.settings.max_steps
        return total if limit is None else min(total, limit)

    def _epoch(self, train: Split, epoch: int, progress: Progress) -> float:
        batches = train.shuffled(self.settings.batch_size, self.settings.seed, epoch)
        total = self._total_steps(train)
        size = self.settings.accumulate
        groups = [batches[start : start + size] for start in range(0, len(batches), size)]
        groups = groups[: total - self.step]
        task = progress.add_task(self._text(epoch, []), total=len(groups))
        losses: list[float] = []
        self.model.train()
        for group in groups:
            losses.append(self._one_step([train.take(rows) for rows in group], total))
            if not np.isfinite(losses[-1]):
                raise InputError("the loss is not finite; lower the learning rate")
            progress.update(task, advance=1, description=self._text(epoch, losses))
        progress.remove_task(task)
        return float(np.mean(losses))

    def _text(self, epoch: int, losses: Sequence[float]) -> str:
        recent = f" loss {np.mean(losses[-20:]):.3f}" if losses else ""
        return f"{self.label}epoch {epoch + 1}/{self.settings.epochs}{recent}"

    def _stopped(self) -> bool:
        """Whether ``patience`` epochs have passed since the last one as good as the best."""
        scores = [record["dev"] for record in self.history]
        if self.settings.patience is None or not scores:
            return False
        since_best = scores[::-1].index(max(scores))
        return since_best >= self.settings.patience

    def run(self, train: Split, dev: Split) -> list[dict[str, Any]]:
        """Train, keep the best epoch of the dev split in the model, return the epoch records.

        ``KeyboardInterrupt`` passes through; the next run with the same state file goes on from
        the last finished epoch and ends with the same weights as an uninterrupted one.

        Raises:
            InputError: the loss is not finite, or the state file is of other settings.
            FormatError: the state file is corrupt.
        """
        torch.set_num_threads(self.settings.threads)
        self._load_state()
        with Progress(transient=True) as progress:
            for epoch in range(len(self.history), self.settings.epochs):
                if self.step >= self._total_steps(train) or self._stopped():
                    break
                began = time.perf_counter()
                loss = self._epoch(train, epoch, progress)
                dev_score = self.dev_score(dev)
                best = max((r["dev"] for r in self.history), default=float("-inf"))
                self.history.append(
                    {"epoch": epoch + 1, "loss": loss, "dev": dev_score, "step": self.step}
                    | {"seconds": round(time.perf_counter() - began, 2)}
                )
                if dev_score >= best:
                    self.best = {k: v.clone() for k, v in self.model.state_dict().items()}
                self._save_state()
                progress.console.print(
                    f"{self.label}epoch {epoch + 1}: loss {loss:.4f}, dev {dev_score:.2f},"
                    f" {self.history[-1]['seconds']:.0f} s"
                )
        restore(self.model, self.best)
        return self.history

    def _save_state(self) -> None:
        if self.metrics_path is not None:
            record = {"settings": asdict(self.settings), "epochs": self.history}
            write_json(self.metrics_path, record)
        if self.state_path is None:
            return
        state = {
            "format": STATE_FORMAT,
            "settings": asdict(self.settings),
            "history": self.history,
            "step": self.step,
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_path(self.state_path) as temporary:
            torch.save(state, temporary)

    def _load_state(self) -> None:
        if self.state_path is None or not self.state_path.exists():
            return
        problem = f"{self.state_path} is not a training state of this model; delete it to start anew"
        if not zipfile.is_zipfile(self.state_path):
            raise FormatError(problem)
        try:
            state = torch.load(self.state_path, weights_only=True)
            settings = TrainSettings(**state["settings"]).decisive()
            if state["format"] != STATE_FORMAT or settings != self.settings.decisive():
                raise InputError(
                    f"{self.state_path} belongs to other training settings; delete it or restore them"
                )
            restore(self.model, state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except _STATE_ERRORS as exc:
            raise FormatError(problem) from exc
        self.history, self.step, self.best = state["history"], state["step"], state["best"]
