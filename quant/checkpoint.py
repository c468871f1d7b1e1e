# SPDX-License-Identifier: Apache-2.0
"""The packed checkpoint ``student.npz``: weight signs as bits, everything else as trained.

Embedding tables are not in the file; it names the pretrained encoder they come from with the
SHA-256 of its weights. A reloaded model has the same deploy integers, bit for bit: latent weights
are gone, but nothing after training reads them.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from batflow.errors import FormatError, InputError
from batflow.files import atomic_path

from .brevitas_bridge import elastic_of, weight_of, weight_quant_of
from .classifier import BmtClassifier
from .config import TWO_PART_KINDS, BmtConfig
from .encoder import QuantLayer
from .pretrained import PretrainedEncoder, load_pretrained

FORMAT_VERSION = 1
Arrays = dict[str, NDArray[Any]]


def save_student(
    model: BmtClassifier,
    path: Path,
    source: dict[str, str],
    metrics: dict[str, Any] | None = None,
) -> None:
    """Write a trained and calibrated model.

    Args:
        model: the classifier.
        path: target, written atomically.
        source: ``PretrainedEncoder.source`` of its embeddings.
        metrics: accuracies to keep beside the weights.
    """
    arrays: Arrays = {}
    for index, layer in enumerate(model.encoder.quant_layers()):
        _pack_layer(layer, f"L{index}", arrays)
    _pack_plain("embed.ln", model.embeddings.norm, arrays)
    _pack_plain("head", model.head.linear, arrays)
    header = {
        "version": FORMAT_VERSION,
        "config": model.config.model_dump(mode="json"),
        "frac_bits": model.frac_bits,
        "pretrained": source,
        "metrics": metrics or {},
    }
    arrays["header"] = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    arrays["sha256"] = np.frombuffer(content_hash(arrays), dtype=np.uint8)
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **arrays)


def content_hash(arrays: Arrays) -> bytes:
    """Return SHA-256 over name, dtype, shape and bytes of every array but ``sha256`` itself."""
    digest = hashlib.sha256()
    for name in sorted(set(arrays) - {"sha256"}):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.digest()


def read_arrays(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Return (header, arrays) of a packed checkpoint after checking version and hash.

    Raises:
        FormatError: the file is absent, truncated, corrupt, altered or of another version.
    """
    advice = "train the model again or fetch the file again"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays["header"].tobytes())
        stored, version = arrays["sha256"].tobytes(), header["version"]
    except FileNotFoundError as exc:
        raise FormatError(f"{path} does not exist; train a model first") from exc
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as exc:
        raise FormatError(f"{path} is not a readable checkpoint; {advice}") from exc
    if version != FORMAT_VERSION:
        raise FormatError(
            f"{path} has checkpoint version {version}, this batflow reads {FORMAT_VERSION}; {advice}"
        )
    if stored != content_hash(arrays):
        raise FormatError(f"{path} was altered: its SHA-256 does not match its content; {advice}")
    return header, arrays


def load_student(
    path: Path, pretrained: PretrainedEncoder | None = None
) -> tuple[BmtClassifier, PretrainedEncoder, dict[str, Any]]:
    """Return (model in evaluation mode, its pretrained encoder, header).

    Args:
        path: a file written by :func:`save_student`.
        pretrained: the encoder whose embeddings were used; fetched by its name when None.

    Raises:
        FormatError: see :func:`read_arrays`, or arrays that do not fit the config.
        InputError: ``pretrained`` is not the encoder that the checkpoint names.
    """
    header, arrays = read_arrays(path)
    try:
        config = BmtConfig.create(**header["config"])
        source = header["pretrained"]
        wanted = source["weights_sha256"]
        frac_bits = [int(bits) for bits in header["frac_bits"]]
    except (InputError, KeyError, TypeError, ValueError) as exc:
        raise FormatError(f"{path}: the header is not usable ({exc}); train again") from exc
    encoder = load_pretrained(source["name"], 0) if pretrained is None else pretrained
    if encoder.source["weights_sha256"] != wanted:
        raise InputError(
            f"{path} needs the embeddings of {source['name']} with SHA-256 {wanted[:12]}...,"
            f" given {encoder.source['weights_sha256'][:12]}...; give that encoder"
        )
    model = BmtClassifier(config, encoder)
    try:
        for index, layer in enumerate(model.encoder.quant_layers()):
            _unpack_layer(layer, f"L{index}", arrays)
        _unpack_plain("embed.ln", model.embeddings.norm, arrays)
        _unpack_plain("head", model.head.linear, arrays)
    except (KeyError, ValueError, RuntimeError) as exc:
        raise FormatError(f"{path}: arrays do not fit the config ({exc}); train again") from exc
    model.frac_bits = frac_bits
    return model.eval(), encoder, header


