# SPDX-License-Identifier: Apache-2.0
"""What a data set is, how it is split, and how it is kept in the run folder."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from batflow.errors import FormatError, InputError
from batflow.files import read_json, write_bytes, write_json

SPLITS = ("train", "dev", "test")
SPLIT_SEED = 1
FORMAT = 1


class Example(NamedTuple):
    """One sentence or pair; ``label`` is a class index, or the score in a regression task."""

    text_a: str
    text_b: str | None
    label: int | float


@dataclass(frozen=True)
class Dataset:
    """A task with its three splits.

    ``labels`` holds the class names in index order (empty in a regression task); ``provenance``
    says where the text comes from, its licence, and how it was split.
    """

    name: str
    labels: list[str]
    pairs: bool
    regression: bool
    train: list[Example]
    dev: list[Example]
    test: list[Example]
    provenance: dict[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> list[Example]:
        """Return the split called ``train``, ``dev`` or ``test``.

        Raises:
            InputError: another name.
        """
        if name not in SPLITS:
            raise InputError(f"no split is called {name!r}; choose one of {', '.join(SPLITS)}")
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]


def normal_key(example: Example) -> str:
    """Return the text by which two examples count as duplicates: lower case, single spaces."""
    texts = (example.text_a, example.text_b or "")
    return "\t".join(" ".join(text.lower().split()) for text in texts)


def without_duplicates(examples: Sequence[Example]) -> list[Example]:
    """Keep the first example of each normalised text, in order."""
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(normal_key(example), example)
    return list(first.values())


def stratified_split(
    examples: Sequence[Example], tenths: Sequence[int], *, stratify: bool = True
) -> list[list[Example]]:
    """Split off ``tenths[i]`` tenths of each class into part i; the rest is the last part.

    Equal normalised texts always land in one part. The order within a class is that of a seeded
    SHA-256 of the text, so the result depends neither on the order of the rows nor on the version
    of any random generator. Each part keeps the order of ``examples``. Method: ours.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        groups[normal_key(example)].append(index)
    strata: dict[int | float, list[str]] = defaultdict(list)
    for key, members in groups.items():
        strata[examples[members[0]].label if stratify else 0].append(key)
    parts: list[list[int]] = [[] for _ in range(len(tenths) + 1)]
    for keys in strata.values():
        keys.sort(key=lambda key: hashlib.sha256(f"{SPLIT_SEED}:{key}".encode()).digest())
        start = 0
        for part, tenth in zip(parts, tenths, strict=False):
            stop = start + (len(keys) * tenth + 5) // 10
            part.extend(index for key in keys[start:stop] for index in groups[key])
            start = stop
        parts[-1].extend(index for key in keys[start:] for index in groups[key])
    return [[examples[index] for index in sorted(part)] for part in parts]


def check_dataset(dataset: Dataset, origin: str) -> Dataset:
    """Return ``dataset`` if each split has examples and training sees more than one answer.

    Raises:
        InputError: an empty split, or one class only; ``origin`` is named.
    """
    for name in SPLITS:
        if not dataset.split(name):
            raise InputError(f"{origin}: too few examples, the {name} split is empty; give 10 of each class")
    if len({example.label for example in dataset.train}) < 2:
        what = "score" if dataset.regression else "class"
        raise InputError(f"{origin}: all examples have one {what}; at least two are needed to train")
    return dataset


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write ``train.jsonl``, ``dev.jsonl``, ``test.jsonl`` and, last, ``data.json`` with hashes.

    Raises:
        UserError: the folder cannot be written.
    """
    folder = Path(folder)
    files: dict[str, Any] = {}
    for name in SPLITS:
        examples = dataset.split(name)
        text = "".join(json.dumps(list(example), ensure_ascii=False) + "\n" for example in examples)
        data = text.encode()
        write_bytes(folder / f"{name}.jsonl", data)
        digest = hashlib.sha256(data).hexdigest()
        files[f"{name}.jsonl"] = {"sha256": digest, "examples": len(examples)}
    about = {key: value for key, value in asdict(dataset).items() if key not in SPLITS}
    write_json(folder / "data.json", {"format": FORMAT, **about, "files": files})


def read_dataset(folder: Path) -> Dataset:
    """Read what ``save_dataset`` wrote.

    Raises:
        FormatError: a file is absent, of another version, or not the one that was written.
    """
    folder = Path(folder)
    path = folder / "data.json"
    about = read_json(path)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise FormatError(f"{path} is not data.json of format {FORMAT}; run the data step again")
    try:
        splits = {
            name: _read_split(folder / f"{name}.jsonl", about["files"][f"{name}.jsonl"]["sha256"])
            for name in SPLITS
        }
        return Dataset(
            name=str(about["name"]),
            labels=[str(label) for label in about["labels"]],
            pairs=bool(about["pairs"]),
            regression=bool(about["regression"]),
            provenance=dict(about["provenance"]),
            **splits,
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError(f"{path} lacks or garbles {exc}; run the data step again") from exc


def _read_split(path: Path, digest: str) -> list[Example]:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise FormatError(f"cannot read {path} ({exc.strerror}); run the data step again") from exc
    if hashlib.sha256(data).hexdigest() != digest:
        raise FormatError(f"{path} is not the file that data.json names; run the data step again")
    # Not splitlines(): a sentence may hold U+2028 or U+0085.
    return [Example(*json.loads(line)) for line in data.decode().split("\n") if line]
