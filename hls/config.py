# SPDX-License-Identifier: Apache-2.0
"""The accelerator configuration: what an engine is built for (maxima) and how wide (parallelism)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from batflow.errors import FormatError, InputError

from .program import MATRICES, SITES, EncoderProgram

KV_BANKS = 8
"""Rows of K or V^T that the RTL reads at once, each in a bank of its own, at most (``rtl/bat_mha.sv``)."""
STREAM_VALUES = 4
"""int16 values in one 64-bit stream beat; the hidden size is a multiple of it."""

Lanes = Annotated[int, Field(ge=1, le=256)]


def program_needs(program: EncoderProgram) -> dict[str, int]:
    """Return the least maximum of each kind that ``program`` runs on, by field name."""
    shape = program.shape
    return {
        "max_layers": shape.layers,
        "max_hidden": shape.hidden,
        "max_heads": shape.heads,
        "max_ffn": shape.ffn,
        "max_tokens": shape.max_len,
        "max_bits": max(layer.formats[site].bits for layer in program.layers for site in SITES),
        "weight_planes": max(
            1 if layer.matrices[name].kind == "binary" else 2 for layer in program.layers for name in MATRICES
        ),
    }


class AcceleratorConfig(BaseModel):
    """Sizes of one built accelerator. Every engine of that build has these, and only these.

    Maxima bound the buffers: a program fits when none of its dimensions exceeds them.
    Parallelism is counted in operations per clock cycle.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_layers: int = Field(12, ge=1, le=64, description="encoder layers")
    max_hidden: int = Field(768, ge=4, le=4096, description="hidden size d")
    max_heads: int = Field(12, ge=1, le=64, description="attention heads")
    max_head: int | None = Field(
        None, ge=1, le=4096, description="channels of one head, for the RTL's K/V buffer; null: max_hidden"
    )
    max_ffn: int = Field(3072, ge=4, le=16384, description="FFN size F")
    max_tokens: int = Field(128, ge=1, le=1024, description="tokens of a sequence")
    max_bits: int = Field(8, ge=1, le=8, description="activation bits")
    weight_planes: int = Field(2, ge=1, le=2, description="1 binary weights alone; 2 ternary and WTWS too")
    qmm_tokens: Lanes = Field(4, description="token rows in parallel in a QMM engine")
    ffn_qmm_tokens: Lanes | None = Field(None, description="the same of FFN's engine alone, to balance both")
    qmm_outputs: Lanes = Field(16, description="output columns in parallel in a QMM engine")
    qmm_simd_bits: int = Field(64, ge=8, le=512, description="bits of one dot-product unit")
    vu_lanes: Lanes = Field(8, description="values per cycle of VU, and of QU unless qu_lanes is given")
    qu_lanes: Lanes | None = Field(
        None, description="results per cycle of a QMM engine and of QU in the RTL; null: vu_lanes"
    )
    ln_lanes: Lanes = Field(8, description="values per cycle of LayerNorm")
    softmax_lanes: Lanes = Field(8, description="values per cycle of softmax")
    weight_bus_bits: int = Field(128, ge=64, le=1024, description="bits per cycle from memory")
    activation_tokens: Lanes = Field(1, description="token rows read from an activation buffer per cycle")
    result_tiles: Lanes = Field(4, description="finished tiles that wait behind a QMM engine")
    lut_table_words: int = Field(
        0, ge=0, le=4096, description="words of a table of constants in LUT memory, not block RAM, at most"
    )
    v_channels: Lanes = Field(1, description="channels of V that its transposed buffer takes per cycle")
    sequences_in_flight: int = Field(2, ge=1, le=2, description="sequences that the modules work on at once")
    memory_latency_cycles: int = Field(64, ge=1, le=4096, description="assumed read latency of memory")
    memory_bytes_per_cycle: int = Field(96, ge=1, le=4096, description="assumed memory bandwidth")
    clock_mhz: float = Field(200.0, gt=0, le=1000, description="clock in MHz")

    @field_validator("qmm_simd_bits", "weight_bus_bits")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError(f"must be a power of two, not {value}")
        return value

    @property
    def ffn_tokens(self) -> int:
        """Token rows in parallel in FFN's engine."""
        return self.ffn_qmm_tokens or self.qmm_tokens

    @property
    def result_lanes(self) -> int:
        """Results that an engine of the RTL gives per cycle, and QU takes."""
        return self.qu_lanes or self.vu_lanes

    @property
    def kv_banks(self) -> int:
        """Rows of K or V^T that the RTL reads at once: 64-bit words of a beat to the engine."""
        return min(self.result_lanes, KV_BANKS)

    @property
    def head_channels(self) -> int:
        """Channels of one head at most."""
        return min(self.max_head or self.max_hidden, self.max_hidden)

    @property
    def binary_macs_per_cycle(self) -> int:
        """Products of one bit with one bit that both arrays make in a cycle."""
        return (self.qmm_tokens + self.ffn_tokens) * self.qmm_outputs * self.qmm_simd_bits

    def canonical_json(self) -> str:
        """The config as canonical JSON (sorted keys, no spaces)."""
        return json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":"))

    def config_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of :meth:`canonical_json`.

        Read as a big-endian number they are the CONFIG_HASH register.
        """
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:16]

    def misfits(self, program: EncoderProgram) -> list[str]:
        """Why ``program`` cannot run on this config, one reason an item; empty when it can."""
        reasons = [
            f"{name} is {getattr(self, name)} and the program needs {need}"
            for name, need in program_needs(program).items()
            if need > getattr(self, name)
        ]
        hidden, head = program.shape.hidden, program.shape.hidden // program.shape.heads
        if head > self.head_channels and hidden <= self.max_hidden:
            reasons.append(f"max_head is {self.head_channels} and the program needs {head}")
        if hidden % STREAM_VALUES:
            reasons.append(f"hidden size {hidden} is not a multiple of {STREAM_VALUES}")
        return reasons

    def fits(self, program: EncoderProgram) -> bool:
        """Whether ``program`` runs on an engine of this config."""
        return not self.misfits(program)

    def require(self, program: EncoderProgram) -> None:
        """Refuse a program that does not fit.

        Raises:
            InputError: the program exceeds a maximum; the message names each.
        """
        reasons = self.misfits(program)
        if reasons:
            raise InputError(
                f"the program does not fit the accelerator config: {'; '.join(reasons)}; "
                "build a larger config"
            )


def make_config(values: dict[str, Any], origin: str = "config") -> AcceleratorConfig:
    """Validate ``values``; ``origin`` names their source in messages.

    Raises:
        InputError: an unknown name, or a value out of range; one line, with every fault.
    """
    try:
        return AcceleratorConfig.model_validate(values)
    except ValidationError as exc:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']} (given {e['input']!r})" for e in exc.errors()
        )
        allowed = ", ".join(AcceleratorConfig.model_fields)
        raise InputError(f"{origin}: {faults}. Known names: {allowed}") from exc


def load_config(path: Path) -> AcceleratorConfig:
    """Read an accelerator config from a YAML file.

    Raises:
        FormatError: the file is absent or not a YAML mapping.
        InputError: a name or value in it is wrong.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise FormatError(f"{path} cannot be read ({exc}); give an accelerator config") from exc
    except yaml.YAMLError as exc:
        raise FormatError(f"{path} is not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(values, dict):
        raise FormatError(f"{path} holds no mapping of names to values; see overlays/boards/")
    return make_config({str(k): v for k, v in values.items()}, str(path))
