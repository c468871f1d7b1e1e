# SPDX-License-Identifier: Apache-2.0
"""``batflow synth``: its table, its JSON, and one-line errors. Synthesis itself: tests/hls/test_synth.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batflow.files import read_json
from batflow.flow import synth
from batflow.hls.synth_report import SOURCE, Resources, SynthReport, Unit
from batflow.hls.synth_units import UnitJob

from .commands import batflow, write_config


def fake(job: UnitJob, progress: object = None) -> SynthReport:
    """A report of 2000 LUTs, half of them in one part."""
    part = Unit("u_part", "part", 4, Resources(lut=1000, lc=900))
    tree = Unit(job.top, job.top, 1, Resources(lut=2000, lc=1500, ff=10, bram36=1.5), (part,))
    return SynthReport(job.top, job.parameters, "xcup", tree, "yosys", 1.0, "f(T, O)" if job.macs else "")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


def test_table_and_json_carry_rates_shares_and_source(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(synth, "synthesize_unit", fake)
    output = tmp_path / "synth.json"
    chosen = ("--unit", "qmm_array", "--unit", "qu", "--board", "zcu102", "--output", str(output))
    assert batflow(monkeypatch, "synth", str(config), *chosen) == 0
    told = " ".join(capsys.readouterr().out.split())
    for word in (SOURCE, "0.98 lut per mac", "500.00 lut per lane", "of zcu102's lut", "scaled, f(T, O)"):
        assert word in told
    values = json.loads(output.read_text())
    assert values["source"] == SOURCE and values["board"] == "zcu102"
    array, qu = values["units"]["qmm_array"], values["units"]["qu"]
    assert (array["scaled"], array["formula"], qu["scaled"]) == (True, "f(T, O)", False)
    assert array["rates"]["lut_per_mac"] == round(2000 / (4 * 8 * 64), 4)
    assert qu["board_shares"]["lut"] == round(2000 / 274080, 5) and "uram" not in qu["board_shares"]
    assert qu["tree"]["children"][0]["count"] == 4


def test_the_whole_accelerator_has_no_rate(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(synth, "synthesize_unit", fake)
    output = tmp_path / "synth.json"
    assert batflow(monkeypatch, "synth", str(config), "--unit", "accelerator", "--output", str(output)) == 0
    told = capsys.readouterr().out
    assert SOURCE in told and "per lane" not in told
    (whole,) = read_json(output)["units"].values()
    assert whole["rates"] == {} and whole["tree"]["lut"] == 2000


BAD = {
    "absent config": (["none.yaml"], "none.yaml cannot be read"),
    "unknown unit": (["{config}", "--unit", "qmm"], "unit 'qmm' is unknown"),
    "unknown board": (["{config}", "--board", "zcu999"], "board 'zcu999' is unknown"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_users_error_is_one_line_and_code_2(
    case: str, config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments, word = BAD[case]
    assert batflow(monkeypatch, "synth", *(text.format(config=config) for text in arguments)) == 2
    error = capfd.readouterr().err
    assert word in error and error.startswith("error: ") and error.count("\n") == 1
