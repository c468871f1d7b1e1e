# SPDX-License-Identifier: Apache-2.0
"""The host's own reader of the folder ``program/`` (docs/contracts.md). numpy only."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import FormatError
from batflow.files import read_json

from .word_table import WordTable, check_words, read_words

Arrays = dict[str, npt.NDArray[Any]]
Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]

PROGRAM_VERSION = 1
NUMERICS_VERSION = 1
IMAGE_MAGIC = 0x32474F5250544142
IMAGE_HEADER_WORDS = 16
POOLINGS = ("mean", "cls")


@dataclass(frozen=True)
class HostNorm:
    """LayerNorm constants: ``gamma`` and ``beta`` int64 [d]."""

    gamma: Int64
    beta: Int64
    shift: int
    epsilon: int


@dataclass(frozen=True)
class HostProgram:
    """What the host needs of a program.

    ``word`` the rows of V tokens, ``position`` int16 [max_len, d], ``type`` int16 [2, d];
    ``head_weight`` int64 [classes, d], ``head_bias`` int64 [classes]; ``image`` as in image.bin.
    """

    hash: str
    layers: int
    hidden: int
    max_len: int
    word: WordTable
    position: Int16
    type: Int16
    norm: HostNorm
    pooling: str
    head_weight: Int64
    head_bias: Int64
    logit_frac_bits: int
    labels: tuple[str, ...]
    vocab: tuple[str, ...]
    lower_case: bool
    image: bytes

    @property
    def hash64(self) -> int:
        """Low 64 bits of the hash, as the PROGRAM_HASH register holds them."""
        return int(self.hash[:16], 16)


def hash_parts(document: dict[str, Any], arrays: Arrays) -> str:
    """SHA-256 over the canonical JSON and every array in name order (docs/contracts.md)."""
    digest = hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _read_arrays(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError) as exc:
        raise FormatError(f"{path} is missing or corrupt ({exc}); make the bundle again") from exc


def _read_vocab(path: Path, digest: object) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise FormatError(f"{path} is missing or corrupt ({exc}); make the bundle again") from exc
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise FormatError(f"{path} is not the program's vocabulary; make the bundle again")
    return tuple(text.split("\n"))


def _read_image(path: Path, digest: str, shape: dict[str, int]) -> bytes:
    """Read image.bin; its header must carry this program's hash, shape and the file's size."""
    try:
        image = path.read_bytes()
    except OSError as exc:
        raise FormatError(f"{path} is missing ({exc.strerror}); make the bundle again") from exc
    if len(image) < IMAGE_HEADER_WORDS * 8:
        raise FormatError(f"{path} is truncated: {len(image)} bytes; make the bundle again")
    words = [int(w) for w in np.frombuffer(image, dtype="<u8", count=8)]
    dims = [shape[name] for name in ("layers", "hidden", "heads", "ffn", "max_len")]
    if words != [IMAGE_MAGIC, len(image), int(digest[:16], 16), *dims]:
        raise FormatError(f"{path} is not this program's image; make the bundle again")
    return image


def load_program(folder: Path) -> HostProgram:
    """Read a program folder; check its version, hash, vocabulary, image header and shapes.

    Raises:
        FormatError: anything missing, corrupt, edited by hand, or of another version.
    """
    folder = Path(folder)
    document = read_json(folder / "program.json")
    if not isinstance(document, dict):
        raise FormatError(f"{folder}/program.json holds no object; make the bundle again")
    versions = (document.get("version"), document.get("numerics"))
    if versions != (PROGRAM_VERSION, NUMERICS_VERSION):
        raise FormatError(
            f"{folder}: program and numerics version {versions}; this batflow reads "
            f"{(PROGRAM_VERSION, NUMERICS_VERSION)}; lower the model again"
        )
    digest = document.pop("hash", None)
    arrays = _read_arrays(folder / "arrays.npz")
    if not isinstance(digest, str) or hash_parts(document, arrays) != digest:
        raise FormatError(f"{folder}: the hash does not fit the content; the program was edited; lower again")
    try:
        program = _from_parts(folder, digest, document, arrays)
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError(f"{folder}: incomplete program ({exc!r}); lower the model again") from exc
    _check_shapes(folder, program)
    return program


def _from_parts(folder: Path, digest: str, document: dict[str, Any], arrays: Arrays) -> HostProgram:
    shape = document["shape"]
    norm = document["embed_ln"]
    return HostProgram(
        hash=digest,
        layers=int(shape["layers"]),
        hidden=int(shape["hidden"]),
        max_len=int(shape["max_len"]),
        word=read_words(folder, document, arrays),
        position=arrays["embed.position"],
        type=arrays["embed.type"],
        norm=HostNorm(
            arrays["embed.ln.gamma"], arrays["embed.ln.beta"], int(norm["shift"]), int(norm["epsilon"])
        ),
        pooling=str(document["pooling"]),
        head_weight=arrays["head.weight"],
        head_bias=arrays["head.bias"],
        logit_frac_bits=int(document["logit_frac_bits"]),
        labels=tuple(document["labels"]),
        vocab=_read_vocab(folder / "vocab.txt", document["vocab_sha256"]),
        lower_case=bool(document["meta"].get("lower_case", True)),
        image=_read_image(folder / "image.bin", digest, shape),
    )


def _check_shapes(folder: Path, program: HostProgram) -> None:
    """Check that tables fit one another, so that later indexing cannot fail."""
    d, classes = program.hidden, len(program.labels)
    check_words(folder, program.word, len(program.vocab))
    expected: dict[str, tuple[npt.NDArray[Any], type, tuple[int, ...]]] = {
        "embed.position": (program.position, np.int16, (program.max_len, d)),
        "embed.type": (program.type, np.int16, (2, d)),
        "embed.ln.gamma": (program.norm.gamma, np.int64, (d,)),
        "embed.ln.beta": (program.norm.beta, np.int64, (d,)),
        "head.weight": (program.head_weight, np.int64, (classes, d)),
        "head.bias": (program.head_bias, np.int64, (classes,)),
    }
    for name, (array, dtype, shape) in expected.items():
        if array.dtype != dtype or array.shape != shape:
            raise FormatError(
                f"{folder}: {name} is {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}; lower again"
            )
    if program.pooling not in POOLINGS:
        raise FormatError(f"{folder}: pooling {program.pooling!r} is none of {POOLINGS}; lower again")
