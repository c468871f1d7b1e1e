# SPDX-License-Identifier: Apache-2.0
"""Rounded training: every value is deploy mode's, every gradient the float operation's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from batflow.errors import InputError
from batflow.quant.brevitas_bridge import elastic_of
from batflow.quant.classifier import BmtClassifier
from batflow.quant.config import SITES
from batflow.quant.distillation import distillation_loss
from batflow.quant.encoder import QuantLayer
from batflow.quant.rounding import LayerTaps, Rounding, substitute
from batflow.quant.teacher import TeacherClassifier
from batflow.quant.training import Trainer, TrainSettings, predict

from .models import tiny_config, tiny_pretrained, tiny_split, tiny_student
from .test_training import Interrupting

RESIDUAL = ("attn_sum", "attn_out", "ffn_sum", "ffn_out")
CASES: list[dict[str, Any]] = [
    {"bits": 1},
    {"bits": 4},
    {"bits": 1, "weight": "wtws"},
    {"bits": {"probs": 1, "q": 8, "k": 1}, "weight": "ternary", "pooling": "cls"},
    {"bits": 2, "weight": "tws", "weight_scale": "tensor"},
    {"bits": 1, "classes": 1, "regression": True},
]


def rounded(**case: Any) -> BmtClassifier:
    model = tiny_student(**case)
    model.rounding = Rounding(model)
    return model


Pairs = dict[str, tuple[Tensor, Tensor]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Pairs:
    """Fills with (value of the float operation, value passed on) of every tap of the last forward."""
    pairs: Pairs = {}
    quantized, residual = QuantLayer._quantized, LayerTaps.residual
    number = [0]

    def site(self: QuantLayer, name: str, x: Tensor, exact: LayerTaps | None) -> Tensor:
        if exact is None:
            return quantized(self, name, x, exact)
        number[0] += name == "attn_in"
        value = quantized(self, name, x, exact)
        pairs[f"L{number[0] - 1}.{name}"] = (self.site[name](x).detach(), value.detach())
        return value

    def stream(self: LayerTaps, name: str, value: Tensor) -> Tensor:
        result = residual(self, name, value)
        pairs[f"L{number[0] - 1}.{name}"] = (value.detach(), result.detach())
        return result

    monkeypatch.setattr(QuantLayer, "_quantized", site)
    monkeypatch.setattr(LayerTaps, "residual", stream)
    return pairs


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_value_is_the_deployed_one(case: dict[str, Any], seen: Pairs) -> None:
    """All taps without exception, padded rows included; logits as the nearest float32."""
    model, split = rounded(**case), tiny_split()
    logits, states = model(split.ids, split.types, split.mask)
    deployed = model.deploy()
    taps = deployed.run(split.ids, split.types, split.mask)
    for index, layer in enumerate(model.encoder.quant_layers()):
        f = dict(zip(RESIDUAL, [model.frac_bits[2 * index + n] for n in (0, 1, 1, 2)], strict=True))
        for name in SITES:
            quant = elastic_of(layer.site[name])
            integers = quant.integers(seen[f"L{index}.{name}"][1])
            assert torch.equal(integers, taps[f"L{index}.{name}"]), name
        for name in RESIDUAL:
            steps = seen[f"L{index}.{name}"][1].double() * 2.0 ** f[name]
            assert torch.equal(steps, taps[f"L{index}.{name}"].double()), name
    assert torch.equal(states[-1], seen[f"L{model.config.layers - 1}.ffn_out"][1])
    assert torch.equal(logits, taps["logits"].float() * 2.0**-deployed.constants.frac_bits_logits)


@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_each_value_is_its_own_operations_up_to_rounding(case: dict[str, Any], seen: Pairs) -> None:
    """The float operation on deployed inputs comes within a few steps, a quantizer to the same q."""
    model, split = rounded(**case), tiny_split()
    model(split.ids, split.types, split.mask)
    assert len(seen) == 12 * model.config.layers
    for name, (value, result) in seen.items():
        valid = split.mask if not name.endswith("probs") else ...
        if name.split(".")[1] in RESIDUAL:
            assert float((value - result)[valid].abs().max()) < 8 * 2.0 ** -min(model.frac_bits), name
        else:
            assert float(((value - result)[valid].abs() > 1e-4).float().mean()) < 0.01, name
    other = seen["L0.attn_out"][0] - seen["L0.ffn_out"][1]  # negative control
    assert float(other.abs().max()) > 100 * 2.0 ** -min(model.frac_bits)


def test_training_mode_predicts_what_is_deployed() -> None:
    """At one bit, where tiny differences flip whole values; without the option logits part."""
    split = tiny_split(200, seed=5)
    plain, model = tiny_student(bits=1), rounded(bits=1)
    deployed = model.deploy()
    real = deployed.logits(split.ids, split.types, split.mask).double()
    real /= 2.0**deployed.constants.frac_bits_logits
    assert torch.equal(predict(model, split), real.float())
    gap = (predict(plain, split) - real).abs().amax(1)
    assert int((gap > 1e-2).sum()) > 0


def test_the_gradient_passes_unchanged() -> None:
    norm = torch.nn.LayerNorm(8)
    x = torch.randn(3, 8, requires_grad=True)
    weight = torch.randn(3, 8)
    wanted = torch.autograd.grad((norm(x) * weight).sum(), [x, norm.weight, norm.bias])
    out = substitute(norm(x), torch.full((3, 8), 7), torch.tensor(0.5))
    assert torch.equal(out, torch.full((3, 8), 3.5))
    own = torch.autograd.grad((out * weight).sum(), [x, norm.weight, norm.bias])
    assert all(torch.equal(a, b) for a, b in zip(wanted, own, strict=True))


def gradients(model: BmtClassifier) -> dict[str, Tensor]:
    teacher = TeacherClassifier(model.config, tiny_pretrained(seed=1))
    batch = tiny_split().take(torch.arange(48))
    distillation_loss(teacher)(model, batch).backward()  # type: ignore[no-untyped-call]
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("bits", [1, 4])
def test_gradients_are_those_of_the_float_path(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the other way to write a straight-through value: ``v + (exact - v).detach()``."""
    own = gradients(rounded(bits=bits))

    def detached(value: Tensor, integers: Tensor, step: Tensor, offset: Tensor | None = None) -> Tensor:
        exact = integers * step + (0.0 if offset is None else offset)
        return value + (exact - value).detach()

    for place in ("encoder", "rounding"):
        monkeypatch.setattr(f"batflow.quant.{place}.substitute", detached)
    wanted = gradients(rounded(bits=bits))
    assert own.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.allclose(own[name], value, rtol=1e-3, atol=1e-5), name
    silent = [name for name, value in own.items() if not value.any() and ".k." not in name]
    assert silent == []


