# SPDX-License-Identifier: Apache-2.0
"""Every defect of a bundle or its program is one clear FormatError, and leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batflow.errors import FormatError
from batflow.files import sha256_file
from batflow.host import bundle as module
from batflow.host.bundle import BIT, HWH, REQUIRED, json_hash, open_bundle
from batflow.host.program import load_program
from batflow.overlays.bundle import pack_bundle

Edit = Callable[[dict[str, Any]], object]


def edit_manifest(folder: Path, edit: Edit, sign: bool = True) -> None:
    """Change the manifest; a signed change carries a hash that fits, so that later checks see it."""
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    edit(document)
    if sign:
        document.pop("hash", None)
        document["hash"] = json_hash(document)
    path.write_text(json.dumps(document))


def rehash(folder: Path, name: str) -> None:
    """Make the manifest agree with a file that was changed, so that the next check must see it."""
    edit_manifest(folder, lambda m: m["files"].update({name: sha256_file(folder / name)}))


def test_folder_and_zip_open_alike(bundle_dir: Path, tmp_path: Path) -> None:
    archive = pack_bundle(bundle_dir, tmp_path / "b.zip")
    with open_bundle(bundle_dir) as folder, open_bundle(archive) as packed:
        assert folder.manifest == packed.manifest
        assert folder.program.hash == packed.program.hash == folder.manifest.program_hash
        assert packed.folder != bundle_dir
        assert packed.bitfile.read_bytes() == (bundle_dir / BIT).read_bytes()
        unpacked = packed.folder
    assert not unpacked.exists()
    packed.close()
    assert (bundle_dir / HWH).is_file()


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("defect", ["missing", "truncated", "flipped", "unlisted"])
def test_each_file_is_guarded(bundle_copy: Path, name: str, defect: str) -> None:
    path = bundle_copy / name
    data = path.read_bytes()
    if defect == "missing":
        path.unlink()
    elif defect == "truncated":
        path.write_bytes(data[:-1])
    elif defect == "flipped":
        path.write_bytes(data[:9] + bytes([data[9] ^ 1]) + data[10:])
    else:
        edit_manifest(bundle_copy, lambda m: m["files"].pop(name))
    with pytest.raises(FormatError, match=name):
        open_bundle(bundle_copy)


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda m: m.update(format=2), "format 2"),
        (lambda m: m.pop("format"), "format None"),
        (lambda m: m.pop("kind"), "kind"),
        (lambda m: m.update(kind="board"), "board"),
        (lambda m: m.update(kind="vitis"), "vitis"),
        (lambda m: m.update(cycles_source="cosim"), "cosim"),
        (lambda m: m.update(clock_mhz=0), "0.0 MHz"),
        (lambda m: m.update(clock_mhz="fast"), "incomplete manifest"),
        (lambda m: m.update(clock_mhz=float("nan")), "nan"),
        (lambda m: m["config"].update(clock_mhz=1.0), "config_hash is not"),
        (lambda m: m.update(config=3), "incomplete manifest"),
        (lambda m: m.update(program_hash="0" * 64), "the manifest names program"),
        (lambda m: m.update(files=[]), "incomplete manifest"),
        (lambda m: m["files"].update({"../x": "0"}), "unsafe"),
        (lambda m: m["files"].update({"/etc/passwd": "0"}), "unsafe"),
        (lambda m: m["files"].update({"more.txt": "0"}), r"more\.txt is missing"),
    ],
)
def test_wrong_manifest(bundle_copy: Path, edit: Edit, text: str) -> None:
    edit_manifest(bundle_copy, edit)
    with pytest.raises(FormatError, match=text):
        open_bundle(bundle_copy)


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.update(clock_mhz=400.0),
        lambda m: m.update(board="kv260"),
        lambda m: m.update(note="mine"),
        lambda m: m.pop("hash"),
        lambda m: m.update(hash="0" * 64),
        lambda m: m["files"].update({"more.txt": "0"}),
    ],
)
def test_hand_edited_manifest(bundle_copy: Path, edit: Edit) -> None:
    edit_manifest(bundle_copy, edit, sign=False)
    with pytest.raises(FormatError, match=r"manifest\.json was edited"):
        open_bundle(bundle_copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "\xff\xfe"])
def test_manifest_that_is_none(bundle_copy: Path, text: str) -> None:
    (bundle_copy / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(FormatError):
        open_bundle(bundle_copy)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not exist"):
        open_bundle(tmp_path / "none")
    with pytest.raises(FormatError, match=r"manifest\.json"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 0.3, 0.9, -1])
def test_truncated_zip_leaves_no_copy(
    bundle_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: float
) -> None:
    archive = pack_bundle(bundle_dir, tmp_path / "b.zip")
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * keep) if 0 < keep < 1 else int(keep)])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(scratch))
    with pytest.raises(FormatError, match="no whole zip"):
        open_bundle(archive)
    assert not list(scratch.iterdir())


def test_zip_with_a_flipped_bit(bundle_dir: Path, tmp_path: Path) -> None:
    archive = pack_bundle(bundle_dir, tmp_path / "b.zip")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 4
    archive.write_bytes(data)
    with pytest.raises(FormatError):
        open_bundle(archive)


def test_zip_that_climbs_out(tmp_path: Path) -> None:
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w") as output:
        output.writestr("../escaped.txt", "x")
    with pytest.raises(FormatError, match="unsafe"):
        open_bundle(archive)
    assert not (tmp_path / "escaped.txt").exists()


def test_register_map_defects(bundle_copy: Path) -> None:
    path = bundle_copy / "registers.json"
    good = json.loads(path.read_text())
    for change, text in [
        ({"format": 9}, "format 9"),
        ({"registers": []}, "lacks CTRL"),
        ({"registers": 3}, "no register map"),
        ({"errors": None}, "no register map"),
    ]:
        path.write_text(json.dumps(good | change))
        rehash(bundle_copy, "registers.json")
        with pytest.raises(FormatError, match=text):
            open_bundle(bundle_copy)


def edit_program(folder: Path, edit: Edit) -> None:
    path = folder / "program.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda d: d.update(version=2), "version"),
        (lambda d: d.update(numerics=0), "numerics"),
        (lambda d: d.update(pooling="cls"), "edited"),
        (lambda d: d.update(hash="0" * 64), "edited"),
        (lambda d: d.pop("hash"), "edited"),
        (lambda d: d["labels"].reverse(), "edited"),
    ],
)
def test_edited_program(program_dir: Path, tmp_path: Path, edit: Edit, text: str) -> None:
    folder = Path(shutil.copytree(program_dir, tmp_path / "p"))
    edit_program(folder, edit)
    with pytest.raises(FormatError, match=text):
        load_program(folder)


def test_program_file_defects(program_dir: Path, tmp_path: Path) -> None:
    cases: list[tuple[str, Callable[[bytes], bytes], str]] = [
        ("vocab.txt", lambda b: b.replace(b"w7", b"W7"), "vocabulary"),
        ("image.bin", lambda b: b[:100], "truncated"),
        ("image.bin", lambda b: b[:-64], "not this program's image"),
        ("image.bin", lambda b: b"X" + b[1:], "not this program's image"),
        ("image.bin", lambda b: b[:16] + b"\0" * 8 + b[24:], "not this program's image"),
        ("arrays.npz", lambda b: b[: len(b) // 2], "corrupt"),
        ("arrays.npz", lambda b: b"", "corrupt"),
        ("arrays.npz", lambda b: b[:300] + bytes(x ^ 0x55 for x in b[300:320]) + b[320:], "corrupt"),
        ("program.json", lambda b: b[:50], "JSON"),
        ("program.json", lambda b: b"[1]", "no object"),
    ]
    for index, (name, change, text) in enumerate(cases):
        folder = Path(shutil.copytree(program_dir, tmp_path / str(index)))
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        with pytest.raises(FormatError, match=text):
            load_program(folder)


@pytest.mark.parametrize("name", ["embed.word", "head.weight", "embed.ln.gamma"])
def test_changed_and_lost_arrays(program_dir: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(program_dir, tmp_path / "p"))
    with np.load(folder / "arrays.npz") as data:
        arrays = {key: data[key] for key in data.files}
    arrays[name].flat[0] ^= 1
    np.savez(folder / "arrays.npz", **arrays)
    with pytest.raises(FormatError, match="edited"):
        load_program(folder)
    del arrays[name]
    np.savez(folder / "arrays.npz", **arrays)
    with pytest.raises(FormatError, match="edited"):
        load_program(folder)
