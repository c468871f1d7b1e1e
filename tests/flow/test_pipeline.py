# SPDX-License-Identifier: Apache-2.0
"""The order of steps, what is skipped, and what an interrupted run leaves."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from batflow.errors import InputError
from batflow.flow.pipeline import Action, Step, is_current, outcome_table, run_steps, select
from batflow.flow.progress import Advance
from batflow.flow.run_folder import RunFolder, open_run, start_run
from batflow.flow.settings import RunConfig


class Fixture:
    """Three steps a -> b -> c that copy text and count how often they run."""

    def __init__(self, runs: Path) -> None:
        self.runs, self.log = runs, list[str]()
        self.run = start_run(runs, "r", RunConfig())
        self.console = Console(file=io.StringIO(), width=200)
        self.steps = (
            Step("a", (), ("a.txt",), ("task",), self.action("a", ""), "first"),
            Step("b", ("a.txt",), ("b.txt",), ("bits",), self.action("b", "a.txt"), "second"),
            Step("c", ("b.txt",), ("c.txt",), (), self.action("c", "b.txt"), "third"),
        )

    def action(self, name: str, source: str) -> Action:
        def work(run: RunFolder, advance: Advance) -> None:
            self.log.append(name)
            advance(1, 2)
            text = run.artefact(source).read_text() if source else run.config.task
            run.artefact(f"{name}.txt").write_text(f"{text} {name}{run.config.bits if name == 'b' else ''}")

        return work

    def go(self, first: str | None = None, last: str | None = None, force: bool = False) -> list[str]:
        self.log.clear()
        run_steps(self.steps, self.run, self.console, first=first, last=last, force=force)
        return list(self.log)

    def reopen(self, config: RunConfig | None = None) -> None:
        self.run = start_run(self.runs, "r", config) if config else open_run(self.runs, "r")


@pytest.fixture
def made(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path)


def test_a_second_run_does_nothing(made: Fixture) -> None:
    assert made.go() == ["a", "b", "c"]
    made.reopen()
    assert made.go() == []


def test_a_changed_setting_repeats_its_step_and_what_follows(made: Fixture) -> None:
    made.go()
    made.reopen(RunConfig(bits=1))
    assert made.go() == ["b", "c"]


def test_a_changed_artefact_is_made_again(made: Fixture) -> None:
    made.go()
    made.run.artefact("b.txt").write_text("edited by hand")
    assert made.go() == ["b"]


def test_equal_output_stops_the_chain(made: Fixture) -> None:
    """b runs again because its file is gone; c reads the same bytes as before and rests."""
    made.go()
    made.run.artefact("b.txt").unlink()
    assert made.go() == ["b"]


def test_from_and_to(made: Fixture) -> None:
    assert made.go(last="b") == ["a", "b"]
    assert made.go(first="b", last="c") == ["c"]
    assert made.go(first="b", last="c", force=True) == ["b", "c"]


def test_from_without_its_inputs_names_the_step(made: Fixture) -> None:
    with pytest.raises(InputError, match="batflow a r"):
        made.go(first="b")


def test_a_supplier_stands_in_but_does_not_count_as_done(made: Fixture) -> None:
    a, b, c = made.steps

    def attach(run: RunFolder, advance: Advance) -> None:
        run.artefact("b.txt").write_text("attached")

    made.steps = (a, Step(**{**vars(b), "supply": attach}), c)
    assert made.go(first="c") == ["c"]
    assert made.run.artefact("c.txt").read_text() == "attached c"
    assert made.go(first="c") == []
    assert made.go() == ["a", "b", "c"]


def test_an_interrupted_step_is_repeated_and_the_finished_kept(made: Fixture) -> None:
    a, b, c = made.steps

    def stop(run: RunFolder, advance: Advance) -> None:
        raise KeyboardInterrupt

    made.steps = (a, Step(**{**vars(b), "action": stop}), c)
    with pytest.raises(KeyboardInterrupt):
        made.go()
    made.reopen()
    made.steps = (a, b, c)
    assert made.go() == ["b", "c"]


@pytest.mark.parametrize(("first", "last"), [("x", None), (None, "x"), ("c", "a")])
def test_unknown_or_reversed_steps_are_refused(made: Fixture, first: str | None, last: str | None) -> None:
    with pytest.raises(InputError, match="a, b, c"):
        select(made.steps, first, last)


def test_is_current_needs_every_artefact(made: Fixture) -> None:
    made.go()
    step = made.steps[0]
    assert is_current(step, made.run)
    made.run.artefact("a.txt").unlink()
    assert not is_current(step, made.run)


def test_table_has_every_step_and_the_total(made: Fixture) -> None:
    outcomes = run_steps(made.steps, made.run, made.console)
    console = Console(file=io.StringIO(), width=100)
    console.print(outcome_table(outcomes))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(step.name in text for step in made.steps) and "total" in text
