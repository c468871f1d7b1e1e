# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batflow.files import read_json, write_json
from batflow.flow.sweep import Sweep
from benchmarks.accuracy import main


def sweep(key: str = "trec_l2_w1a4_direct", cells: int = 3) -> dict[str, Any]:
    row = {
        "key": key,
        "seeds": [1, 2, 3],
        "bits_per_weight": 1,
        "integer": {"mean": 91.267, "interval": 2.513},
        "teacher": {"mean": 91.218, "interval": 1.619},
        "controls": {"tfidf": 85.343, "zero_layer": 77.551},
    }
    return {"name": "trec", "cells": cells, "cells_planned": 3, "rows": [row]}


def collect(folder: Path, *sweeps: dict[str, Any]) -> int:
    for number, content in enumerate(sweeps):
        write_json(folder / str(number) / "sweep.json", content)
    paths = [str(folder / str(number)) for number in range(len(sweeps))]
    return main([*paths, "--output", str(folder / "out.json")])


def test_figures_keep_value_interval_and_seeds(tmp_path: Path) -> None:
    assert collect(tmp_path, sweep(), sweep("trec_l2_w1a1_direct")) == 0
    figures = read_json(tmp_path / "out.json")["figures"]
    assert figures["trec_l2_w1a4_direct"] == {
        "value": 91.27,
        "unit": "%",
        "source": "trained",
        "interval95": 2.51,
        "seeds": [1, 2, 3],
        "bits_per_weight": 1,
    }
    assert figures["trec_l2_float"]["value"] == 91.22 and figures["trec_l2_tfidf"]["value"] == 85.34
    assert set(figures) == {
        *("trec_l2_w1a4_direct", "trec_l2_w1a1_direct"),
        *("trec_l2_float", "trec_l2_tfidf", "trec_l2_zero_layer"),
    }


@pytest.mark.parametrize(
    ("sweeps", "text"),
    [
        ((sweep(cells=2),), "not finished"),
        ((sweep(), sweep()), "two sweeps hold"),
        (({"name": "trec", "cells": 1, "cells_planned": 1},), "lacks 'rows'"),
    ],
)
def test_what_is_not_whole_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sweeps: tuple[dict[str, Any], ...], text: str
) -> None:
    assert collect(tmp_path, *sweeps) == 2
    error = capsys.readouterr().err
    assert text in error and error.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


def test_the_sweep_file_is_sound() -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "trec_widths.yaml"
    assert len(list(Sweep.from_yaml(path).places())) == 12