def _pack_plain(name: str, module: nn.Module, arrays: Arrays) -> None:
    for key, value in module.state_dict().items():
        arrays[f"{name}.{key}"] = value.detach().cpu().numpy()


def _unpack_plain(name: str, module: nn.Module, arrays: Arrays) -> None:
    module.load_state_dict({key: torch.from_numpy(arrays[f"{name}.{key}"]) for key in module.state_dict()})


def _pack_layer(layer: QuantLayer, prefix: str, arrays: Arrays) -> None:
    for name, module in layer.linear.items():
        quantizer = weight_quant_of(module)
        with torch.no_grad():
            patterns = [p.numpy() for p in quantizer.patterns(weight_of(module))]
        planes = [p > 0 for p in patterns]
        if quantizer.kind == "ternary":
            planes.append(patterns[0] < 0)
        arrays[f"{prefix}.{name}.signs"] = np.packbits(np.stack(planes), axis=-1)
        arrays[f"{prefix}.{name}.coefficient"] = quantizer.coefficient.detach().numpy()
        arrays[f"{prefix}.{name}.bias"] = cast(Any, module).bias.detach().numpy()
    for name, module in layer.site.items():
        quant = elastic_of(module)
        pair = np.array([float(quant.alpha.detach()), float(quant.beta.detach())], np.float32)
        arrays[f"{prefix}.{name}.elastic"] = pair
    _pack_plain(f"{prefix}.ln1", layer.ln1, arrays)
    _pack_plain(f"{prefix}.ln2", layer.ln2, arrays)


def _planes(signs: NDArray[Any], count: int, shape: torch.Size) -> torch.Tensor:
    """Return the bit planes [count, out, in] as 0.0 and 1.0."""
    expected = (count, shape[0], (shape[1] + 7) // 8)
    if signs.shape != expected or signs.dtype != np.uint8:
        raise ValueError(f"packed signs are {signs.dtype} {signs.shape}, expected {expected}")
    return torch.from_numpy(np.unpackbits(signs, axis=-1, count=shape[1]).astype(np.float32))


def _fill(target: torch.Tensor, array: NDArray[Any]) -> None:
    """Copy without the broadcasting that ``copy_`` allows."""
    if tuple(target.shape) != array.shape:
        raise ValueError(f"shape {array.shape}, expected {tuple(target.shape)}")
    target.copy_(torch.from_numpy(array))


@torch.no_grad()
def _unpack_layer(layer: QuantLayer, prefix: str, arrays: Arrays) -> None:
    for name, module in layer.linear.items():
        quantizer, weight = weight_quant_of(module), weight_of(module)
        count = 1 if quantizer.kind == "binary" else 2
        planes = _planes(arrays[f"{prefix}.{name}.signs"], count, weight.shape)
        if quantizer.kind == "ternary":
            weight.copy_(planes[0] - planes[1])
        else:
            weight.copy_(2 * planes[0] - 1)
        if quantizer.kind in TWO_PART_KINDS:
            quantizer.second.copy_(2 * planes[1] - 1)
        _fill(quantizer.coefficient, arrays[f"{prefix}.{name}.coefficient"])
        _fill(cast(Any, module).bias, arrays[f"{prefix}.{name}.bias"])
    for name, module in layer.site.items():
        alpha, beta = arrays[f"{prefix}.{name}.elastic"].tolist()
        elastic_of(module).alpha.fill_(alpha)
        elastic_of(module).beta.fill_(beta)
    _unpack_plain(f"{prefix}.ln1", layer.ln1, arrays)
    _unpack_plain(f"{prefix}.ln2", layer.ln2, arrays)
