# SPDX-License-Identifier: Apache-2.0
"""Writing a bundle: program, bitstream, handoff and register map in one folder or zip.

``host/bundle.py`` opens it; the format is in docs/contracts.md.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from batflow.errors import FormatError, InputError
from batflow.files import atomic_path, sha256_file, write_json
from batflow.hls.program_io import load_program, program_hash
from batflow.hls.registers.forms import registers_json

from .board import Board
from .hwh import build_hwh

FORMAT = 1
CYCLES_SOURCES = {"csim": "estimate", "cosim": "cosim", "board": "board"}
"""Bundle kinds and what their cycle counters are."""
PROGRAM_FILES = ("program.json", "arrays.npz", "image.bin", "vocab.txt")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def json_hash(value: object) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def config_hash(config: dict[str, Any]) -> str:
    """The first 16 digits of a config's hash, as the CONFIG_HASH register holds them."""
    return json_hash(config)[:16]


def _check(kind: str, board: Board, cycles_source: str, bitstream: Path) -> None:
    if kind not in CYCLES_SOURCES:
        raise InputError(f"bundle kind {kind!r} is unknown; choose one of {', '.join(CYCLES_SOURCES)}")
    if cycles_source != CYCLES_SOURCES[kind]:
        raise InputError(
            f"cycles of a {kind} bundle come from {CYCLES_SOURCES[kind]!r}, not {cycles_source!r}"
        )
    if board.emulated != (kind != "board"):
        raise InputError(f"a {kind} bundle does not fit board {board.name!r}; choose another board or kind")
    try:
        with bitstream.open("rb") as handle:
            magic = handle.read(4)
    except OSError as exc:
        raise FormatError(f"{bitstream} cannot be read ({exc.strerror}); build the engine first") from exc
    if (magic == b"\x7fELF") != (kind != "board"):
        wanted = "a bitstream" if kind == "board" else "a shared library"
        raise FormatError(f"{bitstream} is not {wanted}, which a {kind} bundle needs")


def write_bundle(
    target: Path,
    program_dir: Path,
    bitstream: Path,
    kind: str,
    board: Board,
    clock_mhz: float,
    config: dict[str, Any],
    cycles_source: str,
) -> Path:
    """Write the bundle folder ``target`` atomically and return it.

    ``kind`` csim, cosim or board; ``clock_mhz`` the accelerator's clock, which the manifest lowers
    to what the board's PLL divides to; ``config`` the engine's configuration as JSON values;
    ``cycles_source`` estimate, cosim or board, as ``kind`` demands.

    Raises:
        InputError: kind, board and source do not fit one another, or the clock is not positive.
        FormatError: the program or the bitstream is missing or wrong.
    """
    target, program_dir, bitstream = Path(target), Path(program_dir), Path(bitstream)
    _check(kind, board, cycles_source, bitstream)
    if not 0 < clock_mhz <= 1000:
        raise InputError(f"clock of {clock_mhz} MHz; give one above 0, up to 1000")
    digest = program_hash(load_program(program_dir))
    with atomic_path(target) as folder:
        (folder / "program").mkdir(parents=True)
        for name in PROGRAM_FILES:
            shutil.copyfile(program_dir / name, folder / "program" / name)
        shutil.copyfile(bitstream, folder / "batflow.bit")
        (folder / "batflow.hwh").write_bytes(build_hwh(board, clock_mhz))
        write_json(folder / "registers.json", registers_json())
        manifest = {
            "format": FORMAT,
            "kind": kind,
            "cycles_source": cycles_source,
            "board": board.name,
            "clock_mhz": board.divide_clock(clock_mhz)[1],
            "config": config,
            "config_hash": config_hash(config),
            "program_hash": digest,
            "files": _digests(folder),
        }
        write_json(folder / "manifest.json", manifest | {"hash": json_hash(manifest)})
    return target


def _digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in paths}


def pack_bundle(folder: Path, archive: Path) -> Path:
    """Pack a bundle folder into the zip ``archive`` atomically; equal folders give equal bytes.

    Raises:
        FormatError: ``folder`` holds no manifest.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        raise FormatError(f"{folder} is no bundle: manifest.json is missing; build the bundle first")
    with atomic_path(Path(archive)) as temporary, zipfile.ZipFile(temporary, "w") as output:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                output.writestr(entry, path.read_bytes())
    return Path(archive)
