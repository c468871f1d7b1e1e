# SPDX-License-Identifier: Apache-2.0
"""Recipes: what the shipped ones plan for each width, and one clear line for every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batflow.errors import FormatError, InputError
from batflow.quant.config import SITES, WeightKind
from batflow.quant.recipe import DIRECT, Recipe, load_recipe, read_recipe, recipe_names


def plan(name: str, weight: WeightKind, bits: int | dict[str, int]) -> list[tuple[str, str, int]]:
    return [(s.name, s.weight, s.bits["q"]) for s in load_recipe(name).plan(weight, bits, 5, 1e-3)]


def test_shipped_recipes() -> None:
    assert recipe_names() == ["direct", "gradual", "multistep", "split", "stepped"]
    assert load_recipe("direct") == DIRECT


@pytest.mark.parametrize("weight", ["binary", "ternary", "tws", "wtws"])
def test_direct_is_one_stage_with_the_runs_own_settings(weight: WeightKind) -> None:
    (stage,) = DIRECT.plan(weight, {"q": 3}, 5, 1e-3, patience=2)
    assert (stage.weight, stage.epochs, stage.rate, stage.patience) == (weight, 5, 1e-3, 2)
    assert stage.bits == dict.fromkeys(SITES, 4) | {"q": 3}
    assert (stage.init, stage.target, stage.split, stage.hidden_weight) == ("teacher", "teacher", None, 1.0)


def test_rounding_and_selection_are_the_runs_unless_a_stage_says_otherwise() -> None:
    stages = [{"name": "a"}, {"name": "b", "rounded": False, "select": "training", "init": "previous"}]
    recipe = read_recipe({"name": "r", "stages": stages}, "test")
    plan = recipe.plan("binary", 4, 5, 1e-3, rounded=True, select="integer")
    assert [(s.rounded, s.select) for s in plan] == [(True, "integer"), (False, "training")]
    assert plan[0].decisive()["select"] == "integer" and "rounded" not in plan[1].decisive()
    dumped = [stage.model_dump() for stage in recipe.stages]
    assert "rounded" not in dumped[0] and dumped[1]["select"] == "training"
    assert read_recipe(recipe.model_dump(), "again") == recipe


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (8, [("ternary-a8", "ternary", 8), ("split-a4", "wtws", 8)]),
        (4, [("ternary-a8", "ternary", 8), ("ternary-a4", "ternary", 4), ("split-a4", "wtws", 4)]),
        (1, ["ternary-a8", "ternary-a4", "split-a4", "split-a2", "split-a1"]),
        (3, ["ternary-a8", "ternary-a4", "split-a4", "split-a2"]),
    ],
)
def test_gradual_never_goes_below_the_runs_bits(bits: int, expected: list[Any]) -> None:
    stages = plan("gradual", "wtws", bits)
    assert (stages if isinstance(expected[0], tuple) else [s[0] for s in stages]) == expected
    assert stages[-1][2] == bits


def test_bits_are_limited_site_by_site() -> None:
    stages = load_recipe("multistep").plan("binary", dict.fromkeys(SITES, 1) | {"q": 2, "v": 8}, 5, 1e-3)
    assert [(s.bits["k"], s.bits["q"], s.bits["v"]) for s in stages] == [(4, 4, 8), (2, 2, 8), (1, 2, 8)]
    assert [s.target for s in stages] == ["teacher", "previous", "previous"]


STAGES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "first from previous": ([{"name": "a", "init": "previous"}], "no previous stage"),
    "first distils previous": ([{"name": "a", "target": "previous"}], "no previous stage"),
    "split of binary": (
        [{"name": "a", "weight": "binary"}, {"name": "b", "init": "previous", "split": "binarybert"}],
        "a split leads from ternary",
    ),
    "split of the teacher": (
        [{"name": "a", "weight": "ternary"}, {"name": "b", "split": "binarybert"}],
        "init: prev",
    ),
    "kinds without split": (
        [{"name": "a", "weight": "ternary"}, {"name": "b", "init": "previous"}],
        "cannot go on from ternary",
    ),
    "another end": ([{"name": "a", "bits": 2}], "ends at wtws weights and 2 bits"),
    "another weight": ([{"name": "a", "weight": "ternary"}], "ends at ternary weights"),
    "unknown site": ([{"name": "a", "bits": {"nowhere": 2}}], "unknown site"),
    "bits": ([{"name": "a", "bits": 9}], "1 to 8 bits"),
}


@pytest.mark.parametrize("case", STAGES)
def test_stages_that_do_not_follow_are_refused(case: str) -> None:
    stages, words = STAGES[case]
    with pytest.raises(InputError, match=words) as caught:
        read_recipe({"name": "r", "stages": stages}, "test").plan("wtws", 1, 1, 1e-3)
    assert "\n" not in str(caught.value)


def test_a_split_needs_a_kind_with_two_parts() -> None:
    with pytest.raises(InputError, match="not to binary; set the run's weight"):
        plan("gradual", "binary", 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "r", "stages": []}, "stages"),
        ({"name": "r"}, "stages"),
        ({"name": "R!", "stages": [{"name": "a"}]}, "name"),
        ({"name": "r", "stages": [{"name": "a", "rates": 1}]}, r"rates.*known: name, weight"),
        ({"name": "r", "colour": 1, "stages": [{"name": "a"}]}, r"colour.*known: name, stages"),
        ({"name": "r", "stages": [{"name": "a", "epochs": 0}]}, "epochs"),
        ({"name": "r", "stages": [{"name": "a", "weight": "int8"}]}, "weight"),
        ({"name": "r", "stages": "all"}, "stages"),
    ],
)
def test_faulty_fields_are_one_line(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_recipe(values, "test")
    assert "\n" not in str(caught.value)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nstages:\n  - name: only\n    bits: 1\n")
    assert load_recipe(path).stages[0].bits == 1
    with pytest.raises(FormatError, match="one of direct, gradual, multistep, split, stepped"):
        load_recipe("grdual")
    for text in ("- a", "name: [", "\0", "1: 2"):
        path.write_text(text)
        with pytest.raises(FormatError, match=r"mine\.yaml"):
            load_recipe(path)


def test_a_recipe_survives_json() -> None:
    recipe = load_recipe("gradual")
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
