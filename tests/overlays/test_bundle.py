# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batflow.errors import FormatError, InputError
from batflow.files import sha256_file
from batflow.hls.config import AcceleratorConfig
from batflow.hls.program_io import save_program
from batflow.host import bundle as host_bundle
from batflow.overlays.board import load_board
from batflow.overlays.bundle import CYCLES_SOURCES, config_hash, pack_bundle, write_bundle
from tests.hls.programs import random_program

CONFIG = AcceleratorConfig().model_dump(mode="json")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("inputs")
    save_program(random_program(2, layers=1, hidden=32, heads=2, ffn=32, max_len=8), folder / "program")
    (folder / "engine.so").write_bytes(b"\x7fELF engine")
    return {
        "program_dir": folder / "program",
        "bitstream": folder / "engine.so",
        "kind": "csim",
        "board": load_board("emulated"),
        "clock_mhz": 200.0,
        "config": CONFIG,
        "cycles_source": "estimate",
    }


def test_manifest_lists_every_file(inputs: dict[str, Any], tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", **inputs)
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert all(sha256_file(folder / name) == digest for name, digest in manifest["files"].items())
    assert manifest["clock_mhz"] == 187.5
    assert manifest["config_hash"] == AcceleratorConfig().config_hash()
    assert manifest["program_hash"] == json.loads((folder / "program/program.json").read_text())["hash"]
    with host_bundle.open_bundle(folder) as opened:
        assert opened.manifest.kind == "csim"


def test_writer_and_reader_agree(inputs: dict[str, Any]) -> None:
    assert host_bundle.KINDS == CYCLES_SOURCES
    assert host_bundle.json_hash(CONFIG)[:16] == config_hash(CONFIG)


def test_again_and_packed_are_the_same_bytes(inputs: dict[str, Any], tmp_path: Path) -> None:
    archives = [
        pack_bundle(write_bundle(tmp_path / name, **inputs), tmp_path / f"{name}.zip").read_bytes()
        for name in ("a", "b", "a")
    ]
    assert archives[0] == archives[1] == archives[2]


def test_board_bundle(inputs: dict[str, Any], tmp_path: Path) -> None:
    bit = tmp_path / "x.bit"
    bit.write_bytes(b"\0\x09\x0f\xf0")
    given = inputs | {"kind": "board", "cycles_source": "board", "board": load_board("kv260")}
    folder = write_bundle(tmp_path / "bundle", **given | {"bitstream": bit})
    assert b"xck26" in (folder / "batflow.hwh").read_bytes()
    with pytest.raises(FormatError, match="is not a bitstream"):
        write_bundle(tmp_path / "other", **given)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"kind": "vitis"}, InputError, "kind 'vitis' is unknown"),
        ({"cycles_source": "cosim"}, InputError, "come from 'estimate'"),
        ({"board": load_board("kv260")}, InputError, "does not fit board 'kv260'"),
        ({"clock_mhz": 0.0}, InputError, r"0\.0 MHz"),
        ({"clock_mhz": 5.0}, InputError, "makes clocks"),
        ({"clock_mhz": float("nan")}, InputError, "nan MHz"),
        ({"bitstream": Path("none.so")}, FormatError, "cannot be read"),
        ({"program_dir": Path("none")}, FormatError, "does not exist"),
    ],
)
def test_bad_input_leaves_the_old_bundle(
    inputs: dict[str, Any], tmp_path: Path, change: dict[str, Any], error: type[Exception], text: str
) -> None:
    target = write_bundle(tmp_path / "bundle", **inputs)
    before = sha256_file(target / "manifest.json")
    with pytest.raises(error, match=text):
        write_bundle(target, **inputs | change)
    assert sha256_file(target / "manifest.json") == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_bitstream_of_the_wrong_kind(inputs: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "x.bit").write_bytes(b"bit")
    with pytest.raises(FormatError, match="is not a shared library"):
        write_bundle(tmp_path / "b", **inputs | {"bitstream": tmp_path / "x.bit"})


def test_packing_what_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no bundle"):
        pack_bundle(tmp_path, tmp_path / "b.zip")
    assert not list(tmp_path.iterdir())
