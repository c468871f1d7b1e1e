# SPDX-License-Identifier: Apache-2.0
"""Writing files so that an interrupted or failed write leaves nothing half-written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import FormatError, UserError


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` on success.

    The temporary may be written as a file or made into a folder. On any error it is removed,
    so ``target`` keeps its old content.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as exc:
        raise UserError(
            f"cannot write {target}: {exc.strerror}; free space or choose another folder"
        ) from exc
    temporary = scratch / target.name
    try:
        yield temporary
        if target.is_dir() and temporary.is_dir():
            shutil.rmtree(target)
        temporary.replace(target)
    except OSError as exc:
        raise UserError(
            f"cannot write {target}: {exc.strerror or exc}; free space or choose another folder"
        ) from exc
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write ``data`` to ``target`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_json(target: Path, value: Any) -> None:
    """Write ``value`` as indented JSON to ``target`` atomically."""
    write_bytes(target, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FormatError: the file is absent, truncated or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise FormatError(f"{path} does not exist; run the step that writes it") from exc
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as exc:
        raise FormatError(f"{path} is not readable JSON ({exc}); write it again with its step") from exc


def cache_folder() -> Path:
    """Where downloads and built engines are kept: ``$BATFLOW_CACHE``, or ``~/.cache/batflow``."""
    return Path(os.environ.get("BATFLOW_CACHE") or "~/.cache/batflow").expanduser()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
