# SPDX-License-Identifier: Apache-2.0
"""What the projects for AMD's tools share: parts, names of an IP, folders, Tcl words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from batflow.errors import InputError

from .config import AcceleratorConfig

FAMILIES = ("xc7", "xcku", "xcvu", "xcau", "xcsu", "xczu", "xck", "xcu", "xcv", "xa", "xq")
# Device, package, speed grade and what may follow it; 7-series names may join device and package.
_PART = re.compile(
    r"(x\w+-[a-z]{2,4}\d{2,4}|x\w7[a-z]{1,2}\d+[a-z]*[a-z]{3}\d{3,4})(-\w+){1,3}", re.IGNORECASE
)


class ProjectTarget(Protocol):
    """What every tool's target says."""

    @property
    def board(self) -> str:
        """Name of the board, empty where a part was given."""

    @property
    def part(self) -> str:
        """The part."""

    @property
    def clock_mhz(self) -> float:
        """The clock to build for."""


def check_part(part: str, board: str) -> None:
    """Refuse a part that cannot be one of AMD's by its form; whether the tool has it, the tool says.

    ``board`` is the board that the part comes from, empty where the part was given.

    Raises:
        InputError: the board has no part, or the part has another form.
    """
    if board and "-" not in part:
        raise InputError(
            f"board {board!r} has no part to build for (it says {part!r}); "
            "choose a board with hardware, or give a .yaml file with its part"
        )
    if not part.lower().startswith(FAMILIES) or not _PART.fullmatch(part):
        raise InputError(
            f"part {part!r} is unknown; write device-package-speed of an AMD device "
            f"({', '.join(FAMILIES)}...), such as xczu9eg-ffvb1156-2-e, or name a board"
        )


def check_vlnv(vlnv: str, name: str) -> None:
    """Refuse what is not vendor:library:``name``:version.

    Raises:
        InputError: it is not.
    """
    parts = vlnv.split(":")
    if len(parts) != 4 or parts[2] != name or not all(parts):
        raise InputError(f"vlnv {vlnv!r} is wrong; write vendor:library:{name}:version")


def check_folder(folder: Path, mark: str, tool: str) -> None:
    """Refuse a folder that a project may not replace; ``mark`` is the file that a project of ``tool`` has.

    Raises:
        InputError: something else is there.
    """
    if folder.exists() and not (folder / mark).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise InputError(f"{folder} is there and is no {tool} project of batflow; choose another folder")


def project_mark(
    note: str, top: str, target: ProjectTarget, parameters: Mapping[str, object], config: AcceleratorConfig
) -> dict[str, object]:
    """What a project's mark holds whatever the tool: what was built, for which part."""
    return {
        "note": note,
        "top": top,
        "board": target.board,
        "part": target.part,
        "clock_mhz": target.clock_mhz,
        "parameters": dict(parameters),
        "config": config.model_dump(),
        "config_hash": config.config_hash(),
    }


def tcl_word(value: object) -> str:
    """``value`` as one Tcl word; lists and mappings as Tcl lists (a mapping: names and values in turn)."""
    if isinstance(value, Mapping):
        return tcl_word([item for pair in value.items() for item in pair])
    if isinstance(value, (list, tuple)):
        return "{" + " ".join(tcl_word(item) for item in value) + "}"
    text = str(value)
    for special in '\\{}"$[];# \t\n':
        text = text.replace(special, "\\n" if special == "\n" else "\\" + special)
    return text or "{}"


def file_header(mark: str, note: str) -> str:
    """The lines that a generated file begins with; ``mark`` starts a comment."""
    return f"{mark} SPDX-License-Identifier: Apache-2.0\n{mark} {note}\n{mark} Generated; do not edit.\n"
