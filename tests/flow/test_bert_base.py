# SPDX-License-Identifier: Apache-2.0
"""BERT-base's shape from a Hugging Face folder to the integer program, within time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS, GIGABYTES = 60, 8


@pytest.mark.slow
def test_a_bert_base_folder_is_converted_exported_and_lowered(tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, "-m", "tests.flow.bert_base", str(tmp_path)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["deploy"] == found["reference"] and len(set(found["deploy"])) == 2
    assert found["seconds"]["export"] + found["seconds"]["lower"] < SECONDS, found
    assert found["peak_gb"] < GIGABYTES, found
