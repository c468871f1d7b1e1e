# SPDX-License-Identifier: Apache-2.0
"""Training: batches, learning, exact resume, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from batflow.errors import FormatError, InputError
from batflow.quant.batches import Batch, Split, make_split
from batflow.quant.brevitas_bridge import elastic_of
from batflow.quant.calibration import calibrate_quantizers
from batflow.quant.classifier import BmtClassifier
from batflow.quant.dataset import Example
from batflow.quant.distillation import (
    attention_loss,
    distillation_loss,
    hidden_loss,
    label_loss,
    recorded_scores,
)
from batflow.quant.teacher import TeacherClassifier, load_teacher, save_teacher
from batflow.quant.teacher_outputs import TeacherOutputs
from batflow.quant.tokens import WordPiece
from batflow.quant.training import Loss, Trainer, TrainSettings, predict, score

from .models import MAX_LEN, tiny_config, tiny_pretrained, tiny_split


def teacher(seed: int = 0) -> TeacherClassifier:
    torch.manual_seed(seed)
    return TeacherClassifier(tiny_config(), tiny_pretrained())


def student(seed: int = 0) -> BmtClassifier:
    torch.manual_seed(seed)
    model = BmtClassifier(tiny_config(), tiny_pretrained())
    model.start_from(teacher())
    calibrate_quantizers(model, tiny_split())
    return model


def test_batches_cover_each_row_once_and_repeat_by_seed() -> None:
    split = tiny_split(101)
    batches = split.shuffled(8, seed=3, epoch=2)
    assert sorted(torch.cat(batches).tolist()) == list(range(101))
    again = split.shuffled(8, seed=3, epoch=2)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))
    other = split.shuffled(8, seed=3, epoch=3)
    assert torch.cat(batches).tolist() != torch.cat(other).tolist()


def test_a_batch_is_cut_to_its_longest_row() -> None:
    split = tiny_split()
    lengths = split.mask.sum(1)
    rows = torch.argsort(lengths)[:5]
    assert split.take(rows).ids.shape[1] == int(lengths[rows].max()) < MAX_LEN


def test_make_split() -> None:
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"])
    pair = make_split([Example("a", "b a", 1)], tokenizer, 8)
    assert pair.ids.tolist() == [[2, 4, 3, 5, 4, 3, 0, 0]]
    assert pair.types.tolist() == [[0, 0, 0, 1, 1, 1, 0, 0]]
    scores = make_split([Example("a", None, 2.5)], tokenizer, 8, regression=True)
    assert scores.targets.tolist() == [2.5] and scores.targets.dtype == torch.float32
    with pytest.raises(InputError, match="without examples"):
        make_split([], tokenizer, 8)


def test_predictions_do_not_depend_on_batching() -> None:
    model, split = student(), tiny_split(90)
    whole = predict(model, split)
    with torch.no_grad():
        one = model.eval()(split.ids[:1], split.types[:1], split.mask[:1])[0]
    assert torch.allclose(whole[:1], one, atol=1e-5)


def test_teacher_learns() -> None:
    model, split = teacher(), tiny_split(96)
    before = score(predict(model, split), split.targets)
    Trainer(model, label_loss, TrainSettings(epochs=15, learning_rate=1e-2, batch_size=8)).run(split, split)
    assert score(predict(model, split), split.targets) > max(60.0, before)


def test_distillation_brings_the_student_nearer() -> None:
    source, model, split = teacher(), student(), tiny_split(96)
    loss = distillation_loss(source)
    batch = split.take(torch.arange(96))
    before = float(loss(model, batch).detach())
    Trainer(model, loss, TrainSettings(epochs=8, learning_rate=5e-3, batch_size=8)).run(split, split)
    assert float(loss(model, batch).detach()) < 0.8 * before
    assert not any(p.grad is not None for p in source.parameters())


def test_every_parameter_gets_a_gradient() -> None:
    model, split = student(), tiny_split()
    distillation_loss(teacher(1))(model, split.take(torch.arange(48))).backward()  # type: ignore[no-untyped-call]
    silent = [
        n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    # The key bias moves every score of a row alike, so only quantization lets it matter at all.
    assert [name for name in silent if ".k." not in name] == []


def test_padding_is_no_part_of_the_hidden_loss() -> None:
    one, two = torch.randn(2, 4, 8), torch.randn(2, 4, 8)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    value = hidden_loss([one], [two], mask)
    one[0, 2:] = 1e6
    assert torch.equal(hidden_loss([one], [two], mask), value)


def test_attention_scores_by_hand() -> None:
    one, two = torch.zeros(1, 2, 3, 3), torch.full((1, 2, 3, 3), 2.0)
    mask = torch.tensor([[True, True, False]])
    two[..., 2] = two[..., 2, :] = 1e6  # padding is no part of it
    assert float(attention_loss([one, one], [two, one], mask)) == 2.0


def test_attention_distillation_adds_its_error_and_leaves_no_scores() -> None:
    source, model, split = teacher(), student(), tiny_split(96)
    batch = split.take(torch.arange(96))
    plain, full = distillation_loss(source), distillation_loss(source, attention_weight=0.5)
    with recorded_scores(model) as own, recorded_scores(source) as target, torch.no_grad():
        without = plain(model, batch)
    assert [s.shape for s in own] == [(96, 2, MAX_LEN, MAX_LEN)] * 2
    wanted = without + 0.5 * attention_loss(own, target, batch.mask)
    assert torch.allclose(full(model, batch), wanted) and float(wanted) > float(without)
    assert all(layer.recorded is None for layer in model.encoder.quant_layers())
    before = float(attention_loss(own, target, batch.mask))
    Trainer(model, full, TrainSettings(epochs=8, learning_rate=5e-3, batch_size=8)).run(split, split)
    with recorded_scores(model) as own, torch.no_grad():
        plain(model, batch)
    assert float(attention_loss(own, target, batch.mask)) < before
    with pytest.raises(InputError, match="no attention scores"):
        distillation_loss(source, kept=TeacherOutputs(source, split), attention_weight=1.0)


class Interrupting:
    """A loss that raises KeyboardInterrupt at one call."""

    def __init__(self, loss: Loss, at: int) -> None:
        self.loss, self.left = loss, at

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.loss(model, batch)


def run(model: nn.Module, split: Split, loss: Loss, state: Path | None = None) -> list[dict[str, object]]:
    settings = TrainSettings(epochs=4, learning_rate=1e-3, batch_size=8)
    metrics = None if state is None else state.with_suffix(".json")
    return Trainer(model, loss, settings, state_path=state, metrics_path=metrics).run(split, split)


@pytest.mark.parametrize("at", [3, 10, 18])
def test_resume_equals_an_uninterrupted_run(tmp_path: Path, at: int) -> None:
    split, loss = tiny_split(48), distillation_loss(teacher())
    straight = student()
    history = run(straight, split, loss)
    state = tmp_path / "student.state"
    with pytest.raises(KeyboardInterrupt):
        run(student(), split, Interrupting(loss, at), state)
    resumed = student(seed=7)
    again = run(resumed, split, loss, state)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    for one, two in zip(history, again, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {
            k: v for k, v in two.items() if k != "seconds"
        }
    assert len(json.loads((tmp_path / "student.json").read_text())["epochs"]) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["student.json", "student.state"]


def test_max_steps() -> None:
    model, split = teacher(), tiny_split(48)
    settings = TrainSettings(epochs=5, learning_rate=1e-3, batch_size=8, max_steps=7)
    history = Trainer(model, label_loss, settings).run(split, split)
    assert [record["step"] for record in history] == [6, 7]


def test_accumulated_batches_step_like_one_large_batch() -> None:
    """Equal up to float rounding, for a model without LSQ's gradient scale."""
    split = tiny_split(24)
    wholes, halves = (teacher(), teacher())
    rows = torch.arange(16)
    settings = TrainSettings(epochs=1, learning_rate=1e-3, batch_size=8, accumulate=2)
    Trainer(wholes, label_loss, settings)._one_step([split.take(rows)], 10)
    Trainer(halves, label_loss, settings)._one_step([split.take(rows[:6]), split.take(rows[6:])], 10)
    moved = teacher().state_dict()
    for name, value in wholes.state_dict().items():
        assert torch.allclose(value, halves.state_dict()[name], atol=2e-5), name
    assert any(not torch.equal(value, moved[name]) for name, value in halves.state_dict().items())


