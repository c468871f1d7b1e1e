# SPDX-License-Identifier: Apache-2.0
"""The folder ``program/``: writing, reading and hashing an EncoderProgram (docs/contracts.md)."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import FormatError
from batflow.files import atomic_path, read_json, write_json

from .image import build_image
from .program import (
    DYADICS,
    MATRICES,
    NORMS,
    NUMERICS_VERSION,
    PROGRAM_VERSION,
    SITES,
    UNSIGNED_SITES,
    Dyadic,
    EncoderProgram,
    Format,
    HostPart,
    Layer,
    Matrix,
    Norm,
    Shape,
    SoftmaxConstants,
    matrix_shape,
)
from .ranges import check_widths
from .word_table import WordTable

Arrays = dict[str, npt.NDArray[Any]]


def _layer_document(layer: Layer) -> dict[str, Any]:
    return {
        "bits": {site: layer.formats[site].bits for site in SITES},
        **{name: asdict(layer.dyadics[name]) for name in DYADICS},
        **{
            name: {"kind": m.kind, "shift": m.shift, "acc_bits": m.acc_bits}
            for name, m in layer.matrices.items()
        },
        **{name: {"shift": n.shift, "epsilon": n.epsilon} for name, n in layer.norms.items()},
        "softmax": asdict(layer.softmax),
    }


def to_document(program: EncoderProgram) -> dict[str, Any]:
    """The JSON half of a program, without its hash."""
    host = program.host
    word = host.word
    # Older programs have no such entry, and keep their hash.
    stored = {} if word.kind == "int16" else {"embed_word": {"kind": word.kind, "shift": word.shift}}
    return {
        **stored,
        "version": PROGRAM_VERSION,
        "numerics": NUMERICS_VERSION,
        "shape": asdict(program.shape),
        "layers": [_layer_document(layer) for layer in program.layers],
        "embed_ln": {"shift": host.norm.shift, "epsilon": host.norm.epsilon},
        "pooling": host.pooling,
        "logit_frac_bits": host.logit_frac_bits,
        "labels": list(program.labels),
        "frac_bits": list(program.frac_bits),
        "vocab_sha256": hashlib.sha256("\n".join(program.vocab).encode()).hexdigest(),
        "meta": program.meta,
    }


def to_arrays(program: EncoderProgram) -> Arrays:
    """The array half of a program, by the names of docs/contracts.md."""
    host = program.host
    arrays: Arrays = {
        "embed.word": host.word.values,
        "embed.position": host.position,
        "embed.type": host.type,
        "embed.ln.gamma": host.norm.gamma,
        "embed.ln.beta": host.norm.beta,
        "head.weight": host.head_weight,
        "head.bias": host.head_bias,
    }
    if host.word.kind != "int16":
        arrays["embed.word.scale"] = host.word.scale
    for index, layer in enumerate(program.layers):
        for name, matrix in layer.matrices.items():
            arrays |= {
                f"L{index}.{name}.weight": matrix.weight,
                f"L{index}.{name}.M": matrix.M,
                f"L{index}.{name}.C": matrix.C,
            }
        for name, norm in layer.norms.items():
            arrays |= {f"L{index}.{name}.gamma": norm.gamma, f"L{index}.{name}.beta": norm.beta}
    return arrays


def hash_parts(document: dict[str, Any], arrays: Arrays) -> str:
    """SHA-256 over the canonical JSON and every array in name order."""
    digest = hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.data)
    return digest.hexdigest()


def program_hash(program: EncoderProgram) -> str:
    """The program's identity: 64 hexadecimal digits."""
    return hash_parts(to_document(program), to_arrays(program))


def save_program(program: EncoderProgram, folder: Path) -> str:
    """Write ``program`` as a folder, atomically; return its hash."""
    check_widths(program, folder)
    document, arrays = to_document(program), to_arrays(program)
    digest = hash_parts(document, arrays)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write_json(temporary / "program.json", document | {"hash": digest})
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        (temporary / "arrays.npz").write_bytes(buffer.getvalue())
        (temporary / "image.bin").write_bytes(build_image(program, digest))
        (temporary / "vocab.txt").write_text("\n".join(program.vocab) + "\n", encoding="utf-8")
    return digest


