# SPDX-License-Identifier: Apache-2.0
"""hls/kernel_qor.py: the kernels' table says what the headers and the baselines say."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from batflow.errors import FormatError
from batflow.files import read_json, write_json
from batflow.hls import generate, kernel_qor
from batflow.hls.area_model import area, total
from batflow.hls.config import AcceleratorConfig


def rows(text: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    return {row[0]: row for row in cells if len(row) == 9}


def test_table_shows_what_the_json_holds() -> None:
    committed = json.loads((generate.KERNELS / "qor.json").read_text())
    table = rows((generate.KERNELS / "README.md").read_text())
    assert list(committed) == sorted(kernel.name for kernel in kernel_qor.KERNELS)
    for name, found in committed.items():
        row = table[name]
        assert row[1:5] == [f"`{found['header']}`", found["members"], found["ii"], found["latency"]]
        assert [float(cell) for cell in row[5:]] == [found[n] for n in ("lut", "ff", "bram36", "dsp")]
        assert found["source"].startswith("estimate (")


def test_counts_are_those_of_the_baselines_and_the_area_model() -> None:
    committed = json.loads((generate.KERNELS / "qor.json").read_text())
    for kernel in kernel_qor.KERNELS:
        if kernel.rtl:
            expected = read_json(kernel_qor.QOR / f"{kernel.rtl}.json")
            assert committed[kernel.name]["lut"] == expected["total"]["lut"]
            assert committed[kernel.name]["sizes"] == expected["parameters"]
    modules = sum(committed[name]["lut"] for name in ("MHA", "FFN", "sequencer, top"))
    assert modules == pytest.approx(total(area(AcceleratorConfig())).lut, abs=1)


def test_headers_state_interval_latency_order_and_source() -> None:
    for kernel in kernel_qor.KERNELS:
        head = (generate.KERNELS / kernel.header).read_text().split("#ifndef")[0]
        for word in ("Latency", "order" if kernel.name != "sequencer, top" else "Stream", "Cfg", "Source"):
            assert word in head, (kernel.header, word)
        assert "II " in head or kernel.parts, kernel.header


def test_another_baseline_or_none_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("qmm_engine", "qu", "vu", "softmax", "layernorm"):
        write_json(tmp_path / f"{name}.json", read_json(kernel_qor.QOR / f"{name}.json"))
    monkeypatch.setattr(kernel_qor, "QOR", tmp_path)
    assert generate.stale() == []
    changed = copy.deepcopy(read_json(tmp_path / "vu.json"))
    changed["total"]["lut"] += 1
    write_json(tmp_path / "vu.json", changed)
    assert generate.stale() == ["README.md", "qor.json"]
    (tmp_path / "vu.json").unlink()
    with pytest.raises(FormatError, match=r"vu\.json does not exist"):
        generate.stale()
