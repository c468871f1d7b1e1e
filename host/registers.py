# SPDX-License-Identifier: Apache-2.0
"""Named access to the accelerator's registers, from a bundle's ``registers.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from batflow.errors import FormatError
from batflow.files import read_json

FORMAT = 1
_REQUIRED = (
    "CTRL",
    "PROGRAM_ADDR",
    "PROGRAM_HASH",
    "BATCH",
    "SOFT_RESET",
    "VERSION",
    "CONFIG_HASH",
    "ERROR",
    "CYCLES_TOTAL",
    "SATURATIONS",
)


class Bus(Protocol):
    """What register access needs of a ``pynq.MMIO``."""

    def read(self, offset: int = 0) -> int:
        """Read 32 bits at a byte offset."""
        ...

    def write(self, offset: int, value: int) -> None:
        """Write 32 bits at a byte offset."""
        ...


@dataclass(frozen=True)
class RegisterInfo:
    """Byte ``offset``, ``words`` of 32 bits (low word first), ``access`` rw or ro."""

    name: str
    offset: int
    words: int
    access: str


@dataclass(frozen=True)
class RegisterTable:
    """The register map: version, registers by name, error codes with name and advice."""

    version: int
    registers: dict[str, RegisterInfo]
    errors: dict[int, tuple[str, str]]

    def error(self, code: int) -> tuple[str, str]:
        """Name and advice of an ERROR code."""
        return self.errors.get(code, (f"CODE_{code}", "the register map does not know this code"))


def load_registers(path: Path) -> RegisterTable:
    """Read ``registers.json``.

    Raises:
        FormatError: missing, corrupt, of another format, or without a register the host needs.
    """
    document = read_json(path)
    try:
        if document["format"] != FORMAT:
            raise FormatError(f"{path}: format {document['format']}; this batflow reads {FORMAT}")
        table = RegisterTable(
            int(document["version"]),
            {entry["name"]: _info(entry) for entry in document["registers"]},
            {int(code): (e["name"], e["advice"]) for code, e in document["errors"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise FormatError(f"{path} is no register map ({exc!r}); make the bundle again") from exc
    missing = [name for name in _REQUIRED if name not in table.registers]
    if missing:
        raise FormatError(f"{path} lacks {', '.join(missing)}; make the bundle again")
    return table


def _info(entry: dict[str, Any]) -> RegisterInfo:
    return RegisterInfo(entry["name"], int(entry["offset"]), int(entry["words"]), entry["access"])


class Registers:
    """Read and write registers by name over a bus."""

    def __init__(self, table: RegisterTable, bus: Bus) -> None:
        self.table = table
        self._bus = bus

    def read(self, name: str) -> int:
        """Value of a register of one or two words; reading CTRL clears AP_DONE."""
        info = self.table.registers[name]
        # The high word twice around the low one: a counter may carry between the two reads.
        if info.words == 2:
            high = self._bus.read(info.offset + 4)
            low = self._bus.read(info.offset)
            again = self._bus.read(info.offset + 4)
            if again != high:
                low, high = self._bus.read(info.offset), again
            return high << 32 | low
        return self._bus.read(info.offset)

    def write(self, name: str, value: int) -> None:
        """Write a register of one or two words, low word first."""
        info = self.table.registers[name]
        for word in range(info.words):
            self._bus.write(info.offset + 4 * word, value >> 32 * word & 0xFFFFFFFF)

    def snapshot(self) -> dict[str, int]:
        """Every register's value by name."""
        return {name: self.read(name) for name in self.table.registers}
