# SPDX-License-Identifier: Apache-2.0
"""Exit codes and messages of the command: one line, no traceback, nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from batflow.flow import cli
from batflow.flow.run_folder import start_run
from batflow.flow.settings import RunConfig

from .commands import batflow

BAD = {
    "unknown run": (["verify", "nothing"], "no run 'nothing'"),
    "unknown run for text": (["run", "nothing", "hello"], "no run 'nothing'"),
    "bad name": (["demo", "--run", "../x"], "run name"),
    "unknown step": (["demo", "--from", "synth"], "no step 'synth'"),
    "reversed steps": (["demo", "--from", "report", "--to", "data"], "comes before"),
    "bad bits": (["demo", "--set", "bits=9"], "1 to 8 bits"),
    "unknown setting": (["demo", "--set", "colour=red"], "colour"),
    "no value": (["demo", "--set", "bits"], "NAME=VALUE"),
    "absent recipe": (["train", "r", "--config", "none.yaml"], "does not exist"),
    "unknown training recipe": (["train", "r", "--recipe", "grdual"], "direct, gradual, multistep, split"),
    "recipe of another end": (["train", "r", "--recipe", "gradual"], "set the run's weight"),
    "absent sweep": (["sweep", "none.yaml"], "does not exist"),
    "unknown task": (["train", "r", "--task", "imdb"], "imdb"),
    "missing glue folder": (["train", "r", "--task", "sst2", "--glue", "none"], "none"),
    "no model yet": (["lower", "empty"], "batflow export empty"),
    "no program yet": (["build", "empty"], "batflow lower empty"),
    "no bundle yet": (["run", "empty", "hello"], "batflow build empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_users_error_is_one_line_and_code_2(
    case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    start_run(tmp_path / "runs", "empty", RunConfig())
    arguments, word = BAD[case]
    assert batflow(monkeypatch, *arguments) == 2
    error = capfd.readouterr().err
    assert word in error and error.startswith("error: ")
    assert error.count("\n") == 1 and "Traceback" not in error


def test_interrupt_is_130_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("batflow.flow.pipeline.run_steps", stop)
    assert batflow(monkeypatch, "demo", "--run", "r", "--from", "export") == 2
    assert "batflow demo --run r --from export" in capfd.readouterr().err


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("batflow.flow.pipeline.run_steps", fail)
    monkeypatch.setattr(sys, "argv", ["batflow", "demo"])
    with pytest.raises(RuntimeError, match="a defect"):
        cli.main()


def test_settings_given_reach_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("batflow.flow.pipeline.run_steps", lambda *a, **k: [])
    batflow(monkeypatch, "train", "r", "--task", "mr", "--set", "bits=1", "--set", 'weight="ternary"')
    config = json.loads((tmp_path / "runs" / "r" / "run.json").read_text())["config"]
    assert (config["task"], config["bits"], config["weight"]) == ("mr", 1, "ternary")
    batflow(monkeypatch, "demo", "--run", "r")
    again = json.loads((tmp_path / "runs" / "r" / "run.json").read_text())["config"]
    assert again == config, "a later command without settings keeps those of the run"


def test_a_tsv_file_alone_is_the_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("batflow.flow.pipeline.run_steps", lambda *a, **k: [])
    batflow(monkeypatch, "demo", "--tsv", "mine.tsv")
    config = json.loads((tmp_path / "runs" / "demo" / "run.json").read_text())["config"]
    assert (config["task"], config["tsv"]) == ("tsv", "mine.tsv")


def test_help_and_doctor_need_no_heavy_library() -> None:
    """A newcomer's first two commands answer without torch or onnx in memory."""
    code = (
        "import sys; sys.argv = ['batflow', 'doctor', '--json']\n"
        "from batflow.flow.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'onnx', 'qonnx', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tools"]
