# SPDX-License-Identifier: Apache-2.0
"""The nine GLUE layouts, on small files written here in the official column order."""

from __future__ import annotations

from pathlib import Path

import pytest

from batflow.errors import InputError
from batflow.quant.data import load_dataset
from batflow.quant.dataset import normal_key
from batflow.quant.glue import GLUE_TASKS

# Task -> (header or None, row pattern with {y} for the label and {i} for the number, labels).
LAYOUTS: dict[str, tuple[str | None, str, list[str]]] = {
    "sst2": ("sentence\tlabel", 'a "text {i} \t{y}', ["0", "1"]),
    "mrpc": ("\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String", '{y}\t7\t8\ta "text {i}\tb{i}', ["0", "1"]),
    "rte": (
        "index\tsentence1\tsentence2\tlabel",
        '{i}\ta "text {i}\tb{i}\t{y}',
        ["entailment", "not_entailment"],
    ),
    "stsb": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
        '{i}\tg\tf\ty\t0\ts\ts\ta "text {i}\tb{i}\t{y}',
        ["0.000", "5.000", "3.8"],
    ),
    "cola": (None, 'gj04\t{y}\t*\ta "text {i}', ["0", "1"]),
    "qnli": (
        "index\tquestion\tsentence\tlabel",
        '{i}\ta "text {i}\tb{i}\t{y}',
        ["entailment", "not_entailment"],
    ),
    "qqp": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
        '{i}\t1\t2\ta "text {i}\tb{i}\t{y}',
        ["0", "1"],
    ),
    "mnli": (
        "index\tpromptID\tpairID\tgenre\ts1_b\ts2_b\ts1_p\ts2_p\tsentence1\tsentence2\tlabel1\tgold_label",
        '{i}\t1\t2\tg\t(\t(\t(\t(\ta "text {i}\tb{i}\tneutral\t{y}',
        ["entailment", "neutral", "contradiction"],
    ),
    "wnli": ("index\tsentence1\tsentence2\tlabel", '{i}\ta "text {i}\tb{i}\t{y}', ["0", "1"]),
}
PAIRS = {"mrpc", "rte", "stsb", "qnli", "qqp", "mnli", "wnli"}


def write_glue(root: Path, task: str, newline: str = "\n") -> Path:
    header, pattern, labels = LAYOUTS[task]
    folder = root / GLUE_TASKS[task].folder
    folder.mkdir(parents=True)
    for name, numbers in [("train.tsv", range(60)), (GLUE_TASKS[task].dev_file, range(60, 72))]:
        rows = [pattern.format(i=i, y=labels[i % len(labels)]) for i in numbers]
        lines = rows if header is None else [header, *rows]
        (folder / name).write_bytes((newline.join(lines) + newline).encode())
    return folder


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("task", sorted(LAYOUTS))
def test_layout(tmp_path: Path, task: str, newline: str) -> None:
    write_glue(tmp_path, task, newline)
    data = load_dataset(task, glue_dir=tmp_path)
    assert [len(data.train), len(data.dev), len(data.test)] == [54, 6, 12]
    assert data.pairs == (task in PAIRS)
    _, _, labels = LAYOUTS[task]
    for number, example in enumerate(data.test, start=60):
        written = labels[number % len(labels)]
        expected = float(written) if task == "stsb" else labels.index(written)
        assert example.text_a == f'a "text {number}' and example.label == expected
        assert example.text_b == (f"b{number}" if task in PAIRS else None)
    assert not {normal_key(e) for e in data.train} & {normal_key(e) for e in data.dev}
    assert load_dataset(task, glue_dir=tmp_path) == data


def test_every_task_has_a_layout_here() -> None:
    assert set(LAYOUTS) == set(GLUE_TASKS)


def test_qqp_skips_and_counts_short_rows(tmp_path: Path) -> None:
    train = write_glue(tmp_path, "qqp") / "train.tsv"
    train.write_text(train.read_text() + "99\t1\t2\tonly one question\n")
    data = load_dataset("qqp", glue_dir=tmp_path)
    assert data.provenance["skipped_rows"] == 1 and len(data.train) == 54


def test_missing_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="RTE does not exist"):
        load_dataset("rte", glue_dir=tmp_path)
    folder = write_glue(tmp_path, "rte")
    (folder / "dev.tsv").unlink()
    with pytest.raises(InputError, match=r"cannot read .*dev\.tsv"):
        load_dataset("rte", glue_dir=tmp_path)


@pytest.mark.parametrize(
    ("task", "old", "new", "message"),
    [
        ("rte", "sentence2", "sentence_2", r"train.tsv:1: no column 'sentence2'"),
        ("rte", "b3\tnot_entailment", "b3", "train.tsv:5: 3 columns, but column 4 is needed"),
        ("rte", "not_entailment", "maybe", "train.tsv:3: label 'maybe' is unknown; allowed: entailment"),
        ("stsb", "3.8", "three", "train.tsv:4: score 'three'"),
        ("stsb", "3.8", "5.5", "train.tsv:4: score '5.5' is not a number from 0 to 5"),
        ("stsb", "3.8", "nan", "train.tsv:4: score 'nan'"),
        ("cola", "gj04\t0", "gj04\t2", "train.tsv:1: label '2' is unknown"),
    ],
)
def test_bad_content(tmp_path: Path, task: str, old: str, new: str, message: str) -> None:
    train = write_glue(tmp_path, task) / "train.tsv"
    text = train.read_text()
    assert old in text
    train.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        load_dataset(task, glue_dir=tmp_path)


def test_empty_and_headers_only(tmp_path: Path) -> None:
    train = write_glue(tmp_path, "sst2") / "train.tsv"
    train.write_text("sentence\tlabel\n")
    with pytest.raises(InputError, match="no rows below its header"):
        load_dataset("sst2", glue_dir=tmp_path)
    train.write_text("")
    with pytest.raises(InputError, match="is empty"):
        load_dataset("sst2", glue_dir=tmp_path)


def test_one_class(tmp_path: Path) -> None:
    train = write_glue(tmp_path, "sst2") / "train.tsv"
    train.write_text(train.read_text().replace("\t0", "\t1"))
    with pytest.raises(InputError, match="SST-2: all examples have one class"):
        load_dataset("sst2", glue_dir=tmp_path)
