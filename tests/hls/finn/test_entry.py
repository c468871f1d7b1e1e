# SPDX-License-Identifier: Apache-2.0
"""The command where finn-plus is absent, and what it refuses before FINN is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from batflow.errors import InputError, MissingToolError
from batflow.hls.finn import __main__ as command
from batflow.hls.finn import environment
from batflow.hls.program_io import save_program

from ..programs import random_program


@pytest.fixture
def program(tmp_path: Path) -> Path:
    save_program(random_program(1, layers=1, hidden=16, heads=2, ffn=16, max_len=4), tmp_path / "program")
    return tmp_path / "program"


def test_a_missing_finn_is_named_with_what_to_run(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "is_here", lambda: False)
    monkeypatch.setattr(command, "is_here", lambda: False)
    monkeypatch.setattr(environment, "ENVIRONMENT", tmp_path / "absent")
    with pytest.raises(MissingToolError, match="make finn-env"):
        environment.prepare(tmp_path / "scratch")
    assert command.main([str(program), "--out", str(tmp_path / "out")]) == 2
    assert "make finn-env" in capsys.readouterr().err


def test_another_version_of_finn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "is_here", lambda: True)
    monkeypatch.setattr(environment.importlib.metadata, "version", lambda name: "1.5.0")
    with pytest.raises(
        MissingToolError, match=r"finn-plus 1\.5\.0 is installed; .* with 1\.6\.1; .*finn-env"
    ):
        environment.prepare(tmp_path / "scratch")


def test_the_command_goes_to_the_finn_environment(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").touch()
    called: list[list[str]] = []

    def execv(path: Path, arguments: list[str]) -> None:
        called.append(arguments)
        raise InputError("replaced")

    monkeypatch.setattr(environment, "ENVIRONMENT", tmp_path / "venv")
    monkeypatch.setattr(command, "is_here", lambda: False)
    monkeypatch.setattr(command.os, "execv", execv)
    with pytest.raises(InputError, match="replaced"):
        command.main([str(program), "--out", "out"])
    assert called == [[str(folder / "python"), "-m", "batflow.hls.finn", str(program), "--out", "out"]]


def test_a_folder_without_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no program"):
        command.read_program(tmp_path)


def test_an_edited_program_is_refused(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "is_here", lambda: True)  # refused before FINN is asked for
    document = program / "program.json"
    document.write_text(document.read_text().replace('"heads": 2', '"heads": 4'))
    assert command.main([str(document.parent), "--out", str(tmp_path / "out")]) == 2
    assert "edited" in capsys.readouterr().err
