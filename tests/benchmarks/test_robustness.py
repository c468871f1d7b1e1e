# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batflow.files import read_json, write_json
from benchmarks.robustness import main


def record() -> dict[str, Any]:
    def row(kind: str, model: str, site: str, level: float, half: float | None) -> dict[str, Any]:
        named = {"kind": kind, "model": model, "site": site, "level": level, "mean": 81.256}
        return named | {"interval95": half, "source": "trained"}

    return {
        "clean": {"integer": 90.004, "teacher": 91.0},
        "rows": [
            row("gaussian", "integer", "", 0.5, 1.236),
            row("fgsm", "teacher", "", 0.02, None),
            row("accumulator", "integer", "ffn1", 1.0, 0.5),
        ],
        "score": {"value": 80.0},
        "sentences": 160,
        "seconds": 100.0,
        "processor_seconds": 90.0,
    }


def test_figures_keep_value_interval_and_source(tmp_path: Path) -> None:
    write_json(tmp_path / "run" / "robustness.json", record())
    assert main([str(tmp_path / "run"), "--output", str(tmp_path / "out.json")]) == 0
    found = read_json(tmp_path / "out.json")
    assert found["command"].endswith("--sentences 160") and found["machine"] and found["date"]
    figures = found["figures"]
    common = {"unit": "%", "source": "trained"}
    assert figures["gaussian_integer_0.5"] == common | {"value": 81.26, "interval95": 1.24}
    assert figures["fgsm_teacher_0.02"] == common | {"value": 81.26, "interval95": None}
    assert figures["clean_integer"] == common | {"value": 90.0}
    assert figures["wall_s"]["source"] == "host"
    assert "accumulator_ffn1_1" in figures and len(figures) == 9


@pytest.mark.parametrize("absent", ["clean", "rows", "score", "seconds"])
def test_an_incomplete_record_is_one_line(
    absent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = record()
    del content[absent]
    write_json(tmp_path / "run" / "robustness.json", content)
    assert main([str(tmp_path / "run"), "--output", str(tmp_path / "out.json")]) == 2
    assert "batflow robustness" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
