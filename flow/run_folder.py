# SPDX-License-Identifier: Apache-2.0
"""The run folder ``runs/<name>/``: its settings, its artefacts, and which steps are done."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from batflow.errors import FormatError, InputError
from batflow.files import read_json, sha256_file, write_json

from .settings import RunConfig

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FORMAT = 1
EngineKind = Literal["csim", "cosim"]
BUNDLES: dict[EngineKind, str] = {"csim": "bundle", "cosim": "bundle-cosim"}
"""Folder of each engine's bundle; the steps after build use that of csim."""


def hash_path(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files with their names; "" when absent."""
    if path.is_file():
        return sha256_file(path)
    if not path.is_dir():
        return ""
    digest = hashlib.sha256()
    for item in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{item.relative_to(path).as_posix()}\0{sha256_file(item)}\n".encode())
    return digest.hexdigest()


@dataclass
class RunFolder:
    """One run: ``path`` is its folder, ``config`` its settings, ``done`` its finished steps."""

    path: Path
    config: RunConfig
    done: dict[str, dict[str, Any]]

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    def artefact(self, name: str) -> Path:
        """Return the path of the artefact called ``name`` in docs/contracts.md."""
        return self.path / name

    def need(self, name: str, step: str) -> Path:
        """Return the path of an artefact that must exist; ``step`` is the one that writes it.

        Raises:
            InputError: it does not exist.
        """
        path = self.artefact(name)
        if not path.exists():
            raise InputError(f"{path} does not exist; run `batflow {step} {self.name}` first")
        return path

    def need_bundle(self, kind: EngineKind) -> Path:
        """Return the folder of an engine's bundle.

        Raises:
            InputError: it has not been built.
        """
        path = self.artefact(BUNDLES[kind])
        if not path.exists():
            option = "" if kind == "csim" else f" --engine {kind}"
            raise InputError(f"{path} does not exist; run `batflow build {self.name}{option}` first")
        return path

    def save(self) -> None:
        """Write ``run.json``."""
        content = {"format": FORMAT, "config": self.config.model_dump(mode="json"), "steps": self.done}
        write_json(self.path / "run.json", content)


def check_name(name: str) -> str:
    """Return ``name`` if a run may be called so.

    Raises:
        InputError: it holds other characters than letters, digits, dot, dash and underscore.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"run name {name!r} is not usable; take letters, digits, '.', '-' and '_'")
    return name


def open_run(runs: Path, name: str) -> RunFolder:
    """Open the existing run ``name`` under the folder ``runs``.

    Raises:
        InputError: there is no such run.
        FormatError: its run.json is corrupt or of another version.
    """
    path = Path(runs) / check_name(name)
    if not (path / "run.json").is_file():
        known = sorted(p.parent.name for p in Path(runs).glob("*/run.json"))
        have = f"known runs: {', '.join(known)}" if known else "there are no runs yet"
        raise InputError(f"no run {name!r} in {runs} ({have}); make one with `batflow train {name}`")
    content = read_json(path / "run.json")
    try:
        if content["format"] != FORMAT:
            raise FormatError(
                f"{path / 'run.json'} has format {content['format']}, this batflow reads {FORMAT}; "
                "start a new run"
            )
        steps = {str(step): dict(record) for step, record in content["steps"].items()}
        return RunFolder(path, RunConfig.create(content["config"], origin=str(path / "run.json")), steps)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise FormatError(f"{path / 'run.json'} is not a run record ({exc}); start a new run") from exc


def start_run(runs: Path, name: str, config: RunConfig) -> RunFolder:
    """Open the run ``name`` with the settings ``config``, keeping what it has done, or make it."""
    path = Path(runs) / check_name(name)
    done = open_run(runs, name).done if (path / "run.json").is_file() else {}
    run = RunFolder(path, config, done)
    run.save()
    return run
