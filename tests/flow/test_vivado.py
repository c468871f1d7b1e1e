# SPDX-License-Identifier: Apache-2.0
"""``batflow vivado`` and ``vivado-report``: board values, agreement with the handoff, one-line errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from batflow.flow.vivado import target_of
from batflow.hls.config import AcceleratorConfig
from batflow.hls.vivado.settings import DMA_SETTINGS
from batflow.overlays.board import board_names, load_board
from batflow.overlays.hwh import DMA_NAME, build_hwh

from ..hls.vivado_bench import HIERARCHY, UTILIZATION, timing
from .commands import batflow


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text("qmm_tokens: 4\nsoftmax_lanes: 8\nclock_mhz: 220\n")
    return file


@pytest.mark.parametrize("name", [name for name in board_names() if name != "emulated"])
@pytest.mark.parametrize("clock", [100.0, 220.0, 400.0])
def test_target_is_the_boards(name: str, clock: float) -> None:
    board = load_board(name)
    target = target_of(AcceleratorConfig(clock_mhz=clock), board)
    assert (target.part, target.memory_bus_bits) == (board.part, board.memory_bus_bits)
    assert (target.dma_address, target.accelerator_address) == (board.dma_address, board.accelerator_address)
    assert target.clock_mhz <= min(clock, board.clock_mhz)
    assert target.clock_mhz == board.divide_clock(min(clock, board.clock_mhz))[1]


def test_dma_and_places_are_those_of_the_handoff() -> None:
    """What the driver reads from a bundle's handoff is what the block design sets."""
    board = load_board("zcu102")
    root = Xml.fromstring(build_hwh(board, 200.0))
    dma = root.find(f".//MODULE[@INSTANCE='{DMA_NAME}']")
    assert dma is not None
    said = {p.attrib["NAME"]: p.attrib["VALUE"] for p in dma.findall("./PARAMETERS/PARAMETER")}
    shared = sorted(set(said) & set(DMA_SETTINGS))
    assert len(shared) >= 8
    assert {name: said[name] for name in shared} == {name: str(DMA_SETTINGS[name]) for name in shared}
    target = target_of(AcceleratorConfig(), board)
    bases = {m.attrib["INSTANCE"]: int(m.attrib["BASEVALUE"], 16) for m in root.iter("MEMRANGE")}
    assert bases == {
        target.dma_name: target.dma_address,
        target.accelerator_name: target.accelerator_address,
    }
    accelerator = root.find(f".//MODULE[@INSTANCE='{target.accelerator_name}']")
    assert accelerator is not None and accelerator.attrib["VLNV"] == target.vlnv


def test_project_and_its_reports(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = tmp_path / "project", tmp_path / "synthesis.json"
    assert batflow(monkeypatch, "vivado", str(config), "--board", "zcu102", "--output", str(folder)) == 0
    told = capsys.readouterr().out
    assert "not run here" in told and "214.3 MHz" in told and "xczu9eg-ffvb1156-2-e" in told
    reports = folder / "reports_ooc"
    reports.mkdir()
    for name, text in (("utilization", UTILIZATION), ("hierarchy", HIERARCHY), ("timing", timing())):
        (reports / f"{name}.rpt").write_text(text)
    assert batflow(monkeypatch, "vivado-report", str(folder), "--output", str(output)) == 0
    values = json.loads(output.read_text())
    assert json.loads(capsys.readouterr().out) == values
    assert (values["source"], values["family"]) == ("synthesis", "xczu9eg-ffvb1156-2-e")
    assert values["config"]["qmm_tokens"] == 4 and values["parameters"]["LANES"] == "8"
    shutil.rmtree(reports)
    assert batflow(monkeypatch, "vivado-report", str(folder)) == 2


BAD = {
    "absent config": (["vivado", "none.yaml", "--board", "zcu102"], "none.yaml cannot be read"),
    "unknown board": (["vivado", "{config}", "--board", "zcu999"], "board 'zcu999' is unknown"),
    "emulated board": (["vivado", "{config}", "--board", "emulated"], "no part to build for"),
    "no reports": (["vivado-report", "{folder}"], "run make -C"),
    "unknown stage": (["vivado-report", "{folder}", "--stage", "sim"], "allowed: bit, ooc"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_users_error_is_one_line_and_code_2(
    case: str,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments, word = BAD[case]
    given = [text.format(config=config, folder=tmp_path / "p") for text in arguments]
    if given[0] == "vivado":
        given += ["--output", str(tmp_path / "p")]
    assert batflow(monkeypatch, *given) == 2
    error = capfd.readouterr().err
    assert word in error and error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "p").exists()
