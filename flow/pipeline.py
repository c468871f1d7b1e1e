# SPDX-License-Identifier: Apache-2.0
"""Named steps in order, each skipped when its inputs have not changed. Source: ours.

A step's input hash covers its settings, the content of the artefacts it reads, batflow's version
and, after training, the source of the rooms that do the work. It is up to date when that hash and
the hashes of its artefacts are those of ``run.json``.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import importlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

import batflow
from batflow.errors import InputError
from batflow.files import sha256_file

from .progress import Advance, progress_bar
from .run_folder import RunFolder, hash_path

Action = Callable[[RunFolder, Advance], None]
Status = Literal["done", "up to date", "attached"]
SOURCE_SUFFIXES = {".py", ".hpp", ".cpp", ".h", ".sv", ".yaml", ".html"}


@dataclass(frozen=True)
class Step:
    """One step: what it reads and writes (names in the run folder) and what does the work.

    ``settings`` are the fields of ``RunConfig`` that it depends on. ``supply`` makes the artefacts
    without the step's own work (from files that come with batflow) when a run starts later.
    ``uses`` are artefacts that it takes when they are there, ``rooms`` the packages whose source
    its result depends on. ``draws`` says that the action shows its own progress bar.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    settings: tuple[str, ...]
    action: Action
    about: str
    supply: Action | None = None
    uses: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    draws: bool = False


@dataclass(frozen=True)
class Outcome:
    """What happened to one step, and how long it took."""

    step: str
    status: Status
    seconds: float


def input_hash(step: Step, run: RunFolder) -> str:
    """Return the hash over everything ``step`` depends on."""
    content = {
        "batflow": batflow.__version__,
        "step": step.name,
        "settings": run.config.part(step.settings),
        "reads": {name: hash_path(run.artefact(name)) for name in (*step.reads, *step.uses)},
        "rooms": [source_hash(room) for room in step.rooms],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@functools.cache
def source_hash(room: str) -> str:
    """Return the SHA-256 over the source files of the package ``batflow.<room>``."""
    digest = hashlib.sha256()
    folder = Path(next(iter(importlib.import_module(f"batflow.{room}").__path__)))
    for path in sorted(p for p in folder.rglob("*") if p.suffix in SOURCE_SUFFIXES):
        digest.update(f"{path.relative_to(folder)}\0{sha256_file(path)}\n".encode())
    return digest.hexdigest()


def is_current(step: Step, run: RunFolder) -> bool:
    """Whether the artefacts of ``step`` are those of the present inputs, unchanged since."""
    record = run.done.get(step.name)
    if record is None or record.get("input") != input_hash(step, run):
        return False
    outputs = {name: hash_path(run.artefact(name)) for name in step.writes}
    return all(outputs.values()) and record.get("outputs") == outputs


def select(steps: Sequence[Step], first: str | None, last: str | None) -> list[Step]:
    """Return the steps from ``first`` to ``last``, both included.

    Raises:
        InputError: an unknown name, or ``last`` before ``first``.
    """
    names = [step.name for step in steps]
    for name in (first, last):
        if name is not None and name not in names:
            raise InputError(f"there is no step {name!r}; the steps are {', '.join(names)}")
    start = names.index(first) if first else 0
    stop = names.index(last) if last else len(names) - 1
    if stop < start:
        raise InputError(f"step {last!r} comes before {first!r}; the order is {', '.join(names)}")
    return list(steps[start : stop + 1])


def missing_suppliers(steps: Sequence[Step], chosen: Sequence[Step], run: RunFolder) -> list[Step]:
    """Return earlier steps that must supply artefacts which ``chosen`` read and nobody has written.

    Raises:
        InputError: such a step cannot supply them without its own work.
    """
    written = {name for step in chosen for name in step.writes}
    wanted = {name for step in chosen for name in step.reads} - written
    absent = {name for name in wanted if not run.artefact(name).exists()}
    suppliers = []
    for step in steps:
        lacking = sorted(absent & set(step.writes))
        if lacking and step.supply is None:
            raise InputError(
                f"{run.artefact(lacking[0])} does not exist; run `batflow {step.name} {run.name}` first"
            )
        if lacking:
            suppliers.append(step)
    return suppliers


def run_steps(
    steps: Sequence[Step],
    run: RunFolder,
    console: Console,
    *,
    first: str | None = None,
    last: str | None = None,
    force: bool = False,
) -> list[Outcome]:
    """Bring the steps from ``first`` to ``last`` up to date; ``force`` repeats them all.

    Every finished step is recorded at once, so an interrupted run continues where it stopped.

    Raises:
        InputError: unknown steps or missing inputs. Other errors come from the steps.
    """
    chosen = select(steps, first, last)
    suppliers = missing_suppliers(steps, chosen, run)
    outcomes = [_perform(step, run, console, step.supply or step.action) for step in suppliers]
    for step in chosen:
        if not force and is_current(step, run):
            console.print(f"[dim]{step.name:<8} up to date[/]")
            outcomes.append(Outcome(step.name, "up to date", 0.0))
        else:
            outcomes.append(_perform(step, run, console, step.action))
    return outcomes


def _perform(step: Step, run: RunFolder, console: Console, action: Action) -> Outcome:
    own = action is step.action
    console.print(f"[bold]{step.name:<8}[/] {step.about if own else 'take what comes with batflow'}")
    run.done.pop(step.name, None)
    start = time.perf_counter()
    before = input_hash(step, run)
    with progress_bar(console, step.name, draw=not step.draws) as advance:
        action(run, advance)
    seconds = time.perf_counter() - start
    # An attached artefact is no product of this run's inputs: the step stays to be done.
    if own:
        run.done[step.name] = {
            "input": before,
            "outputs": {name: hash_path(run.artefact(name)) for name in step.writes},
            "seconds": round(seconds, 3),
            "finished": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        }
    run.save()
    return Outcome(step.name, "done" if own else "attached", seconds)


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Return the closing table: seconds per step and in all."""
    table = Table(title=None, show_footer=True)
    total = sum(outcome.seconds for outcome in outcomes)
    table.add_column("step", footer="total")
    table.add_column("status")
    table.add_column("seconds", justify="right", footer=f"{total:.1f}")
    for outcome in outcomes:
        table.add_row(outcome.step, outcome.status, f"{outcome.seconds:.1f}")
    return table
