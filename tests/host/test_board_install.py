# SPDX-License-Identifier: Apache-2.0
"""What a board gets: batflow.host imports with numpy alone, in the syntax of Python 3.10."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = """
import sys

class Blocker:
    names = {"torch", "onnx", "onnxruntime", "qonnx", "brevitas", "pydantic", "yaml", "pynq",
             "pynqmetadata", "tokenizers", "typer", "rich", "sklearn"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Blocker())
"""

USE = """
import batflow.host.accelerator, batflow.host.selftest, batflow.host.devices.engine_abi
import batflow.host.devices.axi_dma, batflow.host.devices.memory, batflow.host.devices.clocks
from batflow.errors import MissingToolError
from batflow.host.bundle import open_bundle
from batflow.host.embedding import embed
bundle = open_bundle(sys.argv[1])
assert embed(bundle.program, [1, 2]).shape == (2, 32)
assert not Blocker.names & {name.partition(".")[0] for name in sys.modules}
try:
    batflow.host.accelerator.Accelerator(bundle)
except MissingToolError as error:
    assert "pip install batflow[board]" in str(error), error
else:
    raise SystemExit("no MissingToolError")
print("whole")
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKED + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)


def test_host_needs_numpy_alone(bundle_dir: Path) -> None:
    done = run(USE, str(bundle_dir))
    assert done.stdout.strip() == "whole", done.stderr


@pytest.mark.parametrize("name", ["torch", "pydantic", "pynq"])
def test_the_blocker_blocks(name: str) -> None:
    assert run(f"import {name}").returncode != 0


def test_syntax_of_python_3_10(repository: Path) -> None:
    for room in ("host", "common"):
        for path in (repository / room).rglob("*.py"):
            ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
