# SPDX-License-Identifier: Apache-2.0
"""Atomic writes: whole or not at all, whatever goes wrong between."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from batflow.errors import FormatError, UserError
from batflow.files import atomic_path, cache_folder, read_json, sha256_file, write_bytes, write_json


def test_write_replaces_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.bin"
    write_bytes(target, b"one")
    write_bytes(target, b"two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]


def test_folder_replaces_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for name in ("old", "new"):
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [path.name for path in target.iterdir()] == ["new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_content(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "file.bin"
    write_bytes(target, b"old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_a_full_disk_is_a_user_error(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    with pytest.raises(UserError, match="No space") as caught, atomic_path(target):
        raise OSError(28, os.strerror(28))
    assert str(caught.value).startswith(f"cannot write {target}: ") and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_folder_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "way").write_text("a file")
    with pytest.raises(UserError, match="cannot write"):
        write_bytes(tmp_path / "way" / "file.bin", b"x")


def test_json_round_trip_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"b": [1, 2], "a": None})
    assert read_json(path) == {"a": None, "b": [1, 2]}
    assert path.read_text() == json.dumps({"a": None, "b": [1, 2]}, indent=2) + "\n"
    for damage in (b"{", b"\xff\xfe", b""):
        path.write_bytes(damage)
        with pytest.raises(FormatError, match=r"value\.json"):
            read_json(path)
    with pytest.raises(FormatError, match="does not exist"):
        read_json(tmp_path / "none.json")


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_file(tmp_path / "empty").startswith("e3b0c44298fc1c14")


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATFLOW_CACHE", "somewhere")
    assert cache_folder() == Path("somewhere")
    monkeypatch.setenv("BATFLOW_CACHE", "")
    assert cache_folder() == Path.home() / ".cache" / "batflow"
