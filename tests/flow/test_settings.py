# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batflow.errors import FormatError, InputError
from batflow.flow.settings import RunConfig


def test_defaults_are_the_demo_model() -> None:
    config = RunConfig()
    assert (config.task, config.layers, config.max_len, config.bits, config.weight) == (
        "trec",
        2,
        32,
        4,
        "binary",
    )


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"bitz": 4}, "bitz"),
        ({"bits": 9}, "1 to 8 bits"),
        ({"bits": {"q": 0}}, "1 to 8 bits"),
        ({"weight": "int8"}, "weight"),
        ({"layers": 0}, "layers"),
        ({"max_len": "long"}, "max_len"),
        ({"tsv": "a", "glue_dir": "b"}, "not both"),
        ({"threads": 0}, "threads"),
    ],
)
def test_a_bad_setting_is_one_clear_line(values: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        RunConfig.create(values)
    assert "\n" not in str(caught.value)


def test_recipe_and_overrides(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("task: mr\nbits: 1\n")
    config = RunConfig.from_yaml(recipe, {"bits": 2})
    assert (config.task, config.bits) == ("mr", 2)


@pytest.mark.parametrize("text", ["- a\n- b\n", "task: [", "\0", "just words"])
def test_a_corrupt_recipe_is_named(tmp_path: Path, text: str) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(text)
    with pytest.raises(FormatError, match=r"r\.yaml") as caught:
        RunConfig.from_yaml(recipe)
    assert "\n" not in str(caught.value)


def test_an_absent_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not exist"):
        RunConfig.from_yaml(tmp_path / "no.yaml")
