# SPDX-License-Identifier: Apache-2.0
"""config.json and vocabulary of a Hugging Face folder: what is supported, and one line if not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from batflow.errors import FormatError, InputError

# Field of PretrainedConfig -> key in config.json, by model type.
_BERT_KEYS = {
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "ffn": "intermediate_size",
    "layers": "num_hidden_layers",
    "max_positions": "max_position_embeddings",
    "vocab_size": "vocab_size",
}
_DISTIL_KEYS = _BERT_KEYS | {"hidden": "dim", "heads": "n_heads", "ffn": "hidden_dim", "layers": "n_layers"}
MODEL_KEYS = {"bert": _BERT_KEYS, "distilbert": _DISTIL_KEYS}
ACTIVATIONS = ("gelu", "relu")
TYPES = 2
"""Rows of the token type table: first and second text."""


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
    activation: str = "gelu"
    model_type: str = "bert"


def read_json_object(data: bytes, name: str, source: str) -> dict[str, Any]:
    """Return the object in the JSON file ``name``.

    Raises:
        FormatError: it is not readable JSON, or no object.
    """
    try:
        value = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError) as exc:
        raise FormatError(f"{source}: {name} is not readable JSON ({exc}); fetch it again") from exc
    if not isinstance(value, dict):
        raise FormatError(f"{source}: {name} must hold a JSON object; fetch it again")
    return value


def read_config(config: dict[str, Any], lower_case: bool, source: str) -> PretrainedConfig:
    """Return the checked dimensions of config.json.

    Raises:
        InputError: another model type, activation, kind of positions or number of token types.
        FormatError: a dimension is absent or impossible.
    """
    kind = config.get("model_type")
    _check_supported(config, kind, source)
    keys = MODEL_KEYS[str(kind)]
    try:
        sizes = {name: int(config[key]) for name, key in keys.items()}
        eps = float(config.get("layer_norm_eps", 1e-12))
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError(f"{source}: config.json lacks or garbles {exc}; correct it") from exc
    activation = str(config.get("hidden_act" if kind == "bert" else "activation", "gelu"))
    result = PretrainedConfig(
        **sizes, ln_eps=eps, lower_case=lower_case, activation=activation, model_type=str(kind)
    )
    if result.heads < 1 or result.hidden < 1 or result.hidden % result.heads:
        raise FormatError(
            f"{source}: {result.heads} heads do not divide hidden size {result.hidden}; correct config.json"
        )
    return result


def _check_supported(config: dict[str, Any], kind: Any, source: str) -> None:
    if not isinstance(kind, str) or kind not in MODEL_KEYS:
        raise InputError(
            f"{source}: model_type {kind!r} is not supported; give a model of type {' or '.join(MODEL_KEYS)}"
        )
    activation = config.get("hidden_act" if kind == "bert" else "activation", "gelu")
    if activation not in ACTIVATIONS:
        raise InputError(
            f"{source}: activation {activation!r} is not supported; give a model with"
            f" {' or '.join(ACTIVATIONS)}"
        )
    positions = config.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise InputError(
            f"{source}: {positions!r} positions are not supported; give a model with absolute"
            " position embeddings"
        )
    types = config.get("type_vocab_size", TYPES)
    if kind == "bert" and types != TYPES:
        raise InputError(
            f"{source}: type_vocab_size {types!r} is not supported; give a model with {TYPES} token types"
        )
    for name in ("is_decoder", "add_cross_attention"):
        if config.get(name):
            raise InputError(f"{source}: {name} is not supported; give an encoder")


def read_vocab_text(data: bytes, source: str) -> list[str]:
    """Return the tokens of vocab.txt, one a line.

    Raises:
        FormatError: it is not UTF-8 text.
    """
    try:
        tokens = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as exc:
        raise FormatError(f"{source}: vocab.txt is not UTF-8 text; fetch it again") from exc
    return [token.rstrip("\r") for token in (tokens[:-1] if tokens[-1] == "" else tokens)]


def read_vocab_json(tokenizer: dict[str, Any], source: str) -> list[str]:
    """Return the tokens of tokenizer.json in the order of their numbers.

    Raises:
        InputError: the tokenizer is not WordPiece.
        FormatError: the numbers are not 0, 1, 2, ...
    """
    model = tokenizer.get("model")
    kind = model.get("type", "WordPiece") if isinstance(model, dict) else None
    if not isinstance(model, dict) or kind != "WordPiece":
        raise InputError(
            f"{source}: a tokenizer of type {kind!r} is not supported; give a model with a WordPiece"
            " vocabulary"
        )
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or sorted(vocab.values(), key=str) != sorted(range(len(vocab)), key=str):
        raise FormatError(
            f"{source}: tokenizer.json does not number its tokens 0, 1, 2, ...; give a vocab.txt"
        )
    return sorted(vocab, key=vocab.__getitem__)


def read_lower_case(settings: dict[str, Any], tokenizer: dict[str, Any], source: str) -> bool:
    """Return whether text is put in lower case, of tokenizer_config.json or else tokenizer.json.

    Raises:
        InputError: accents are kept in lower case text, or stripped from cased text.
    """
    normalizer = tokenizer.get("normalizer")
    normalizer = normalizer if isinstance(normalizer, dict) else {}
    lower = bool(settings.get("do_lower_case", normalizer.get("lowercase", True)))
    accents = settings.get("strip_accents", normalizer.get("strip_accents"))
    if accents is not None and bool(accents) != lower:
        raise InputError(
            f"{source}: strip_accents {accents} with do_lower_case {lower} is not supported;"
            " give a model where both are the same"
        )
    return lower
