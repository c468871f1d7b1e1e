# SPDX-License-Identifier: Apache-2.0
"""Students that start from students: the split is exact in training mode and in integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from batflow.errors import InputError
from batflow.quant.brevitas_bridge import elastic_of, weight_quant_of
from batflow.quant.checkpoint import load_student, save_student
from batflow.quant.classifier import BmtClassifier
from batflow.quant.config import BmtConfig, SplitForm
from batflow.quant.constants import build_constants
from batflow.quant.training import predict
from batflow.quant.transfer import changed_sites, continue_student, split_student

from .models import tiny_pretrained, tiny_split, tiny_student


def integer_logits(model: BmtClassifier) -> torch.Tensor:
    split = tiny_split(200, seed=5)
    return model.deploy().logits(split.ids, split.types, split.mask)


@pytest.mark.parametrize("kind", ["tws", "wtws"])
@pytest.mark.parametrize("scale", ["channel", "tensor"])
@pytest.mark.parametrize(
    ("bits", "form"), [(1, "signed"), (2, "binarybert"), (4, "signed"), (8, "binarybert")]
)
def test_a_split_student_is_its_ternary_one(kind: str, scale: str, bits: int, form: SplitForm) -> None:
    ternary = tiny_student(bits, weight="ternary", bits=bits, weight_scale=scale)
    split = split_student(ternary, kind, form)
    assert split.config.weight == kind and split.config.bits == ternary.config.bits
    sentences = tiny_split(200, seed=5)
    assert torch.equal(predict(split, sentences), predict(ternary, sentences))
    same = integer_logits(split).argmax(1) == integer_logits(ternary).argmax(1)
    assert same.float().mean() >= 0.99


@pytest.mark.parametrize("kind", ["tws", "wtws"])
def test_constants_of_a_split_have_one_shift_more(kind: str) -> None:
    """(acc1 + acc2) = 2 acc, so M stays and C doubles, up to its own rounding: the one difference."""
    ternary = tiny_student(weight="ternary")
    pairs = zip(
        build_constants(ternary).layers, build_constants(split_student(ternary, kind)).layers, strict=True
    )
    for before, after in pairs:
        units: list[tuple[Any, Any]] = [
            (before.requant[s], after.requant[s]) for s in ("q", "k", "v", "ffn_mid")
        ]
        units += [(before.residual[s], after.residual[s]) for s in ("o", "ffn2")]
        for one, two in units:
            assert two.shift == one.shift + 1
            assert np.array_equal(two.M, np.concatenate([one.M, one.M]))
            assert np.abs(two.C - 2 * one.C).max() <= 1
        for name, weight in after.weight.items():
            assert (weight.sum(axis=0) == 2 * before.weight[name][0]).all()


def test_a_split_that_is_not_exact_is_seen() -> None:
    """Negative control: one coefficient moved by one part in a hundred changes the outputs."""
    ternary = tiny_student(weight="ternary")
    split = split_student(ternary)
    with torch.no_grad():
        weight_quant_of(split.encoder.quant_layers()[0].linear["q"]).coefficient[0] *= 1.01
    sentences = tiny_split()
    assert not torch.equal(predict(split, sentences), predict(ternary, sentences))


def test_the_source_is_left_alone() -> None:
    ternary = tiny_student(weight="ternary")
    before = {name: value.clone() for name, value in ternary.state_dict().items()}
    split = split_student(ternary)
    with torch.no_grad():
        for parameter in split.parameters():
            parameter.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in ternary.state_dict().items())


@pytest.mark.parametrize("kind", ["binary", "ternary", "tws", "wtws"])
def test_going_on_with_fewer_bits_keeps_everything_else(kind: str) -> None:
    source = tiny_student(weight=kind)
    config = BmtConfig.create(**(source.config.model_dump() | {"bits": {"q": 2, "probs": 1}}))
    assert changed_sites(source.config, config) == ("q", "probs")
    student = continue_student(source, config)
    assert student.frac_bits == []
    for own, given in zip(student.encoder.quant_layers(), source.encoder.quant_layers(), strict=True):
        assert torch.equal(elastic_of(own.site["ctx"]).alpha, elastic_of(given.site["ctx"]).alpha)
        assert float(elastic_of(own.site["q"]).alpha.detach()) == 1.0
        for name in own.linear:
            one, two = own.linear[name], given.linear[name]
            values = [weight_quant_of(linear)(linear.weight)[0] for linear in (one, two)]
            assert torch.equal(*values)
    same = continue_student(source, source.config)
    assert torch.equal(integer_logits(same), integer_logits(source))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weight": "ternary"}, "from binary to ternary"),
        ({"weight": "wtws"}, "from binary to wtws"),
        ({"layers": 1}, "same layers"),
        ({"weight_scale": "tensor"}, "same weight_scale"),
    ],
)
def test_what_does_not_follow_is_refused(changes: dict[str, Any], words: str) -> None:
    source = tiny_student()
    with pytest.raises(InputError, match=words):
        continue_student(source, BmtConfig.create(**(source.config.model_dump() | changes)))


def test_only_ternary_is_split_and_only_in_two() -> None:
    with pytest.raises(InputError, match="tws or wtws"):
        split_student(tiny_student(weight="ternary"), "binary")
    with pytest.raises(InputError, match="binary to wtws"):
        split_student(tiny_student())


@pytest.mark.parametrize("kind", ["tws", "wtws"])
def test_a_split_student_is_packed_and_read_back(kind: str, tmp_path: Path) -> None:
    split = split_student(tiny_student(weight="ternary"), kind)
    save_student(split, tmp_path / "s.npz", tiny_pretrained().source)
    again, _, _ = load_student(tmp_path / "s.npz", tiny_pretrained())
    assert torch.equal(integer_logits(again), integer_logits(split))
