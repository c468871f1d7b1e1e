# SPDX-License-Identifier: Apache-2.0
"""A run with a baseline's activations: it trains, says that it is not deployable, and goes no further."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from batflow.errors import InputError
from batflow.files import read_json
from batflow.flow.pipeline import run_steps
from batflow.flow.report import write_report
from batflow.flow.run_folder import start_run
from batflow.flow.settings import RunConfig
from batflow.flow.steps import STEPS
from batflow.flow.sweep import Sweep, run_sweep
from batflow.quant.checkpoint import read_arrays

from .tiny_run import tiny_config

CONSOLE = Console(file=io.StringIO())
BASELINES = ("bit_runtime_min", "minmax_dynamic")


@pytest.mark.parametrize("kind", BASELINES)
def test_train_finishes_and_export_refuses(tmp_path: Path, kind: str) -> None:
    values = tiny_config(tmp_path).model_dump() | {"activation": kind, "keep_stages": True}
    run = start_run(tmp_path / "runs", kind, RunConfig.create(values))
    run_steps(STEPS, run, CONSOLE, last="train")
    record = read_json(run.artefact("train.json"))
    assert record["deployable"] is False and record["integer_test"] is None
    assert 0 <= record["test"] <= 100 and record["stages"][0]["deployable"] is False
    header, _ = read_arrays(run.artefact("student.npz"))
    assert header["metrics"]["deployable"] is False and header["config"]["activation"] == kind
    with pytest.raises(InputError, match=f"'{kind}' is a baseline"):
        run_steps(STEPS, run, CONSOLE, first="export", last="export")
    assert not run.artefact("model.onnx").exists()
    write_report(run.path)
    assert {o.status for o in run_steps(STEPS, run, CONSOLE, last="train")} == {"up to date"}


def test_an_elastic_run_does_not_name_it(tmp_path: Path) -> None:
    run = start_run(tmp_path / "runs", "elastic", tiny_config(tmp_path))
    run_steps(STEPS, run, CONSOLE, last="train")
    record = read_json(run.artefact("train.json"))
    assert "deployable" not in record and record["integer_test"] is not None
    header, _ = read_arrays(run.artefact("student.npz"))
    assert {"activation", "embedding"}.isdisjoint(header["config"])


@pytest.mark.parametrize("change", [{"rounded": True}, {"select": "integer"}])
def test_options_that_need_integers_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="minmax_dynamic has no integer model"):
        RunConfig.create({"activation": "minmax_dynamic", **change})


def test_a_sweep_compares_baselines(tmp_path: Path) -> None:
    base = tiny_config(tmp_path).model_dump(mode="json", exclude={"seed", "bits"})
    methods = {"elastic": {}, "minmax": {"activation": "minmax_dynamic"}}
    sweep = Sweep(name="tiny", base=base, seeds=(1,), bits=(4,), methods=methods)
    folder = run_sweep(sweep, tmp_path / "runs", CONSOLE)
    rows = {row["method"]: row for row in read_json(folder / "sweep.json")["rows"]}
    assert rows["minmax"]["integer"] is None and rows["minmax"]["drop"] is None
    assert rows["elastic"]["integer"] is not None and rows["minmax"]["fake_quantized"]["mean"] > 0
    assert "| none |" in (folder / "sweep.md").read_text(encoding="utf-8")