def _read_arrays(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError) as exc:
        raise FormatError(f"{path} is missing or corrupt ({exc}); lower the model again") from exc


def load_program(folder: Path) -> EncoderProgram:
    """Read a program folder and check its version, hash, vocabulary, image and widths.

    Raises:
        FormatError: anything missing, corrupt, edited by hand, or of another version.
    """
    folder = Path(folder)
    document = read_json(folder / "program.json")
    if not isinstance(document, dict) or document.get("version") != PROGRAM_VERSION:
        found = document.get("version") if isinstance(document, dict) else type(document).__name__
        raise FormatError(
            f"{folder}: program version {found}; this batflow reads {PROGRAM_VERSION}; lower again"
        )
    digest = document.pop("hash", None)
    arrays = _read_arrays(folder / "arrays.npz")
    if hash_parts(document, arrays) != digest:
        raise FormatError(f"{folder}: the hash does not fit the content; the program was edited; lower again")
    try:
        vocab = tuple((folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n"))
        image = (folder / "image.bin").read_bytes()
    except (OSError, UnicodeDecodeError) as exc:
        raise FormatError(f"{folder}: {exc}; lower the model again") from exc
    if hashlib.sha256("\n".join(vocab).encode()).hexdigest() != document["vocab_sha256"]:
        raise FormatError(f"{folder}: vocab.txt is not the program's; lower the model again")
    program = from_parts(document, arrays, vocab)
    check_widths(program, folder)
    program.host.word.check(folder, program.shape.vocab_size)
    if image != build_image(program, str(digest)):
        raise FormatError(f"{folder}: image.bin is not the program's; lower the model again")
    return program


def _layer(index: int, entry: dict[str, Any], arrays: Arrays, shape: Shape) -> Layer:
    matrices = {}
    for name in MATRICES:
        inputs, outputs = matrix_shape(shape, name)
        prefix, scalars = f"L{index}.{name}", entry[name]
        matrices[name] = Matrix(
            scalars["kind"],
            inputs,
            outputs,
            arrays[f"{prefix}.weight"],
            arrays[f"{prefix}.M"],
            arrays[f"{prefix}.C"],
            scalars["shift"],
            scalars["acc_bits"],
        )
    norms = {
        name: Norm(arrays[f"L{index}.{name}.gamma"], arrays[f"L{index}.{name}.beta"], **entry[name])
        for name in NORMS
    }
    return Layer(
        formats={site: Format(bits, site not in UNSIGNED_SITES) for site, bits in entry["bits"].items()},
        dyadics={name: Dyadic(**entry[name]) for name in DYADICS},
        matrices=matrices,
        norms=norms,
        softmax=SoftmaxConstants(**entry["softmax"]),
    )


def _words(document: dict[str, Any], arrays: Arrays, shape: Shape) -> WordTable:
    stored = document.get("embed_word", {"kind": "int16", "shift": 0})
    scale = arrays.get("embed.word.scale", np.zeros(0, np.int16))
    return WordTable(stored["kind"], arrays["embed.word"], scale, stored["shift"], shape.hidden)


def from_parts(document: dict[str, Any], arrays: Arrays, vocab: tuple[str, ...]) -> EncoderProgram:
    """Rebuild a program from its two halves and the vocabulary."""
    shape = Shape(**document["shape"])
    host = HostPart(
        word=_words(document, arrays, shape),
        position=arrays["embed.position"],
        type=arrays["embed.type"],
        norm=Norm(arrays["embed.ln.gamma"], arrays["embed.ln.beta"], **document["embed_ln"]),
        pooling=document["pooling"],
        head_weight=arrays["head.weight"],
        head_bias=arrays["head.bias"],
        logit_frac_bits=document["logit_frac_bits"],
    )
    return EncoderProgram(
        shape=shape,
        layers=tuple(_layer(i, entry, arrays, shape) for i, entry in enumerate(document["layers"])),
        host=host,
        labels=tuple(document["labels"]),
        vocab=vocab,
        frac_bits=tuple(document["frac_bits"]),
        meta=document["meta"],
    )
