# SPDX-License-Identifier: Apache-2.0
"""Program folders: round trip, hashing, and every kind of damage."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import FormatError, InputError
from batflow.hls.image import DESCRIPTOR_FIELDS, HEADER_WORDS, MAGIC, build_image
from batflow.hls.packing import pack_bits, pack_weights, unpack_bits, unpack_weights
from batflow.hls.program import iterate_matrices
from batflow.hls.program_io import load_program, program_hash, save_program
from batflow.hls.ranges import check_widths, product_bits, signed_bits
from batflow.hls.reference.encoder import Reference

from .programs import random_ids, random_program


@pytest.mark.parametrize("length", [1, 63, 64, 65, 384])
def test_bits_round_trip(length: int) -> None:
    bits = np.random.default_rng(length).random((3, length)) < 0.5
    words = pack_bits(bits)
    assert words.shape == (3, -(-length // 64))
    assert (unpack_bits(words, length) == bits).all()
    assert bool(words[0, 0] >> np.uint64(0) & np.uint64(1)) == bool(bits[0, 0])


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
def test_weights_round_trip(kind: str) -> None:
    rng = np.random.default_rng(0)
    alphabet = [-1, 0, 1] if kind == "ternary" else [-1, 1]
    parts = [rng.choice(alphabet, (5, 70)) for _ in range(2 if kind == "wtws" else 1)]
    back = unpack_weights(pack_weights(parts, kind), kind, 70)  # type: ignore[arg-type]
    assert all((a == b).all() for a, b in zip(parts, back, strict=True))


def test_weights_outside_the_alphabet_are_refused() -> None:
    with pytest.raises(InputError, match="found 0"):
        pack_weights([np.array([[1, 0]])], "binary")
    with pytest.raises(InputError, match="take 2"):
        pack_weights([np.array([[1, -1]])], "wtws")


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
def test_program_round_trip(tmp_path: Path, kind: str) -> None:
    program = random_program(3, kind=kind)  # type: ignore[arg-type]
    digest = save_program(program, tmp_path / "program")
    back = load_program(tmp_path / "program")
    assert program_hash(back) == digest
    ids = random_ids(0, program, 9)
    assert (Reference(back).run(ids).logits == Reference(program).run(ids).logits).all()


def test_hash_sees_one_weight_bit() -> None:
    program = random_program(3)
    before = program_hash(program)
    program.layers[0].matrices["q"].weight[0, 0, 0] ^= np.uint64(1)
    assert program_hash(program) != before


def test_proved_widths_hold_for_the_worst_input() -> None:
    program = random_program(2, kind="ternary")
    for index, name, matrix in iterate_matrices(program):
        source = {
            "q": "attn_in",
            "k": "attn_in",
            "v": "attn_in",
            "o": "ctx",
            "ffn1": "ffn_in",
            "ffn2": "ffn_mid",
        }
        operand = program.layers[index].formats[source[name]]
        worst = max(int(np.abs(part).sum(axis=1).max()) * operand.largest for part in matrix.parts())
        assert matrix.acc_bits == product_bits(matrix.parts(), operand) == signed_bits(worst)
        assert -(1 << (matrix.acc_bits - 1)) <= -worst and worst < 1 << (matrix.acc_bits - 1)


def test_constants_out_of_range_are_refused() -> None:
    program = random_program(2)
    layer = program.layers[0]
    for change in (
        {
            "matrices": layer.matrices
            | {"q": replace(layer.matrices["q"], M=layer.matrices["q"].M + (1 << 15))}
        },
        {
            "matrices": layer.matrices
            | {"q": replace(layer.matrices["q"], C=layer.matrices["q"].C + (1 << 45))}
        },
        {"matrices": layer.matrices | {"q": replace(layer.matrices["q"], acc_bits=33)}},
        {"dyadics": layer.dyadics | {"ctx": replace(layer.dyadics["ctx"], shift=41)}},
        {"norms": layer.norms | {"ln1": replace(layer.norms["ln1"], epsilon=0)}},
        {"softmax": replace(layer.softmax, scale=0)},
        {"softmax": replace(layer.softmax, reciprocal=1 << 39)},
    ):
        with pytest.raises(FormatError, match="L0"):
            check_widths(replace(program, layers=(replace(layer, **change), *program.layers[1:])), "here")  # type: ignore[arg-type]


def test_image_layout() -> None:
    program = random_program(1, layers=3)
    image = build_image(program, program_hash(program))
    header = struct.unpack_from(f"<{HEADER_WORDS}Q", image)
    assert header[0] == MAGIC and header[1] == len(image)
    assert f"{header[2]:016x}" == program_hash(program)[:16]
    assert header[3:8] == (3, 64, 4, 128, 16)
    words = struct.unpack_from(f"<{len(DESCRIPTOR_FIELDS)}q", image, header[8] + 2 * header[9])
    fields = dict(zip(DESCRIPTOR_FIELDS, words, strict=True))
    matrix = program.layers[2].matrices["ffn2"]
    outputs, words = matrix.weight.shape[1:]
    stored = np.frombuffer(image, "<u8", outputs * words, fields["ffn2_weight"])
    assert (stored.reshape(-1, words, 16) == matrix.weight[0].reshape(-1, 16, words).transpose(0, 2, 1)).all()
    constants = np.frombuffer(image, "<i8", outputs, fields["ffn2_constants"])
    sign = 1 << 45
    assert (((constants >> 16) ^ sign) - sign == matrix.C).all()
    assert (constants & 0xFFFF == matrix.M[0]).all()
    assert fields["ffn2_weight"] % 64 == 0
    assert fields["ctx_c"] == program.layers[2].dyadics["ctx"].C


def _edit_json(folder: Path, key: str, value: object) -> None:
    path = folder / "program.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no json": lambda p: (p / "program.json").unlink(),
    "no arrays": lambda p: (p / "arrays.npz").unlink(),
    "no image": lambda p: (p / "image.bin").unlink(),
    "no vocab": lambda p: (p / "vocab.txt").unlink(),
    "truncated json": lambda p: (p / "program.json").write_bytes((p / "program.json").read_bytes()[:-40]),
    "truncated arrays": lambda p: (p / "arrays.npz").write_bytes((p / "arrays.npz").read_bytes()[:-400]),
    "changed byte in the arrays": lambda p: _flip(p / "arrays.npz"),
    "arrays are no zip": lambda p: (p / "arrays.npz").write_bytes(b"no zip"),
    "truncated image": lambda p: (p / "image.bin").write_bytes((p / "image.bin").read_bytes()[:-1]),
    "other vocab": lambda p: (p / "vocab.txt").write_text("a\nb\n"),
    "version": lambda p: _edit_json(p, "version", 99),
    "hash": lambda p: _edit_json(p, "hash", "0" * 64),
    "labels": lambda p: _edit_json(p, "labels", ["x", "y", "z"]),
    "json is a list": lambda p: (p / "program.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_folders_are_refused(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "program"
    save_program(random_program(1), folder)
    DAMAGE[damage](folder)
    with pytest.raises(FormatError) as caught:
        load_program(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