def train(model: BmtClassifier, loss: Any, state: Path | None = None) -> dict[str, Tensor]:
    split = tiny_split(48)
    settings = TrainSettings(epochs=3, learning_rate=1e-3, batch_size=8)
    Trainer(model, loss, settings, state_path=state).run(split, split)
    return model.state_dict()


def test_resume_equals_an_uninterrupted_run(tmp_path: Path) -> None:
    loss = distillation_loss(TeacherClassifier(tiny_config(), tiny_pretrained()))
    straight = train(rounded(bits=1), loss)
    with pytest.raises(KeyboardInterrupt):
        train(rounded(bits=1), Interrupting(loss, 9), tmp_path / "s")
    resumed = train(rounded(bits=1), loss, tmp_path / "s")
    assert all(torch.equal(value, resumed[name]) for name, value in straight.items())
    plain = train(tiny_student(bits=1), loss)
    assert any(not torch.equal(value, plain[name]) for name, value in straight.items())


def test_an_unused_option_leaves_training_alone() -> None:
    loss = distillation_loss(TeacherClassifier(tiny_config(), tiny_pretrained()))
    model = rounded(bits=4)
    assert model.state_dict().keys() == tiny_student(bits=4).state_dict().keys()
    predict(model, tiny_split())
    model.rounding = None
    one, two = train(model, loss), train(tiny_student(bits=4), loss)
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_a_stream_without_fraction_bits_is_refused() -> None:
    model, split = rounded(), tiny_split()
    model.frac_bits = []
    with pytest.raises(InputError, match="calibrate"):
        model(split.ids, split.types, split.mask)


def test_the_dev_score_of_the_caller_chooses_the_epoch() -> None:
    scores = iter([3.0, 9.0, 1.0])
    loss = distillation_loss(TeacherClassifier(tiny_config(), tiny_pretrained()))
    kept: list[dict[str, Tensor]] = []
    model, split = tiny_student(), tiny_split(16)

    def score_of(dev: Any) -> float:
        assert dev is split
        kept.append({k: v.clone() for k, v in model.state_dict().items()})
        return next(scores)

    settings = TrainSettings(epochs=3, learning_rate=1e-3, batch_size=8)
    history = Trainer(model, loss, settings, dev_score=score_of).run(split, split)
    assert [row["dev"] for row in history] == [3.0, 9.0, 1.0]
    assert all(torch.equal(value, kept[1][name]) for name, value in model.state_dict().items())
