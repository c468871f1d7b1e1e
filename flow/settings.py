# SPDX-License-Identifier: Apache-2.0
"""The settings of one run: what to train, how, and what to check. Kept in ``runs/<name>/run.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from typing_extensions import Self

from batflow.errors import InputError
from batflow.quant.config import ActivationKind, EmbeddingKind, Precision, WeightKind, WeightScale
from batflow.quant.glue import GLUE_TASKS
from batflow.quant.recipe import DIRECT, PlannedStage, Recipe, Selection, load_recipe, read_recipe, read_yaml

ATTACHED_CHECKPOINTS = {"trec": "trec_w1a4.npz"}
"""Packed checkpoints that come with the package, by task; they fit the default settings."""

LATER = (
    "weight_scale",
    "recipe",
    "accumulate",
    "patience",
    "keep_teacher_outputs",
    "rounded",
    "select",
    "precision",
    "keep_stages",
    "keep_latents",
    "start_from",
    "transfer",
    "embedding",
    "activation",
    "verify_cosim_sentences",
    "verify_hls4ml_sentences",
    "verify_finn_sentences",
    "verify_finn_rtl_sentences",
)
"""Settings that older runs do not name: at their defaults they are no part of an input hash."""


class RunConfig(BaseModel):
    """Everything that decides a run's artefacts.

    Build it with :meth:`create` or :meth:`from_yaml`, which turn every fault into one line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = "trec"
    glue_dir: Path | None = None
    tsv: Path | None = None
    pretrained: str = "minilm"
    layers: int = Field(default=2, ge=1, le=48)
    max_len: int = Field(default=32, ge=2, le=512)
    bits: int | dict[str, int] = 4
    weight: WeightKind = "binary"
    weight_scale: WeightScale = "channel"
    embedding: EmbeddingKind = "int16"
    activation: ActivationKind = "elastic"
    recipe: Recipe | None = None
    teacher_epochs: int = Field(default=4, ge=1, le=1000)
    student_epochs: int = Field(default=8, ge=1, le=1000)
    teacher_rate: float = Field(default=1e-4, gt=0, lt=1)
    student_rate: float = Field(default=3e-4, gt=0, lt=1)
    batch_size: int = Field(default=32, ge=1, le=4096)
    accumulate: int = Field(default=1, ge=1, le=4096)
    patience: int | None = Field(default=None, ge=1)
    keep_teacher_outputs: bool = False
    rounded: bool = False
    select: Selection = "training"
    precision: Precision = "float32"
    keep_stages: bool = False
    keep_latents: bool = False
    start_from: Path | None = None
    transfer: tuple[str, ...] = ()
    max_steps: int | None = Field(default=None, ge=1)
    seed: int = Field(default=1, ge=0)
    threads: int = Field(default=1, ge=1, le=256)
    verify_sentences: int = Field(default=200, ge=1)
    verify_cosim_sentences: int = Field(default=3, ge=0)
    verify_hls4ml_sentences: int = Field(default=20, ge=0)
    verify_finn_sentences: int = Field(default=5, ge=0)
    verify_finn_rtl_sentences: int = Field(default=1, ge=0)
    csim_sentences: int = Field(default=500, ge=1)
    cosim_sentences: int = Field(default=4, ge=1)

    @field_validator("bits")
    @classmethod
    def _check_bits(cls, value: int | dict[str, int]) -> int | dict[str, int]:
        for bits in [value] if isinstance(value, int) else value.values():
            if not 1 <= bits <= 8:
                raise ValueError(f"activations have 1 to 8 bits, not {bits}")
        return value

    @field_validator("transfer")
    @classmethod
    def _check_transfer(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for task in value:
            if task not in GLUE_TASKS:
                raise ValueError(f"{task!r} is no GLUE task; choose from {', '.join(GLUE_TASKS)}")
        return value

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        if self.transfer and self.glue_dir is None:
            raise ValueError("transfer reads further GLUE tasks; set glue_dir, and a GLUE task")
        if self.glue_dir is not None and self.tsv is not None:
            raise ValueError("give glue_dir or tsv, not both")
        if self.activation != "elastic" and any(s.rounded or s.select == "integer" for s in self.stages()):
            raise ValueError(
                f"activation {self.activation} has no integer model; leave out rounded and select=integer"
            )
        attention = self.recipe is not None and any(stage.attention_weight for stage in self.stages())
        if attention and self.keep_teacher_outputs:
            raise ValueError("kept teacher outputs hold no attention scores; set keep_teacher_outputs=false")
        return self

    @field_validator("recipe", mode="before")
    @classmethod
    def _find_recipe(cls, value: Any) -> Any:
        if isinstance(value, (str, Path)):
            return load_recipe(value)
        return read_recipe(value, "in the settings") if isinstance(value, dict) else value

    def stages(self) -> tuple[PlannedStage, ...]:
        """Return the student's training stages; without a recipe it is one.

        Raises:
            InputError: the recipe does not lead to the run's weight and bits.
        """
        recipe = self.recipe or DIRECT
        return recipe.plan(
            self.weight,
            self.bits,
            self.student_epochs,
            self.student_rate,
            self.patience,
            self.rounded,
            self.select,
        )

    @classmethod
    def create(cls, values: dict[str, Any], origin: str = "settings") -> RunConfig:
        """Return the checked settings; ``origin`` names their source in messages.

        Raises:
            InputError: an unknown field, a wrong type or a value out of range.
        """
        try:
            return cls(**values)
        except ValidationError as exc:
            first = exc.errors()[0]
            field = ".".join(str(part) for part in first["loc"][:1])
            if first["type"] == "extra_forbidden":
                allowed = ", ".join(cls.model_fields)
                raise InputError(f"{origin}: unknown setting {field!r}; known: {allowed}") from exc
            reason = first["msg"].removeprefix("Value error, ")
            given = f", given {first['input']!r}" if field else ""
            raise InputError(f"{origin}: {field + ': ' if field else ''}{reason}{given}") from exc

    @classmethod
    def from_yaml(cls, path: Path, overrides: dict[str, Any] | None = None) -> RunConfig:
        """Read a settings file; ``overrides`` win over it.

        Raises:
            FormatError: the file cannot be read or is not a YAML mapping.
            InputError: a setting is unknown or out of range.
        """
        values = read_yaml(Path(path), "settings file", "give the path of a YAML file")
        return cls.create({**values, **(overrides or {})}, origin=f"settings file {path}")

    def part(self, fields: tuple[str, ...]) -> dict[str, Any]:
        """Return the named settings as JSON values: what a step's input hash covers."""
        dumped = self.model_dump(mode="json")
        unused = {name for name in LATER if getattr(self, name) == type(self).model_fields[name].default}
        return {field: dumped[field] for field in fields if field not in unused}
