# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from batflow.errors import FormatError, InputError
from batflow.flow.run_folder import hash_path, open_run, start_run
from batflow.flow.settings import RunConfig


def test_a_run_is_read_back(tmp_path: Path) -> None:
    run = start_run(tmp_path, "a", RunConfig(task="mr", glue_dir=None))
    run.done["data"] = {"input": "x"}
    run.save()
    again = open_run(tmp_path, "a")
    assert again.config == run.config and again.done == run.done


def test_new_settings_keep_what_is_done(tmp_path: Path) -> None:
    run = start_run(tmp_path, "a", RunConfig())
    run.done["data"] = {"input": "x"}
    run.save()
    assert start_run(tmp_path, "a", RunConfig(bits=1)).done == {"data": {"input": "x"}}


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="run name"):
        start_run(tmp_path, name, RunConfig())


def test_an_unknown_run_names_the_known(tmp_path: Path) -> None:
    start_run(tmp_path, "known", RunConfig())
    with pytest.raises(InputError, match="known runs: known"):
        open_run(tmp_path, "other")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"format": 1}',
        '{"format": 2, "config": {}, "steps": {}}',
        '{"format": 1, "config": {}, "steps": [1]}',
    ],
)
def test_a_corrupt_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.json").write_text(content)
    with pytest.raises(FormatError, match=r"run\.json"):
        open_run(tmp_path, "a")


def test_a_record_with_a_foreign_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    content = {"format": 1, "config": {"colour": "red"}, "steps": {}}
    (tmp_path / "a" / "run.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="colour"):
        open_run(tmp_path, "a")


def test_a_missing_artefact_names_its_step(tmp_path: Path) -> None:
    run = start_run(tmp_path, "a", RunConfig())
    with pytest.raises(InputError, match="batflow lower a"):
        run.need("program", "lower")


def test_folder_hash_sees_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x").write_text("1")
    first = hash_path(tmp_path / "f")
    (tmp_path / "f" / "x").rename(tmp_path / "f" / "y")
    renamed = hash_path(tmp_path / "f")
    (tmp_path / "f" / "y").write_text("2")
    assert len({first, renamed, hash_path(tmp_path / "f"), hash_path(tmp_path / "none")}) == 4
