# SPDX-License-Identifier: Apache-2.0
"""The rungs finn and finn-rtl: equal to the reference, a flipped bit is located, an absent tool is said."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from batflow.errors import EngineError, FormatError
from batflow.flow import sampled_rungs
from batflow.flow.engines import ReferenceRung
from batflow.flow.ladder_table import ladder_table
from batflow.flow.mutation import Flip, flip_weight
from batflow.flow.run_folder import start_run
from batflow.flow.sampled_rungs import finn_rtl_rung, finn_rung
from batflow.flow.settings import RunConfig
from batflow.flow.verify import Sentence, climb
from batflow.hls.finn import engine, environment
from batflow.hls.finn.engine import FinnEngine
from tests.hls.programs import random_ids, random_program

PROGRAM = random_program(43, layers=2, hidden=32, heads=2, ffn=64, max_len=6)


def need_finn() -> None:
    if environment.other_python() is None and not environment.is_here():
        pytest.skip("finn-plus is in no environment here: make finn-env")


def sentences() -> list[Sentence]:
    ids = [random_ids(n, PROGRAM, length) for n, length in enumerate((4, 6, 4, 1))]
    return [Sentence(tuple(row.tolist()), tuple(int(i % 2) for i in row)) for row in ids]


def test_both_answer_as_the_reference() -> None:
    need_finn()
    (python,), nothing = finn_rung(PROGRAM, 4)
    (rtl,), neither = finn_rtl_rung(PROGRAM, 1)
    assert not nothing and not neither
    samples = {"finn": 4, "finn-rtl": 1}
    result = climb([ReferenceRung(PROGRAM), python, rtl], sentences(), 2, samples=samples)
    assert result.per_engine == {"finn": 0, "finn-rtl": 0} and result.samples == samples
    assert result.sources == {"reference": "host", "finn": "host", "finn-rtl": "cosim"}


def test_a_flipped_weight_bit_is_seen_in_its_unit() -> None:
    need_finn()
    (rung,), _ = finn_rung(flip_weight(PROGRAM, Flip(1, "v", 1, 1)), 4)
    result = climb([ReferenceRung(PROGRAM), rung], sentences()[:2], 2)
    assert result.mismatches > 0 and result.first_mismatch is not None
    assert (result.first_mismatch.layer, result.first_mismatch.tap) == (1, "L1.v")


def test_verify_goes_on_without_finn_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_here", lambda: False)
    monkeypatch.setattr(environment, "ENVIRONMENT", tmp_path / "absent")
    for make, name in ((finn_rung, "finn"), (finn_rtl_rung, "finn-rtl")):
        rungs, skipped = make(PROGRAM, 1)
        assert not rungs and "make finn-env" in skipped[name]
        setting = f"verify_{name.replace('-', '_')}_sentences"
        assert make(PROGRAM, 0) == ([], {name: f"{setting} is 0"})


def test_the_settings_name_the_sample_of_each_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"hls4ml": 7, "finn": 3, "finn_rtl": 2, "cosim": 1}
    config = RunConfig(**{f"verify_{name}_sentences": count for name, count in counts.items()})
    for name in ("hls4ml_rung", "finn_rung", "finn_rtl_rung", "rtl_rung"):
        monkeypatch.setattr(sampled_rungs, name, lambda program, count, name=name: ([], {name: str(count)}))
    engines, samples, skipped = sampled_rungs.sampled_rungs(PROGRAM, config)
    assert engines == [] and list(samples.values()) == [7, 3, 2, 1]
    assert skipped == {"hls4ml_rung": "7", "finn_rung": "3", "finn_rtl_rung": "2", "rtl_rung": "1"}


@pytest.mark.parametrize(
    ("code", "told", "error", "message"),
    [
        (2, "FormatError: program is corrupt", FormatError, "^program is corrupt$"),
        (1, "Traceback\nValueError: odd", EngineError, "failed: ValueError: odd"),
        (2, "SystemExit: 2", EngineError, "failed: SystemExit: 2"),
        (-9, "", EngineError, "no output, exit code -9"),
    ],
)
def test_what_the_other_process_ends_with_is_told(
    code: int, told: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, "", told)

    monkeypatch.setattr(engine, "interpreter", lambda: Path("python"))
    monkeypatch.setattr(engine.subprocess, "run", run)
    rung = sampled_rungs.FinnRung(PROGRAM)
    assert isinstance(rung._engine, FinnEngine)
    with pytest.raises(error, match=message):
        rung.logits(sentences())


def test_the_table_shows_who_answered_and_who_was_left_out(tmp_path: Path) -> None:
    run = start_run(tmp_path, "r", RunConfig())
    record = {
        "n": 9,
        "samples": {"finn": 5},
        "engines": ["deploy", "finn"],
        "sources": {"deploy": "trained", "finn": "host"},
        "per_engine": {"finn": 0},
        "skipped": {"finn-rtl": "run `make finn-env`"},
    }
    run.artefact("verify.json").write_text(json.dumps(record))
    console = Console(file=io.StringIO(), width=120)
    console.print(ladder_table(run))
    lines = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    told = [" ".join(word for word in line if word != "│") for line in lines]
    assert "deploy trained 9 compared with" in told and "finn host 5 0" in told
    assert "finn-rtl left out run `make finn-env`" in told
    run.artefact("verify.json").write_text("{}")
    with pytest.raises(FormatError, match="garbles 'engines'; run `batflow verify r --force`"):
        ladder_table(run)
