# SPDX-License-Identifier: Apache-2.0
"""The command from a program to its record, and what it refuses."""

from __future__ import annotations

from . import needs_finn  # noqa: F401  # isort: skip

from pathlib import Path

import pytest

from batflow.files import read_json
from batflow.hls.finn import __main__ as command
from batflow.hls.program_io import save_program

from ..programs import random_program


@pytest.fixture
def program(tmp_path: Path) -> Path:
    save_program(random_program(1, layers=2, hidden=32, heads=2, ffn=64, max_len=8), tmp_path / "program")
    return tmp_path


def test_the_record_says_what_was_found(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = program / "out"
    arguments = [str(program), "--out", str(out), "--target-fps", "100000", "--frames", "4"]
    assert command.main(arguments) == 0
    record = read_json(out / "finn.json")
    assert record["layers"] == [0, 1] and record["length"] == 8 and "rtl" not in record
    assert record["unconverted_nodes"] == 0 and record["nodes"] == 54
    assert record["python"] == {"source": "host", "frames": 4, "mismatches": 0}
    assert record["estimate"]["interval_cycles"] <= record["estimate"]["target_cycles"] == 2000
    assert (out / "encoder.onnx").is_file()
    assert "unconverted 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--length", "9"], "takes 1..8"),
        (["--layers", "0,x"], "give numbers"),
        (["--layers", "2"], "has 0..1"),
        (["--part", "xc7z020clg400-1"], "give the full number"),
        (["--target-fps", "0"], "above 0"),
        (["--frames", "1"], "4 or more"),
        (["--implement", "--frames", "4"], "needs Vivado"),
    ],
)
def test_bad_input_is_one_line(
    program: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(program), "--out", str(program / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error and error.startswith("error: ") and error.count("\n") == 1
