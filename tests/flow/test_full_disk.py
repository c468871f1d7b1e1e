# SPDX-License-Identifier: Apache-2.0
"""Writers that run out of space: one clear line, nothing half-written left behind.

The kernel's own limit on file sizes stands in for a full disk, in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from batflow.hls.program_io import save_program
from tests.hls.programs import random_program

ROOT = Path(__file__).resolve().parents[2]
LIMITED = """
import resource, signal, sys
from pathlib import Path
from batflow.errors import UserError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
{prepare}
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    {write}
except UserError as exc:
    print(exc)
    sys.exit(2)
"""
WRITERS = {
    "model.onnx": (
        "from batflow.quant.constants import build_constants\n"
        "from batflow.quant.export import export_onnx\n"
        "from tests.flow.tiny_model import TOKENS, tiny_classifier\n"
        "constants = build_constants(tiny_classifier())",
        "export_onnx(constants, TOKENS, Path(sys.argv[1]))",
    ),
    "program": (
        "from batflow.hls.program_io import save_program\n"
        "from tests.hls.programs import random_program\n"
        "program = random_program(1)",
        "save_program(program, Path(sys.argv[1]))",
    ),
    "student.npz": (
        "from batflow.quant.checkpoint import save_student\n"
        "from tests.flow.tiny_model import tiny_classifier, tiny_pretrained\n"
        "model = tiny_classifier()",
        "save_student(model, Path(sys.argv[1]), tiny_pretrained().source)",
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_nothing(tmp_path: Path, name: str) -> None:
    prepare, write = WRITERS[name]
    code = LIMITED.format(prepare=prepare, write=write)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith(f"cannot write {tmp_path / name}") and done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_old_program(tmp_path: Path) -> None:
    target = tmp_path / "program"
    before = save_program(random_program(2), target)
    prepare, write = WRITERS["program"]
    subprocess.run(
        [sys.executable, "-c", LIMITED.format(prepare=prepare, write=write), str(target)],
        cwd=ROOT,
        check=False,
    )
    from batflow.hls.program_io import load_program, program_hash

    assert program_hash(load_program(target)) == before
