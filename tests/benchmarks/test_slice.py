# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from batflow.errors import FormatError
from batflow.files import read_json, write_json
from benchmarks.slice import figure, main

KEYS = {
    "demo_s",
    "test_s",
    "verify_sentences",
    "verify_mismatches",
    "teacher_accuracy",
    "integer_accuracy",
    "tfidf_accuracy",
    "zero_layer_accuracy",
    "csim_sentences_per_s",
    "qmm_cosim_cycles_per_s",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    teacher = {"test": 93.251, "controls": {"tfidf": 85.0, "zero_layer": 81.0}}
    write_json(folder / "teacher.json", teacher)
    write_json(folder / "train.json", {"integer_test": 92.0})
    write_json(folder / "csim.json", {"sentences_per_s": 30.126})
    write_json(folder / "cosim.json", {"cycles_per_s": 7e5})
    write_json(folder / "verify.json", {"n": 200, "mismatches": 0})
    return folder


def test_the_form_is_that_of_every_benchmark(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "slice.json"
    arguments = [str(run), "--demo-s", "500", "--test-s", "600", "--output", str(target)]
    assert main(arguments) == 0
    record = read_json(target)
    assert set(record) == {"command", "date", "machine", "versions", "figures"}
    assert set(record["figures"]) == KEYS
    assert all(set(value) == {"value", "unit", "source"} for value in record["figures"].values())
    assert record["figures"]["teacher_accuracy"] == {"value": 93.25, "unit": "%", "source": "trained"}
    assert main([*arguments, "--mr", str(run)]) == 0
    assert read_json(target)["figures"]["mr_integer_accuracy"]["value"] == 92.0


@pytest.mark.parametrize("name", ["teacher", "train", "csim", "cosim", "verify"])
def test_an_unfinished_run_writes_nothing(
    run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / f"{name}.json").unlink()
    target = tmp_path / "slice.json"
    assert main([str(run), "--demo-s", "1", "--test-s", "1", "--output", str(target)]) == 2
    assert f"{name}.json" in capsys.readouterr().err and not target.exists()


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(FormatError, match="trained"):
        figure(1.0, "s", "guess")
