# SPDX-License-Identifier: Apache-2.0
"""Students that start from a student of another task: every parameter but the head's, or a clear refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from batflow.errors import FormatError, InputError
from batflow.quant.batches import with_text
from batflow.quant.latents import adopt_latents, save_latents

from .models import CLASSES, tiny_split, tiny_student

SOURCE = {"name": "tiny", "weights_sha256": "0"}


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "given.safetensors"
    save_latents(tiny_student(1, bits=8, weight="ternary"), path, SOURCE)
    return path


def test_all_but_the_head_is_adopted(given: Path) -> None:
    origin = tiny_student(1, bits=8, weight="ternary").state_dict()
    model = tiny_student(2, bits=8, weight="ternary", classes=CLASSES + 1, task="other")
    head = model.head.linear.weight.clone()
    assert adopt_latents(model, given, SOURCE) == ()
    for name, value in model.state_dict().items():
        assert torch.equal(value, head if name == "head.linear.weight" else origin[name]) or "head" in name
    assert torch.equal(model.head.linear.weight, head)


def test_quantizers_of_other_bits_stay(given: Path) -> None:
    bits = {"q": 4, "k": 8, "v": 8, "attn_in": 8, "probs": 8, "ctx": 8, "ffn_in": 8, "ffn_mid": 8}
    model = tiny_student(2, bits=bits, weight="ternary")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert adopt_latents(model, given, SOURCE) == ("q",)
    after = model.state_dict()
    kept = [n for n in after if torch.equal(after[n], before[n]) and n.endswith("alpha")]
    assert kept and all(".site.q." in name for name in kept)
    assert any(
        name.endswith("linear.q.weight") and not torch.equal(after[name], before[name]) for name in after
    )


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"weight": "binary"}, "weight"),
        ({"embedding": "int8"}, "embedding"),
        ({"weight_scale": "tensor"}, "weight_scale"),
    ],
)
def test_another_shape_is_refused(given: Path, changes: dict[str, Any], word: str) -> None:
    model = tiny_student(2, **({"bits": 8, "weight": "ternary"} | changes))
    with pytest.raises(InputError, match=word):
        adopt_latents(model, given, SOURCE)


def test_another_encoder_is_refused(given: Path) -> None:
    with pytest.raises(InputError, match="pretrained encoder"):
        adopt_latents(tiny_student(2, bits=8, weight="ternary"), given, {**SOURCE, "weights_sha256": "1"})


@pytest.mark.parametrize("damage", ["absent", "cut", "other"])
def test_a_bad_file_is_named(given: Path, damage: str) -> None:
    if damage == "absent":
        given.unlink()
    else:
        given.write_bytes(given.read_bytes()[:100] if damage == "cut" else b"PK\3\4")
    with pytest.raises(FormatError, match="keep_latents") as caught:
        adopt_latents(tiny_student(2, bits=8, weight="ternary"), given, SOURCE)
    assert "\n" not in str(caught.value)


def test_further_text_comes_behind_without_its_labels() -> None:
    own, other = tiny_split(10, seed=1), tiny_split(7, seed=2, regression=True)
    joined = with_text(own, [other, other])
    assert len(joined) == 24 and joined.targets.dtype == own.targets.dtype
    assert torch.equal(joined.ids[10:17], other.ids) and torch.equal(joined.mask[17:], other.mask)
    assert torch.equal(joined.targets[:10], own.targets) and not joined.targets[10:].any()
