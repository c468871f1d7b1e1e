# SPDX-License-Identifier: Apache-2.0
"""The packed checkpoint: exact reload, small size, and refusal of every kind of damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from batflow.errors import FormatError, InputError, UserError
from batflow.quant import checkpoint
from batflow.quant.checkpoint import content_hash, load_student, read_arrays, save_student

from .models import tiny_pretrained, tiny_split, tiny_student


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
@pytest.mark.parametrize("scale", ["channel", "tensor"])
def test_reload_is_bit_identical(tmp_path: Path, kind: str, scale: str) -> None:
    student = tiny_student(weight=kind, weight_scale=scale)
    save_student(student, tmp_path / "s.npz", tiny_pretrained().source, {"dev": 1.5})
    again, _, header = load_student(tmp_path / "s.npz", tiny_pretrained())
    assert header["metrics"] == {"dev": 1.5}
    split = tiny_split()
    one = student.deploy().run(split.ids, split.types, split.mask)
    two = again.deploy().run(split.ids, split.types, split.mask)
    assert set(one) == set(two)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_writing_is_reproducible_and_packs_bits(tmp_path: Path) -> None:
    student = tiny_student()
    for name in ("a.npz", "b.npz"):
        save_student(student, tmp_path / name, tiny_pretrained().source)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    signs = read_arrays(tmp_path / "a.npz")[1]["L0.ffn1.signs"]
    assert signs.dtype == np.uint8 and signs.shape == (1, 24, 2)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_student(tiny_student(), tmp_path / "s.npz", tiny_pretrained().source)
    return tmp_path / "s.npz"


@pytest.mark.parametrize("keep", [0, 10, 1000, -1, -30])
def test_truncation(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(FormatError, match="not a readable checkpoint"):
        load_student(saved, tiny_pretrained())


def test_random_damage_never_passes(saved: Path) -> None:
    whole = saved.read_bytes()
    rng = np.random.default_rng(1)
    same = 0
    for _ in range(60):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        saved.write_bytes(bytes(data))
        try:
            _, arrays = read_arrays(saved)
        except FormatError:
            continue
        # Zip headers hold fields without meaning (dates); content that passes must be intact.
        assert arrays["sha256"].tobytes() == content_hash(arrays)
        same += 1
    assert same < 30


def rewrite(path: Path, *, rehash: bool, **changes: np.ndarray) -> None:  # type: ignore[type-arg]
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays |= changes
    if rehash:
        arrays["sha256"] = np.frombuffer(content_hash(arrays), dtype=np.uint8)
    np.savez(path, **arrays)


def test_an_altered_weight_is_refused(saved: Path) -> None:
    rewrite(saved, rehash=False, **{"L0.q.bias": np.zeros(16, np.float32)})
    with pytest.raises(FormatError, match="altered"):
        load_student(saved, tiny_pretrained())


@pytest.mark.parametrize("name", ["L0.q.bias", "L1.ffn2.signs", "L0.ln1.weight", "head.weight"])
def test_a_wrong_shape_is_refused(saved: Path, name: str) -> None:
    rewrite(saved, rehash=True, **{name: np.zeros(3, np.uint8)})
    with pytest.raises(FormatError, match="do not fit"):
        load_student(saved, tiny_pretrained())


def test_another_version_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT_VERSION", 2)
    with pytest.raises(FormatError, match="version 1, this batflow reads 2"):
        load_student(saved, tiny_pretrained())


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"{}", b'{"version": 1}'])
def test_a_broken_header_is_refused(saved: Path, header: bytes) -> None:
    rewrite(saved, rehash=True, header=np.frombuffer(header, dtype=np.uint8))
    with pytest.raises(FormatError):
        load_student(saved, tiny_pretrained())


def test_other_embeddings_are_refused(saved: Path) -> None:
    with pytest.raises(InputError, match="needs the embeddings"):
        load_student(saved, tiny_pretrained(seed=9))


def test_absent_file_and_pickles(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not exist"):
        load_student(tmp_path / "none.npz", tiny_pretrained())
    np.savez(tmp_path / "p.npz", header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FormatError, match="not a readable"):
        load_student(tmp_path / "p.npz", tiny_pretrained())


def test_a_failed_write_keeps_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.raises(UserError, match="No space left"):
        save_student(tiny_student(seed=2), saved, tiny_pretrained().source)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["s.npz"]
