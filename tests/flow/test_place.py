# SPDX-License-Identifier: Apache-2.0
"""``batflow synth --place``: its table, its JSON, one-line errors. Routing: tests/hls/test_place.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from batflow.errors import InputError
from batflow.files import read_json
from batflow.flow import place
from batflow.hls.place import SOURCE, Placed
from batflow.hls.synth_units import UNITS, UnitJob

from .commands import batflow, write_config


def fake(job: UnitJob) -> Placed:
    """Engines do not fit; the others are slower the longer their name is."""
    if job.unit.endswith("engine"):
        raise InputError(f"{job.unit} does not fit")
    return Placed(job.unit, 200.0 - len(job.unit), "held", "sum", {"TRELLIS_COMB": 7}, "tool", 1.0)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(place, "place", fake)
    return write_config(tmp_path)


def test_all_units_stand_in_order_and_what_does_not_fit_is_said(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "place.json"
    assert batflow(monkeypatch, "synth", str(config), "--place", "--output", str(output)) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert SOURCE in told and told.index("qmm_array") < told.index("softmax") < told.index(" vu ")
    values = read_json(output)
    assert values["source"] == SOURCE and values["units"].keys() == UNITS.keys()
    assert values["units"]["qmm_engine"] == {"refused": "qmm_engine does not fit"}
    assert values["units"]["vu"]["fmax_mhz"] == 198.0 and values["units"]["vu"]["source"] == SOURCE


def test_a_named_unit_that_does_not_fit_is_an_error(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (("--unit", "ffn_engine"), "ffn_engine does not fit"),
        (("--board", "zcu102"), "leave out --board"),
        (("--unit", "alu"), "unit 'alu' is unknown"),
    ):
        assert batflow(monkeypatch, "synth", str(config), "--place", *arguments) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
