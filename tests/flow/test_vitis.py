# SPDX-License-Identifier: Apache-2.0
"""``batflow build --flow vitis-hls``, ``vitis`` and ``vitis-report``: what they write, one-line errors."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from batflow.flow.run_folder import start_run
from batflow.flow.settings import RunConfig
from batflow.flow.vitis import VitisOptions, target_of
from batflow.hls.config import AcceleratorConfig
from batflow.hls.program_io import program_hash, save_program
from batflow.hls.random_program import random_program
from batflow.overlays.board import load_board
from batflow.overlays.hwh import ACCELERATOR_VLNV

from ..hls.vitis_bench import Bench, need_gxx
from .commands import batflow

SMALL = "max_layers: 1\nmax_hidden: 32\nmax_heads: 2\nmax_ffn: 48\nmax_tokens: 9\nclock_mhz: 220\n"
FLOW = ("--flow", "vitis-hls")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a config."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


@pytest.fixture
def project(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert batflow(monkeypatch, "build", "small.yaml", *FLOW) == 0
    return place / "vitis-small"


def lowered_run(runs: Path) -> str:
    """A run ``r`` with a program alone; return the program's hash."""
    run = start_run(runs, "r", RunConfig.create({"task": "trec"}, "test"))
    program = random_program(4, layers=1, hidden=16, heads=2, ffn=20, max_len=8, bits=2, kind="wtws")
    save_program(program, run.artefact("program"))
    return program_hash(program)


def test_board_or_part_and_clock() -> None:
    config, board = AcceleratorConfig(clock_mhz=220.0), load_board("kv260")
    target = target_of(config, VitisOptions(board="kv260"))
    assert (target.board, target.part, target.vlnv) == ("kv260", board.part, ACCELERATOR_VLNV)
    assert target.clock_mhz == board.divide_clock(min(220.0, board.clock_mhz))[1]
    assert target_of(config, VitisOptions()).board == "zcu102"
    target = target_of(config, VitisOptions(part="xc7z020clg400-1"))
    assert (target.board, target.part, target.clock_mhz) == ("", "xc7z020clg400-1", 220.0)


def test_project_of_a_config(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batflow(monkeypatch, "build", "small.yaml", *FLOW) == 0
    project = place / "vitis-small"
    told = capsys.readouterr().out
    assert "small random program" in told and "214.3 MHz" in told and "not run here" in told
    mark = json.loads((project / "project.json").read_text())
    assert mark["config"]["max_hidden"] == 32 and mark["board"] == "zcu102"
    assert "part=xczu9eg-ffvb1156-2-e" in (project / "hls_config.cfg").read_text()


def test_project_of_a_run_passes_under_gxx(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_gxx()
    name = lowered_run(place / "runs")
    assert batflow(monkeypatch, "build", "r", *FLOW, "--part", "xc7z020clg400-1") == 0
    folder = place / "runs" / "r" / "vitis-hls"
    mark = json.loads((folder / "project.json").read_text())
    assert mark["program_hash"] == name and mark["part"] == "xc7z020clg400-1"
    assert subprocess.run(["make", "-s", "-C", str(folder), "gxx"], check=False, timeout=300).returncode == 0
    given = ["build", "runs/r", *FLOW, "--config", "small.yaml", "--output", "elsewhere"]
    assert batflow(monkeypatch, *given) == 0
    assert json.loads((place / "elsewhere" / "project.json").read_text())["config"]["max_hidden"] == 32


@pytest.mark.parametrize("tools", [("vitis-run", "v++"), ("vitis_hls",)])
def test_one_command_runs_all_steps_and_reads_their_reports(
    tools: tuple[str, ...], project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(project, project.parent, tools)
    for name, value in bench.environment().items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert batflow(monkeypatch, "vitis", "vitis-small") == 0
    values = json.loads(capsys.readouterr().out)
    assert json.loads((project / "vitis.json").read_text()) == values
    assert values["cosim"]["latency_cycles"]["max"] == 9120 and values["export"]["lut"] == 40123
    assert batflow(monkeypatch, "vitis-report", "vitis-small", "--output", "again.json") == 0
    assert json.loads(Path("again.json").read_text()) == values
    capsys.readouterr()
    bench.reports["cosim.rpt"] = bench.reports["cosim.rpt"].replace("Pass", "Fail")
    bench.environment()
    assert batflow(monkeypatch, "vitis", "vitis-small", "--to", "cosim") == 2
    assert "cosim in vitis-small did not pass" in capsys.readouterr().err


BAD = {
    "absent config": (["build", "none.yaml", *FLOW], "none.yaml cannot be read"),
    "absent run": (["build", "none", *FLOW], "no run 'none'"),
    "run without program": (["build", "bare", *FLOW], "run `batflow lower bare` first"),
    "unknown part": (["build", "small.yaml", *FLOW, "--part", "stratix"], "'stratix' is unknown"),
    "unknown board": (["build", "small.yaml", *FLOW, "--board", "zcu9"], "board 'zcu9' is unknown"),
    "emulated": (["build", "small.yaml", *FLOW, "--board", "emulated"], "no part to build for"),
    "both": (["build", "small.yaml", *FLOW, "--board", "kv260", "--part", "xc7z020clg400-1"], "give one"),
    "two configs": (["build", "small.yaml", *FLOW, "--config", "a.yaml"], "leave out --config"),
    "too small": (["build", "r", *FLOW, "--config", "tiny.yaml"], "build a larger config"),
    "no flow": (["build", "r", "--board", "zcu102"], "are for --flow vitis-hls"),
    "in the way": (["build", "small.yaml", *FLOW, "--output", "mine"], "no Vitis HLS project"),
    "no tool": (["vitis", "vitis-small"], "Vitis HLS is not on PATH"),
    "no step": (["vitis", "vitis-small", "--to", "bit"], "allowed: csim, csynth, cosim, export"),
    "no reports": (["vitis-report", "vitis-small"], "run batflow vitis vitis-small --to csynth"),
    "no project": (["vitis-report", "mine"], "project.json does not exist"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the errors below need."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "small.yaml").write_text(SMALL)
    (folder / "tiny.yaml").write_text("max_hidden: 8\n")
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.tex").write_text("x")
    lowered_run(folder / "runs")
    start_run(folder / "runs", "bare", RunConfig.create({"task": "trec"}, "test"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert batflow(patch, "build", "small.yaml", *FLOW) == 0
    return folder


@pytest.mark.parametrize("case", BAD)
def test_a_users_error_is_one_line_and_code_2(
    case: str, prepared: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("vitis-run", "v++", "vitis_hls"):
        if shutil.which(name):
            monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(prepared)
    before = sorted(prepared.iterdir())
    arguments, word = BAD[case]
    assert batflow(monkeypatch, *arguments) == 2
    error = capfd.readouterr().err
    assert word in error and error.startswith("error: ") and error.count("\n") == 1
    assert sorted(prepared.iterdir()) == before
