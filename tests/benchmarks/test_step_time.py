# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from batflow.files import read_json
from batflow.quant.config import BmtConfig
from batflow.quant.precision import has_bf16
from batflow.quant.pretrained import load_pretrained
from benchmarks import step_time
from benchmarks.step_time import KINDS, main, make_steps, median_times
from tests.flow.tiny_run import write_bert


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert(tmp_path_factory.mktemp("step") / "bert")


def test_every_kind_in_every_precision(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "step_time.json"
    sizes = ["--layers", "2", "--lengths", "5", "9", "--batch", "4", "--steps", "3"]
    assert main(["--pretrained", str(folder), *sizes, "--output", str(target)]) == 0
    record = read_json(target)
    precisions = ["float32", "bf16"] if has_bf16() else ["float32"]
    ends = [f"l{length}_{precision}" for length in (5, 9) for precision in precisions]
    wanted = {f"{kind}_step_{end}" for kind in KINDS for end in ends}
    wanted |= {f"{kind}_ratio_{end}" for kind in KINDS[1:] for end in ends}
    figures = record["figures"]
    assert set(figures) == wanted and record["command"].startswith("python -m benchmarks.step_time --pre")
    assert all(value["value"] > 0 and value["source"] == "host" for value in figures.values())
    one = figures["qat_step_l5_float32"]
    assert (one["unit"], one["steps"], one["batch"], one["layers"]) == ("ms", 3, 4, 2)
    ratio = one["value"] / figures["float_step_l5_float32"]["value"]
    assert figures["qat_ratio_l5_float32"]["value"] == pytest.approx(ratio, rel=0.05)


def test_every_kind_of_step_trains_its_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_pretrained(folder, 1)
    shape = encoder.config
    config = BmtConfig.create(
        layers=1,
        hidden=shape.hidden,
        heads=shape.heads,
        ffn=shape.ffn,
        max_len=6,
        vocab_size=shape.vocab_size,
        classes=2,
    )
    models = []
    own = step_time._step

    def remember(model: torch.nn.Module, loss: object, batch: object) -> step_time.Step:
        models.append((model, loss))
        return own(model, loss, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(step_time, "_step", remember)
    steps = make_steps(encoder, config, 4, "float32")
    before = [[p.clone() for p in model.parameters()] for model, _ in models]
    for step in steps:
        step()
    assert len(steps) == len(KINDS)
    for (model, _), old in zip(models, before, strict=True):
        assert any(not torch.equal(p, q) for p, q in zip(model.parameters(), old, strict=True))


def test_medians_leave_the_warm_up_out() -> None:
    calls: list[str] = []
    found = median_times([lambda: calls.append("a"), lambda: calls.append("b")], 4)
    assert calls == ["a", "b"] * (step_time.WARM_UP + 4) and len(found) == 2


@pytest.mark.parametrize("option", [["--steps", "0"], ["--batch", "0"], ["--layers", "9"], ["--bits", "9"]])
def test_bad_options_are_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    target = tmp_path / "out.json"
    small = ["--layers", "1", "--lengths", "4", "--batch", "2", "--steps", "1"]
    assert main(["--pretrained", str(folder), *small, *option, "--output", str(target)]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not target.exists()
