# SPDX-License-Identifier: Apache-2.0
"""The model config: defaults, spreading of bits, and one clear line for every fault."""

from __future__ import annotations

from typing import Any

import pytest

from batflow.errors import InputError
from batflow.quant.config import SITES, bounds

from .models import tiny_config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heads": 3}, "heads 3 does not divide hidden 16"),
        ({"heads": 0}, "heads"),
        ({"bits": 0}, "1 to 8 bits"),
        ({"bits": 9}, "1 to 8 bits"),
        ({"bits": {"nowhere": 4}}, "unknown site"),
        ({"bits": {"q": 12}}, "bits.q is 12"),
        ({"bits": "four"}, "bits"),
        ({"layers": 0}, "layers"),
        ({"max_len": 1}, "max_len"),
        ({"max_len": 4096}, "max_len"),
        ({"hidden": 8192}, "hidden"),
        ({"weight": "quaternary"}, "weight"),
        ({"weight_scale": "row"}, "weight_scale"),
        ({"pooling": "max"}, "pooling"),
        ({"classes": 1}, "at least 2"),
        ({"regression": True}, "regression has one output"),
        ({"labels": ("a",)}, "1 labels for 3 classes"),
        ({"surprise": 1}, "surprise"),
        ({"layernorm_eps": 0}, "layernorm_eps"),
    ],
)
def test_faults_are_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match="model config") as caught:
        tiny_config(**changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bits_spread() -> None:
    assert tiny_config(bits=2).bits == dict.fromkeys(SITES, 2)
    assert tiny_config(bits={"probs": 8}).bits == dict.fromkeys(SITES, 4) | {"probs": 8}


def test_regression_has_one_output() -> None:
    assert tiny_config(regression=True, classes=1).regression


def test_bounds() -> None:
    assert bounds(1, signed=True) == (-1, 1)
    assert bounds(1, signed=False) == (0, 1)
    assert bounds(4, signed=True) == (-8, 7)
    assert bounds(8, signed=False) == (0, 255)
