# SPDX-License-Identifier: Apache-2.0
"""Boards: part, clock, memory and addresses, each in ``boards/<name>.yaml``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from batflow.errors import FormatError, InputError

LARGEST_DIVISOR = 63
BOARDS = Path(__file__).parent / "boards"
Window = Annotated[int, Field(ge=0, lt=1 << 40, multiple_of=0x1_0000)]
"""A peripheral's base address: windows are 64 KiB."""


class Board(BaseModel):
    """A board. Resources are those of the part's data sheet; 0 where there is no part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    part: str = Field(description="part with package and speed grade, as Vivado names it")
    emulated: bool = Field(False, description="has no hardware")
    lut: int = Field(ge=0)
    ff: int = Field(ge=0)
    bram36: int = Field(ge=0, description="36 Kbit block RAMs")
    uram: int = Field(ge=0, description="288 Kbit UltraRAMs")
    dsp: int = Field(ge=0)
    clock_mhz: float = Field(gt=0, le=1000, description="default clock of the accelerator")
    pll_mhz: float = Field(gt=0, description="PLL that the clock is divided from")
    memory_bytes: int = Field(gt=0, description="DDR that buffers come from")
    memory_base: int = Field(0, ge=0)
    memory_bus_bits: int = Field(128, ge=32, le=128, description="width of the HP port")
    memory_gbytes_per_s: float = Field(19.2, gt=0, description="peak bandwidth of the memory, 1e9 bytes")
    dma_address: Window = 0xA000_0000
    accelerator_address: Window = 0xA001_0000

    @model_validator(mode="after")
    def _separate(self) -> Board:
        if self.dma_address == self.accelerator_address:
            raise ValueError("dma_address and accelerator_address are the same")
        return self

    def divide_clock(self, clock_mhz: float) -> tuple[int, float]:
        """The PLL's divisor for the fastest clock not above ``clock_mhz``, and that clock in MHz.

        Raises:
            InputError: the PLL cannot be divided so far.
        """
        divisor = math.ceil(self.pll_mhz / clock_mhz - 1e-6)
        if divisor > LARGEST_DIVISOR:
            low = self.pll_mhz / LARGEST_DIVISOR
            raise InputError(
                f"{self.name} makes clocks from {low:.1f} to {self.pll_mhz:g} MHz; {clock_mhz} is too low"
            )
        return divisor, self.pll_mhz / divisor


def board_names() -> list[str]:
    """Names of the boards that batflow knows."""
    return sorted(path.stem for path in BOARDS.glob("*.yaml"))


def load_board(name: str | Path) -> Board:
    """Read a board by its name, or from a YAML file of the user's own.

    Raises:
        InputError: no such board, or a value that is wrong.
        FormatError: the file is no YAML mapping.
    """
    own = Path(name).suffix in (".yaml", ".yml")
    path = Path(name) if own else BOARDS / f"{name}.yaml"
    if not path.is_file():
        raise InputError(
            f"board {str(name)!r} is unknown; known: {', '.join(board_names())}, or a .yaml file"
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise FormatError(f"{path} holds no mapping of names to values; copy one of overlays/boards/")
        return Board.model_validate(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise FormatError(f"{path} is no readable YAML: {' '.join(str(exc).split())}") from exc
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'board'}: {e['msg']}" for e in exc.errors())
        raise InputError(f"{path}: {faults}; allowed names: {', '.join(Board.model_fields)}") from exc
