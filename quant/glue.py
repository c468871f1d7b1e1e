# SPDX-License-Identifier: Apache-2.0
"""Tab-separated data of the user: the nine GLUE folders, and a plain TSV.

The GLUE test labels are not public, so the official dev file is used as the test split and a dev
split is taken from train. Cells are read verbatim: GLUE files hold unpaired quotation marks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import InputError

from .dataset import Dataset, Example, check_dataset, stratified_split


@dataclass(frozen=True)
class GlueTask:
    """Layout of one GLUE task.

    ``label``, ``text_a`` and ``text_b`` are header names, or column numbers where the file has no
    header. ``classes`` maps the label as written to the class name, in index order; an empty map
    means a score between 0 and 5. ``skip_short`` is for QQP, whose official train file has a few
    rows that miss columns.
    """

    folder: str
    label: str | int
    text_a: str | int
    text_b: str | int | None
    classes: dict[str, str]
    dev_file: str = "dev.tsv"
    skip_short: bool = False


_ENTAILS = {"entailment": "entailment", "not_entailment": "not_entailment"}
_NLI = {"entailment": "entailment", "neutral": "neutral", "contradiction": "contradiction"}
_SAME = {"0": "different", "1": "equivalent"}

GLUE_TASKS = {
    "sst2": GlueTask("SST-2", "label", "sentence", None, {"0": "negative", "1": "positive"}),
    "mrpc": GlueTask("MRPC", "Quality", "#1 String", "#2 String", _SAME),
    "rte": GlueTask("RTE", "label", "sentence1", "sentence2", _ENTAILS),
    "stsb": GlueTask("STS-B", "score", "sentence1", "sentence2", {}),
    "cola": GlueTask("CoLA", 1, 3, None, {"0": "unacceptable", "1": "acceptable"}),
    "qnli": GlueTask("QNLI", "label", "question", "sentence", _ENTAILS),
    "qqp": GlueTask("QQP", "is_duplicate", "question1", "question2", _SAME, skip_short=True),
    "mnli": GlueTask("MNLI", "gold_label", "sentence1", "sentence2", _NLI, "dev_matched.tsv"),
    "wnli": GlueTask("WNLI", "label", "sentence1", "sentence2", {"0": "not_entailment", "1": "entailment"}),
}


def load_glue(task: str, glue_dir: Path) -> Dataset:
    """Read ``glue_dir/<FOLDER>/train.tsv`` and the dev file of one of ``GLUE_TASKS``.

    Raises:
        InputError: the folder, a file or a column is missing, a file is empty, a label is unknown
            or a score is no number; the path and line are named.
    """
    spec = GLUE_TASKS[task]
    folder = Path(glue_dir) / spec.folder
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist; --glue must hold the folder {spec.folder}")
    rows, skipped = _read_examples(folder / "train.tsv", spec)
    test, skipped_test = _read_examples(folder / spec.dev_file, spec)
    dev, train = stratified_split(rows, (1,), stratify=bool(spec.classes))
    dataset = Dataset(
        name=task,
        labels=list(spec.classes.values()),
        pairs=spec.text_b is not None,
        regression=not spec.classes,
        train=train,
        dev=dev,
        test=test,
        provenance={
            "source": f"GLUE {spec.folder}, the user's own copy",
            "split": f"test = official {spec.dev_file}; dev = a seeded tenth of train.tsv",
            "skipped_rows": skipped + skipped_test,
        },
    )
    return check_dataset(dataset, str(folder))


def load_tsv(path: Path) -> Dataset:
    """Read a TSV with the header ``label text`` or ``label text_a text_b`` and split it 80/10/10.

    ``score`` in place of ``label`` makes it a regression task.

    Raises:
        InputError: a missing or empty file, another header, a row of another width, an empty text,
            one class only, or a score that is no number; the path and line are named.
    """
    path = Path(path)
    rows = read_rows(path)
    _, header = next(rows)
    if header not in (
        ["label", "text"],
        ["label", "text_a", "text_b"],
        ["score", "text"],
        ["score", "text_a", "text_b"],
    ):
        raise InputError(
            f"{path}:1: the header must be label<TAB>text or label<TAB>text_a<TAB>text_b "
            f"(score in place of label for regression), not {header!r}"
        )
    cells = [(line, _exact_width(path, line, row, len(header))) for line, row in rows]
    regression, pairs = header[0] == "score", len(header) == 3
    labels = [] if regression else sorted({row[0] for _, row in cells})
    index = {label: number for number, label in enumerate(labels)}
    examples = [
        Example(
            row[1],
            row[2] if pairs else None,
            _score(path, line, row[0], -math.inf, math.inf) if regression else index[row[0]],
        )
        for line, row in cells
    ]
    test, dev, train = stratified_split(examples, (1, 1), stratify=not regression)
    provenance = {
        "source": f"the user's file {path.name}",
        "split": "own, seeded, stratified 80/10/10",
    }
    dataset = Dataset("tsv", labels, pairs, regression, train, dev, test, provenance)
    return check_dataset(dataset, str(path))


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of a UTF-8 TSV, skipping blank lines; quotes mean nothing.

    Raises:
        InputError: the file is absent, not UTF-8 or has no rows.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise InputError(f"cannot read {path} ({exc.strerror}); check the path") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"{path} is not UTF-8 text (byte {exc.start}); convert it to UTF-8") from exc
    if not text.strip():
        raise InputError(f"{path} is empty; it must hold tab-separated rows")
    for number, line in enumerate(text.split("\n"), start=1):
        row = line.rstrip("\r")
        if row.strip():
            yield number, row.split("\t")


def _read_examples(path: Path, spec: GlueTask) -> tuple[list[Example], int]:
    rows = read_rows(path)
    header = next(rows)[1] if isinstance(spec.label, str) else []
    columns = [_column(path, header, name) for name in (spec.label, spec.text_a)]
    second = None if spec.text_b is None else _column(path, header, spec.text_b)
    last = max(columns if second is None else [*columns, second])
    index = {written: number for number, written in enumerate(spec.classes)}
    examples: list[Example] = []
    skipped = 0
    for line, row in rows:
        if len(row) <= last:
            if not spec.skip_short:
                raise InputError(f"{path}:{line}: {len(row)} columns, but column {last + 1} is needed")
            skipped += 1
            continue
        label = (
            _class(path, line, row[columns[0]], index) if index else _score(path, line, row[columns[0]], 0, 5)
        )
        text_b = None if second is None else row[second].strip()
        examples.append(Example(row[columns[1]].strip(), text_b, label))
    if not examples:
        raise InputError(f"{path} has no rows below its header; it must hold labelled sentences")
    return examples, skipped


def _column(path: Path, header: Sequence[str], name: str | int) -> int:
    if isinstance(name, int):
        return name
    if name not in header:
        raise InputError(f"{path}:1: no column {name!r} in the header {list(header)!r}")
    return header.index(name)


def _class(path: Path, line: int, written: str, index: dict[str, int]) -> int:
    if written not in index:
        raise InputError(f"{path}:{line}: label {written!r} is unknown; allowed: {', '.join(index)}")
    return index[written]


def _score(path: Path, line: int, written: str, low: float, high: float) -> float:
    try:
        score = float(written)
    except ValueError:
        score = math.nan
    if not (math.isfinite(score) and low <= score <= high):
        raise InputError(f"{path}:{line}: score {written!r} is not a number from {low} to {high}")
    return score


def _exact_width(path: Path, line: int, row: list[str], width: int) -> list[str]:
    if len(row) != width:
        raise InputError(f"{path}:{line}: {len(row)} columns, the header has {width}; remove stray tabs")
    cells = [cell.strip() for cell in row]
    if not all(cells):
        raise InputError(f"{path}:{line}: column {cells.index('') + 1} is empty; fill it or drop the row")
    return cells
