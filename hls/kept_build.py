# SPDX-License-Identifier: Apache-2.0
"""Builds that need a folder of their own for as long as they are used, kept by their content.

A library that reads further files at every start cannot be copied out of its folder, as `verilator.py` does
with one that stands alone. A record beside the folder names the library.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batflow.errors import FormatError
from batflow.files import read_json, write_json

Record = dict[str, Any]
"""What is known of a build; ``library`` is its path."""


def kept_build(record: Path, build: Callable[[Path], Record], whole: Callable[[Path], bool]) -> Record:
    """Return what ``record`` holds; where that is no whole build, ``build`` makes one in a folder beside it.

    ``whole`` says of a library whether all that it reads lies in its place.
    """
    known = _known(record, whole)
    if known is None:
        record.parent.mkdir(parents=True, exist_ok=True)
        # A folder of its own: two processes may build the same content at once.
        folder = Path(tempfile.mkdtemp(prefix=f"{record.stem}-", dir=record.parent.resolve()))
        try:
            known = build(folder)
        except BaseException:
            shutil.rmtree(folder)
            raise
        write_json(record, known)
    return known


def _known(record: Path, whole: Callable[[Path], bool]) -> Record | None:
    """The record, if the library that it names still lies below its folder, whole."""
    if not record.is_file():
        return None
    try:
        known: Record = read_json(record)
        library = Path(str(known["library"]))
    except (FormatError, KeyError, TypeError):
        return None
    inside = record.parent.resolve() in library.parents
    return known if inside and library.is_file() and whole(library) else None
