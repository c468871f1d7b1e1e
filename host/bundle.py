# SPDX-License-Identifier: Apache-2.0
"""Opening a bundle: a folder or zip with all that an inference needs (docs/contracts.md)."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from batflow.errors import FormatError
from batflow.files import read_json, sha256_file

from .program import HostProgram, load_program
from .registers import RegisterTable, load_registers

FORMAT = 1
MANIFEST = "manifest.json"
HWH = "batflow.hwh"
BIT = "batflow.bit"
REGISTERS = "registers.json"
PROGRAM = "program"
KINDS = {"csim": "estimate", "cosim": "cosim", "board": "board"}
"""Bundle kinds and the source that their cycle counters must name."""
REQUIRED = (
    HWH,
    BIT,
    REGISTERS,
    *(f"{PROGRAM}/{name}" for name in ("program.json", "arrays.npz", "image.bin", "vocab.txt")),
)
_REMEDY = "make the bundle again with `batflow build` or copy it anew"


@dataclass(frozen=True)
class Manifest:
    """The facts of manifest.json; ``clock_mhz`` is the clock that the bundle was built for."""

    kind: str
    cycles_source: str
    clock_mhz: float
    config: dict[str, Any]
    config_hash: str
    program_hash: str
    files: dict[str, str]


@dataclass
class Bundle:
    """An open, verified bundle; close it (or leave its ``with``) to drop a zip's unpacked copy."""

    source: Path
    folder: Path
    manifest: Manifest
    program: HostProgram
    registers: RegisterTable
    _scratch: Path | None = field(default=None, repr=False)

    @property
    def bitfile(self) -> Path:
        """The bitstream, or the shared library that stands for it."""
        return self.folder / BIT

    def close(self) -> None:
        """Remove the unpacked copy of a zip; harmless when called again."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def json_hash(value: object) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def open_bundle(path: Path | str) -> Bundle:
    """Open a bundle folder or zip and verify format, every file's hash and the program's hash.

    Raises:
        FormatError: anything missing, truncated, edited, or of another version.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path, path, None)
    if not path.is_file():
        raise FormatError(f"{path} does not exist; give a bundle folder or a bundle zip")
    scratch = Path(tempfile.mkdtemp(prefix="batflow-bundle-"))
    try:
        _unpack(path, scratch)
        return _open_folder(path, scratch, scratch)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                _check_name(path, name)
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as exc:
        raise FormatError(f"{path} is no whole zip ({exc}); {_REMEDY}") from exc


def _check_name(source: Path, name: object) -> str:
    """Refuse names that would leave the bundle's folder."""
    parts = PurePosixPath(str(name)).parts
    if not isinstance(name, str) or not parts or ".." in parts or parts[0] == "/" or "\\" in name:
        raise FormatError(f"{source}: unsafe file name {name!r}; {_REMEDY}")
    return name


def _open_folder(source: Path, folder: Path, scratch: Path | None) -> Bundle:
    manifest = _read_manifest(source, folder)
    _verify_files(source, folder, manifest)
    program = load_program(folder / PROGRAM)
    if program.hash != manifest.program_hash:
        raise FormatError(
            f"{source}: the manifest names program {manifest.program_hash[:16]}, "
            f"the folder holds {program.hash[:16]}; {_REMEDY}"
        )
    return Bundle(source, folder, manifest, program, load_registers(folder / REGISTERS), scratch)


def _read_manifest(source: Path, folder: Path) -> Manifest:
    document = read_json(folder / MANIFEST)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise FormatError(f"{source}: bundle format {found}; this batflow reads {FORMAT}; {_REMEDY}")
    digest = document.pop("hash", None)
    if json_hash(document) != digest:
        raise FormatError(f"{source}: {MANIFEST} was edited: its hash does not fit; {_REMEDY}")
    try:
        manifest = Manifest(
            kind=str(document["kind"]),
            cycles_source=str(document["cycles_source"]),
            clock_mhz=float(document["clock_mhz"]),
            config=dict(document["config"]),
            config_hash=str(document["config_hash"]),
            program_hash=str(document["program_hash"]),
            files={_check_name(source, name): str(digest) for name, digest in document["files"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise FormatError(f"{source}: incomplete manifest ({exc!r}); {_REMEDY}") from exc
    if KINDS.get(manifest.kind) != manifest.cycles_source or not manifest.clock_mhz > 0:
        raise FormatError(
            f"{source}: kind {manifest.kind!r} with cycles from {manifest.cycles_source!r} at "
            f"{manifest.clock_mhz} MHz is no bundle; known: {KINDS}; {_REMEDY}"
        )
    if json_hash(manifest.config)[:16] != manifest.config_hash:
        raise FormatError(f"{source}: config_hash is not the hash of config; {_REMEDY}")
    return manifest


def _verify_files(source: Path, folder: Path, manifest: Manifest) -> None:
    missing = [name for name in REQUIRED if name not in manifest.files]
    if missing:
        raise FormatError(f"{source}: the manifest does not list {', '.join(missing)}; {_REMEDY}")
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise FormatError(f"{source}: {name} is missing; {_REMEDY}")
        found = sha256_file(path)
        if found != expected:
            raise FormatError(
                f"{source}: {name} has SHA-256 {found[:16]}.., the manifest says {expected[:16]}..; {_REMEDY}"
            )