def test_accumulation_counts_steps_not_batches() -> None:
    model, split = teacher(), tiny_split(48)
    settings = TrainSettings(epochs=2, learning_rate=1e-3, batch_size=8, accumulate=4)
    history = Trainer(model, label_loss, settings).run(split, split)
    assert [record["step"] for record in history] == [2, 4]


def scripted(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    left = list(scores)
    monkeypatch.setattr("batflow.quant.training.score", lambda *_: left.pop(0))


@pytest.mark.parametrize(
    ("scores", "epochs"), [([1, 3, 2, 3, 2, 1, 9], 6), ([1, 0, 0, 9], 3), ([1, 2, 3, 4, 5, 6, 7, 8], 8)]
)
def test_patience(scores: list[float], epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs below the best end the training; an epoch that equals the best counts as best."""
    scripted(monkeypatch, scores)
    settings = TrainSettings(epochs=8, learning_rate=1e-3, batch_size=8, patience=2)
    split = tiny_split(8)
    assert len(Trainer(teacher(), label_loss, settings).run(split, split)) == epochs


def test_a_stopped_run_stays_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [2, 1, 3])
    settings = TrainSettings(epochs=8, learning_rate=1e-3, batch_size=8, patience=1)
    split = tiny_split(8)
    for _ in range(2):
        trainer = Trainer(teacher(), label_loss, settings, state_path=tmp_path / "s")
        assert [record["dev"] for record in trainer.run(split, split)] == [2, 1]


def test_a_state_from_before_an_option_goes_on(tmp_path: Path) -> None:
    split, path = tiny_split(16), tmp_path / "s"
    history = run(teacher(), split, label_loss, path)
    state = torch.load(path, weights_only=True)
    for name in ("accumulate", "patience"):
        del state["settings"][name]
    torch.save(state, path)
    assert run(teacher(), split, label_loss, path) == history
    settings = TrainSettings(epochs=4, learning_rate=1e-3, batch_size=8, patience=3)
    with pytest.raises(InputError, match="other training settings"):
        Trainer(teacher(), label_loss, settings, state_path=path).run(split, split)


@pytest.mark.parametrize("on_disk", [True, False])
def test_kept_teacher_outputs_equal_computed_ones(on_disk: bool, tmp_path: Path) -> None:
    source, split = teacher(), tiny_split(90)
    kept = TeacherOutputs(source, split, tmp_path if on_disk else None)
    for rows in split.shuffled(16, seed=2, epoch=0):
        batch = split.take(rows)
        with torch.no_grad():
            logits, states = source(batch.ids, batch.types, batch.mask)
        kept_logits, kept_states = kept.lookup(batch)
        assert torch.allclose(logits, kept_logits, atol=1e-5)
        for one, two in zip(states, kept_states, strict=True):
            assert torch.allclose(one[batch.mask], two[batch.mask], atol=1e-5)
            assert not two[~batch.mask].any()
    assert not list(tmp_path.iterdir())
    batch = split.take(torch.arange(20, 50))
    values = [float(distillation_loss(source, kept=k)(student(), batch).detach()) for k in (None, kept)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_teacher_outputs_say_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    kept = TeacherOutputs(teacher(), tiny_split(), tmp_path)
    with pytest.raises(InputError, match="MiB"):
        kept.lookup(tiny_split().take(torch.arange(3)))


def test_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    split, state = tiny_split(16), tmp_path / "s"
    run(teacher(), split, label_loss, state)
    settings = TrainSettings(epochs=4, learning_rate=2e-3, batch_size=8)
    with pytest.raises(InputError, match="other training settings"):
        Trainer(teacher(), label_loss, settings, state_path=state).run(split, split)


@pytest.mark.parametrize("data", [b"", b"junk", b"PK\x03\x04 half a zip"])
def test_corrupt_state_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(FormatError, match="not a training state"):
        run(teacher(), tiny_split(16), label_loss, tmp_path / "s")


def test_a_loss_that_is_not_finite_is_refused() -> None:
    def diverged(model: nn.Module, batch: Batch) -> Tensor:
        return label_loss(model, batch) * float("nan")

    with pytest.raises(InputError, match="not finite"):
        run(teacher(), tiny_split(16), diverged)


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Trainer(teacher(), label_loss, TrainSettings(epochs=0, learning_rate=1e-3))


def test_alphas_stay_positive_under_a_wild_rate() -> None:
    model, split = student(), tiny_split(48)
    settings = TrainSettings(epochs=2, learning_rate=0.5, batch_size=8)
    Trainer(model, distillation_loss(teacher()), settings).run(split, split)
    for layer in model.encoder.quant_layers():
        assert all(float(elastic_of(site).alpha.detach()) > 0 for site in layer.site.values())


def test_teacher_file(tmp_path: Path) -> None:
    model, split = teacher(3), tiny_split()
    save_teacher(model, tmp_path / "t.safetensors")
    again = load_teacher(tmp_path / "t.safetensors", tiny_pretrained())
    assert torch.equal(predict(model, split), predict(again, split))
    (tmp_path / "t.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(FormatError, match="not a teacher file"):
        load_teacher(tmp_path / "t.safetensors", tiny_pretrained())
    with pytest.raises(FormatError):
        load_teacher(tmp_path / "absent", tiny_pretrained())


def test_regression_scores() -> None:
    split = tiny_split(regression=True)
    assert score(split.targets[:, None] * 2 + 1, split.targets) == pytest.approx(100.0)
    assert score(torch.zeros(48, 1), split.targets) == 0.0
    torch.manual_seed(0)
    model = TeacherClassifier(tiny_config(classes=1, regression=True), tiny_pretrained())
    assert label_loss(model, split.take(torch.arange(48))).ndim == 0
