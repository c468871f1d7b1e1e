# SPDX-License-Identifier: Apache-2.0
"""The host's word table against plain Python integers, and refusal of arrays that do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batflow.errors import FormatError
from batflow.hls import program_io
from batflow.hls.program_io import save_program
from batflow.host.program import hash_parts, load_program
from tests.hls.programs import random_program

SIZES: dict[str, Any] = {"layers": 1, "hidden": 100, "heads": 2, "ffn": 32, "max_len": 8, "vocab_size": 40}


def naive_row(values: Any, scale: int, shift: int, kind: str) -> list[int]:
    if kind == "binary":
        values = [1 if int(values[i // 64]) >> (i % 64) & 1 else -1 for i in range(SIZES["hidden"])]
    return [(int(q) * scale + 2**shift // 2) // 2**shift for q in values]


@pytest.mark.parametrize("kind", ["int8", "binary"])
def test_rows_equal_plain_integers(tmp_path: Path, kind: str) -> None:
    program = random_program(5, **SIZES, words=kind)
    save_program(program, tmp_path / "p")
    host, stored = load_program(tmp_path / "p").word, program.host.word
    for row in range(len(host)):
        wanted = naive_row(stored.values[row], int(stored.scale[row]), stored.shift, kind)
        assert host.rows(np.array([row]))[0].tolist() == wanted
        assert stored.rows(np.array([row]))[0].tolist() == wanted
    assert not host.rows(np.array([0])).any() and np.abs(host.rows(np.array([1]))).max() > 30000
    # Control: one stored bit or level more is another row.
    stored.values[1, 0] ^= stored.values.dtype.type(1)
    assert not np.array_equal(host.rows(np.array([1])), stored.rows(np.array([1])))


def test_compact_tables_take_fewer_bytes() -> None:
    sizes = []
    for kind in ("int16", "int8", "binary"):
        words = random_program(5, **SIZES, words=kind).host.word
        sizes.append(words.values.nbytes + words.scale.nbytes)
    assert sizes == [40 * 200, 40 * (100 + 2), 40 * (16 + 2)]


def edited(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change a program and sign it again, so that the change reaches the checks behind the hash."""
    document = json.loads((folder / "program.json").read_text())
    document.pop("hash")
    with np.load(folder / "arrays.npz") as data:
        arrays = {name: data[name] for name in data.files}
    change(document, arrays)
    digest = hash_parts(document, arrays)
    (folder / "program.json").write_text(json.dumps(document | {"hash": digest}))
    np.savez(folder / "arrays.npz", **arrays)
    image = bytearray((folder / "image.bin").read_bytes())
    image[16:24] = int(digest[:16], 16).to_bytes(8, "little")
    (folder / "image.bin").write_bytes(image)


EDITS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "unknown kind": lambda d, a: d["embed_word"].update(kind="int4"),
    "kind of another array": lambda d, a: d["embed_word"].update(kind="binary", shift=0),
    "kind left out": lambda d, a: d.pop("embed_word"),
    "shift": lambda d, a: d["embed_word"].update(shift=16),
    "negative shift": lambda d, a: d["embed_word"].update(shift=-1),
    "no scale": lambda d, a: a.pop("embed.word.scale"),
    "short scale": lambda d, a: a.update({"embed.word.scale": a["embed.word.scale"][:-1]}),
    "wide scale": lambda d, a: a.update({"embed.word.scale": a["embed.word.scale"].astype(np.int32)}),
    "negative scale": lambda d, a: a["embed.word.scale"].__setitem__(4, -1),
    "past 16 bits": lambda d, a: d["embed_word"].update(shift=6),
    "-128": lambda d, a: a["embed.word"].__setitem__((4, 4), -128),
    "fewer columns": lambda d, a: a.update({"embed.word": a["embed.word"][:, :-1]}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, edit: str) -> None:
    save_program(random_program(5, **SIZES, words="int8"), tmp_path / "p")
    edited(tmp_path / "p", lambda document, arrays: None)
    load_program(tmp_path / "p")
    program_io.load_program(tmp_path / "p")
    edited(tmp_path / "p", EDITS[edit])
    for load in (load_program, program_io.load_program):
        with pytest.raises(FormatError) as caught:
            load(tmp_path / "p")
        assert "\n" not in str(caught.value)


def test_a_table_that_does_not_fit_is_not_lowered() -> None:
    word = random_program(5, **SIZES, words="binary").host.word
    word.check("here", 40)
    for change in ({"shift": 1}, {"kind": "int8"}, {"width": 128 + 1}, {"scale": word.scale - np.int16(1)}):
        with pytest.raises(FormatError, match=r"here: embed\.word"):
            replace(word, **change).check("here", 40)
    with pytest.raises(FormatError, match=r"here: embed\.word"):
        word.check("here", 41)
