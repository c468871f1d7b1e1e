# SPDX-License-Identifier: Apache-2.0
"""The description of one BMT classifier: shape, bits per site, weight kind, labels."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from typing_extensions import Self

from batflow.errors import InputError

SITES = ("attn_in", "q", "k", "v", "probs", "ctx", "ffn_in", "ffn_mid")
"""The quantized activations of a layer in the order of docs/numerics.md."""

UNSIGNED_SITES = frozenset({"probs", "ffn_mid"})
FREE_BETA_SITES = frozenset({"attn_in", "ctx", "ffn_in"})
LINEARS = ("q", "k", "v", "o", "ffn1", "ffn2")

WeightKind = Literal["binary", "ternary", "tws", "wtws"]
TWO_PART_KINDS = frozenset({"tws", "wtws"})
SplitForm = Literal["binarybert", "signed"]
"""Which half of a split is positive where the ternary weight is 0: always the first, or the half
that leaves the first half the weight's own sign (ours)."""
BITS_PER_WEIGHT = {"binary": 1, "ternary": 2, "tws": 2, "wtws": 2}
"""Stored bit planes for one weight of the original matrix; coefficients come on top."""

WeightScale = Literal["channel", "tensor"]
Precision = Literal["float32", "bf16"]
"""Of the operands of training's matrix products; see quant/precision.py."""
Pooling = Literal["mean", "cls"]
EmbeddingKind = Literal["int16", "int8", "binary"]
"""How the word table is stored (docs/numerics.md, "Embedding and classifier")."""
ActivationKind = Literal["elastic", "bit_runtime_min", "minmax_dynamic"]
"""``elastic`` is BMT's; the others are baselines for training alone (quant/baselines.py)."""

LATER = ("embedding", "activation")
"""Fields that older files do not name: at their defaults no file names them."""


def spread_bits(bits: int | dict[str, int]) -> dict[str, int]:
    """Return the bits of every site; sites that a dictionary leaves out have 4.

    Raises:
        ValueError: an unknown site.
    """
    if isinstance(bits, int):
        bits = dict.fromkeys(SITES, bits)
    unknown = sorted(set(bits) - set(SITES))
    if unknown:
        raise ValueError(f"unknown site {unknown[0]!r}; the sites are {', '.join(SITES)}")
    return {site: bits.get(site, 4) for site in SITES}


class BmtConfig(BaseModel):
    """Shape and number formats of a BMT classifier.

    Build it with :meth:`create`, which turns every fault into one clear ``InputError``.
    ``bits`` may be given as one integer (all sites) or as a dictionary that names some sites
    (the others keep 4).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = Field(ge=1, le=48)
    hidden: int = Field(ge=2, le=4096)
    heads: int = Field(ge=1, le=256)
    ffn: int = Field(ge=1, le=16384)
    max_len: int = Field(ge=2, le=512)
    vocab_size: int = Field(ge=2, le=1 << 20)
    classes: int = Field(ge=1, le=1024)
    regression: bool = False
    pooling: Pooling = "mean"
    bits: dict[str, int] = Field(default_factory=lambda: dict.fromkeys(SITES, 4))
    weight: WeightKind = "binary"
    weight_scale: WeightScale = "channel"
    embedding: EmbeddingKind = "int16"
    activation: ActivationKind = "elastic"
    layernorm_eps: float = Field(default=1e-12, gt=0, lt=1)
    labels: tuple[str, ...] = ()
    lower_case: bool = True
    task: str = ""

    @field_validator("bits", mode="before")
    @classmethod
    def _spread_bits(cls, value: Any) -> Any:
        if isinstance(value, dict) or (isinstance(value, int) and not isinstance(value, bool)):
            return spread_bits(value)
        return value

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        for site, bits in self.bits.items():
            if not 1 <= bits <= 8:
                raise ValueError(f"bits.{site} is {bits}; activations have 1 to 8 bits")
        if self.hidden % self.heads:
            raise ValueError(f"heads {self.heads} does not divide hidden {self.hidden}")
        if self.regression and self.classes != 1:
            raise ValueError(f"regression has one output; classes is {self.classes}")
        if not self.regression and self.classes < 2:
            raise ValueError("classification needs classes of at least 2")
        if self.labels and len(self.labels) != self.classes:
            raise ValueError(f"{len(self.labels)} labels for {self.classes} classes")
        return self

    @model_serializer(mode="wrap")
    def _leave_out_later(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        fields = type(self).model_fields
        return {k: v for k, v in values.items() if not (k in LATER and v == fields[k].default)}

    @classmethod
    def create(cls, **values: Any) -> BmtConfig:
        """Return a checked config.

        Raises:
            InputError: a field is unknown, absent or outside what batflow supports.
        """
        try:
            return cls(**values)
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            given = "" if first["type"] == "value_error" else f", given {first.get('input')!r}"
            text = f"model config: {where + ': ' if where else ''}{reason}{given}; correct the config"
            raise InputError(" ".join(text.split())) from exc

    @property
    def deployable(self) -> bool:
        """Whether the model can become integers: baselines of activations cannot."""
        return self.activation == "elastic"

    def require_deployable(self) -> None:
        """Refuse a baseline.

        Raises:
            InputError: the activations' offsets or steps follow the running tensor.
        """
        if not self.deployable:
            raise InputError(
                f"activation {self.activation!r} is a baseline for comparison: its offsets or steps follow"
                " the running tensor, so it has no integer model; deploy, calibrate and export take"
                " 'elastic'; train with activation=elastic"
            )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads

    def linear_shape(self, name: str) -> tuple[int, int]:
        """Return (inputs, outputs) of the linear layer ``name``, one of ``LINEARS``."""
        if name == "ffn1":
            return self.hidden, self.ffn
        return (self.ffn, self.hidden) if name == "ffn2" else (self.hidden, self.hidden)


def bounds(bits: int, *, signed: bool) -> tuple[int, int]:
    """Return the least and greatest q of a site (table of docs/numerics.md)."""
    if not signed:
        return 0, (1 << bits) - 1
    return (-1, 1) if bits == 1 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
