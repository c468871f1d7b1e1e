# SPDX-License-Identifier: Apache-2.0
"""hls/rtl_compiler.py: which compiler is taken, what it is told, and for which processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from batflow.errors import MissingToolError
from batflow.hls import rtl_compiler
from batflow.hls.rtl_compiler import find_rtl_compiler, processor_flags

ANSWERS = {"g++": "g++ (Debian 12.2.0-14) 12.2.0", "clang++": "Debian clang version 14.0.6"}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path


def install(folder: Path, name: str) -> str:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{ANSWERS[name]}'\necho more\n")
    program.chmod(0o755)
    return str(program)


def test_clang_is_taken_before_gcc_and_cxx_before_both(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingToolError, match=r"building it needs clang\+\+ or g\+\+; install g\+\+ or cl"):
        find_rtl_compiler("it")
    gcc = install(path, "g++")
    assert find_rtl_compiler("it") == rtl_compiler.RtlCompiler(gcc, ANSWERS["g++"])
    clang = install(path, "clang++")
    assert find_rtl_compiler("it") == rtl_compiler.RtlCompiler(clang, ANSWERS["clang++"])
    monkeypatch.setenv("CXX", "g++")
    assert find_rtl_compiler("it").program == gcc
    monkeypatch.setenv("CXX", "g++-99")
    with pytest.raises(MissingToolError, match=r"needs g\+\+-99"):
        find_rtl_compiler("it")


def test_the_makefile_is_told_of_clang(path: Path) -> None:
    flags = {name: rtl_compiler.RtlCompiler(name, answer).make_flags for name, answer in ANSWERS.items()}
    assert all(f"CXX={name} LINK={name}" in text and "OPT_FAST=-O2" in text for name, text in flags.items())
    assert "-include-pch" in flags["clang++"] and "-include-pch" not in flags["g++"]


def test_newer_instructions_are_for_processors_that_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr(rtl_compiler, "CPUINFO", told)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    newer = "-mpopcnt -mavx2 -mbmi -mbmi2 -mlzcnt -mmovbe"
    for flags, wanted in (
        ("fpu sse4_2 popcnt movbe avx avx2 bmi1 bmi2 abm", newer),
        ("fpu sse4_2 popcnt movbe avx bmi1 bmi2 abm", "-mpopcnt"),
    ):
        told.write_text(f"processor : 0\nflags\t\t: {flags}\n")
        assert processor_flags(portable=False) == wanted
        assert processor_flags(portable=True) == "-mpopcnt"
    told.unlink()
    assert processor_flags(portable=False) == "-mpopcnt"
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert processor_flags(portable=False) == ""
