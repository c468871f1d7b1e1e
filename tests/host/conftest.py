# SPDX-License-Identifier: Apache-2.0
"""A small bundle whose engine is the stand-in of fake_engine.cpp."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from batflow.hls.program import EncoderProgram
from batflow.hls.program_io import save_program
from batflow.overlays.board import load_board
from batflow.overlays.bundle import config_hash, write_bundle
from tests.hls.programs import random_program

CONFIG = {"engine": "stand-in", "clock_mhz": 250.0}


@pytest.fixture(scope="session")
def program() -> EncoderProgram:
    return random_program(3, layers=1, hidden=32, heads=2, ffn=64, max_len=24)


@pytest.fixture(scope="session")
def program_dir(program: EncoderProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program") / "program"
    save_program(program, folder)
    return folder


@pytest.fixture(scope="session")
def engine_library(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed: the stand-in engine cannot be built")
    library = tmp_path_factory.mktemp("engine") / "fake.so"
    command = [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    command += [f"-DFAKE_CONFIG_HASH=0x{config_hash(CONFIG)}ULL"]
    command += [f"-I{repository / 'hls'}", f"-I{repository / 'hls' / 'kernels'}"]
    command += [str(repository / "tests" / "host" / "fake_engine.cpp"), "-o", str(library)]
    subprocess.run(command, check=True)
    return library


@pytest.fixture(scope="session")
def bundle_dir(engine_library: Path, program_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bundle") / "bundle"
    board = load_board("emulated")
    return write_bundle(target, program_dir, engine_library, "csim", board, 250.0, CONFIG, "estimate")


@pytest.fixture
def bundle_copy(bundle_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_dir, tmp_path / "copy"))


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.delenv("FAKE_MODE", raising=False)
    yield monkeypatch
