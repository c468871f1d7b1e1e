# SPDX-License-Identifier: Apache-2.0
"""Recipes: the stages of a student's training as a small typed YAML file.

A recipe is written for the narrowest model and serves wider ones too: no stage goes below the
bits of the run, and a stage that this leaves equal to the one before it is dropped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from batflow.errors import FormatError, InputError

from .config import SITES, TWO_PART_KINDS, SplitForm, WeightKind, spread_bits

FOLDER = Path(__file__).parent / "recipes"
Origin = Literal["teacher", "previous"]
Selection = Literal["training", "integer"]
"""Whose dev score chooses the best epoch: training mode's, or the integer deploy model's."""


class Stage(BaseModel):
    """One training of the student; what is left out is taken from the run.

    ``init`` says whose parameters it starts from, ``target`` whose outputs it distils, ``split``
    in which form it starts as the exact split of a ternary student (see ``SplitForm``). ``rounded``
    trains on the values of deploy mode (quant/rounding.py).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    weight: WeightKind | None = None
    bits: int | dict[str, int] | None = None
    epochs: int | None = Field(default=None, ge=1, le=1000)
    rate: float | None = Field(default=None, gt=0, lt=1)
    init: Origin = "teacher"
    target: Origin = "teacher"
    split: SplitForm | None = None
    hidden_weight: float = Field(default=1.0, ge=0, le=1000)
    attention_weight: float = Field(default=0.0, ge=0, le=1000)
    patience: int | None = Field(default=None, ge=1)
    rounded: bool | None = None
    select: Selection | None = None

    @model_serializer(mode="wrap")
    def _leave_out_later(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out unused fields that older recipes do not have: input hashes cover the rest."""
        values: dict[str, Any] = handler(self)
        later = ("rounded", "select")
        return {k: v for k, v in values.items() if not (k in later and v is None)}


@dataclass(frozen=True)
class PlannedStage:
    """A stage with nothing left open; ``bits`` names every site."""

    name: str
    weight: WeightKind
    bits: dict[str, int]
    epochs: int
    rate: float
    init: Origin
    target: Origin
    split: SplitForm | None
    hidden_weight: float
    attention_weight: float
    patience: int | None
    rounded: bool = False
    select: Selection = "training"

    def decisive(self) -> dict[str, Any]:
        """Return what the result depends on; options of later versions only where they are used."""
        values = asdict(self)
        later = {"rounded": False, "select": "training"}
        return {k: v for k, v in values.items() if not (k in later and v == later[k])}


class Recipe(BaseModel):
    """Named stages in order; the last one gives the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=32)

    def plan(
        self,
        weight: WeightKind,
        bits: int | dict[str, int],
        epochs: int,
        rate: float,
        patience: int | None = None,
        rounded: bool = False,
        select: Selection = "training",
    ) -> tuple[PlannedStage, ...]:
        """Return the stages that lead to a model of ``weight`` and ``bits``.

        Args:
            weight: weight kind of the model, and of stages that name none.
            bits: activation bits of the model; stages with fewer get these.
            epochs, rate, patience, rounded, select: what stages without their own take.

        Raises:
            InputError: the stages do not follow from each other, or end at another model.
        """
        wanted = self._spread(bits)
        planned: list[PlannedStage] = []
        for stage in self.stages:
            asked = wanted if stage.bits is None else self._spread(stage.bits)
            given = {site: max(asked[site], wanted[site]) for site in SITES}
            kind = stage.weight or weight
            before = planned[-1] if planned else None
            same = before is not None and (before.weight, before.bits) == (kind, given)
            if same and given != asked and stage.init == "previous":
                continue
            self._check(stage, kind, before)
            planned.append(
                PlannedStage(
                    stage.name,
                    kind,
                    given,
                    stage.epochs or epochs,
                    stage.rate or rate,
                    stage.init,
                    stage.target,
                    stage.split,
                    stage.hidden_weight,
                    stage.attention_weight,
                    stage.patience or patience,
                    rounded if stage.rounded is None else stage.rounded,
                    stage.select or select,
                )
            )
        last = planned[-1]
        if last.weight != weight or last.bits != wanted:
            raise InputError(
                f"recipe {self.name} ends at {last.weight} weights and {_text(last.bits)} bits, the run asks"
                f" for {weight} and {_text(wanted)}; change the run's weight and bits or the recipe"
            )
        return tuple(planned)

    def _spread(self, bits: int | dict[str, int]) -> dict[str, int]:
        try:
            spread = spread_bits(bits)
        except ValueError as exc:
            raise InputError(f"recipe {self.name}: {exc}") from exc
        for site, width in spread.items():
            if not 1 <= width <= 8:
                raise InputError(f"recipe {self.name}: bits.{site} is {width}; activations have 1 to 8 bits")
        return spread

    def _check(self, stage: Stage, kind: WeightKind, before: PlannedStage | None) -> None:
        where = f"recipe {self.name}, stage {stage.name}"
        if before is None and "previous" in (stage.init, stage.target):
            raise InputError(f"{where}: there is no previous stage; begin with init and target teacher")
        if stage.split and (kind not in TWO_PART_KINDS or before is None or before.weight != "ternary"):
            raise InputError(
                f"{where}: a split leads from ternary weights to tws or wtws, not to {kind};"
                " set the run's weight, or the weights of the stages"
            )
        if stage.split and stage.init != "previous":
            raise InputError(f"{where}: a split starts from the stage before it; write init: previous")
        if before is not None and stage.init == "previous" and not stage.split and kind != before.weight:
            raise InputError(
                f"{where}: {kind} weights cannot go on from {before.weight};"
                " write split: binarybert or init: teacher"
            )


def _text(bits: dict[str, int]) -> str:
    widths = set(bits.values())
    return str(widths.pop()) if len(widths) == 1 else str(bits)


DIRECT = Recipe(name="direct", stages=(Stage(name="student"),))


def recipe_names() -> list[str]:
    """Return the recipes that come with batflow."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_recipe(given: str | Path) -> Recipe:
    """Return a recipe by the name of one that comes with batflow, or by the path of a YAML file.

    Raises:
        FormatError: the file cannot be read or is not a YAML mapping.
        InputError: a field is unknown, absent or out of range.
    """
    path = FOLDER / f"{given}.yaml" if str(given) in recipe_names() else Path(given)
    return read_recipe(read_yaml(path, "recipe", f"give a file or one of {', '.join(recipe_names())}"), path)


def read_recipe(values: dict[str, Any], origin: str | Path) -> Recipe:
    """Return the checked recipe; ``origin`` names its source in messages.

    Raises:
        InputError: a field is unknown, absent or out of range.
    """
    try:
        return Recipe(**values)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = Recipe.model_fields if len(first["loc"]) < 2 else Stage.model_fields
        hint = f" (known: {', '.join(known)})" if first["type"] == "extra_forbidden" else ""
        raise InputError(f"recipe {origin}: {where}: {' '.join(first['msg'].split())}{hint}") from exc


def read_yaml(path: Path, what: str, advice: str) -> dict[str, Any]:
    """Return the mapping in a YAML file; ``what`` names the kind of file in messages.

    Raises:
        FormatError: the file is absent, unreadable or no mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise FormatError(f"{what} {path} does not exist; {advice}") from exc
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        text = " ".join(str(exc).split())
        raise FormatError(f"{what} {path} cannot be read ({text}); correct the file") from exc
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise FormatError(f"{what} {path} is not a mapping of names to values; write lines like 'name: x'")
    return values
