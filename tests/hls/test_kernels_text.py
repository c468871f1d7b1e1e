# SPDX-License-Identifier: Apache-2.0
"""The text of the kernels: generated headers, register offsets, form."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batflow.hls import generate
from batflow.hls.reference.tables import EXP2, RSQRT
from batflow.hls.registers.table import by_name

from .kernel_library import CPP

KERNELS = generate.KERNELS
GENERATED = {path.name for path in generate.GENERATED}
WRITTEN = sorted(p for p in [*KERNELS.glob("*pp"), *CPP.glob("*pp")] if p.name not in GENERATED)


def test_generated_headers_are_up_to_date() -> None:
    assert generate.stale() == []
    assert generate.main(["--check"]) == 0


def test_check_tells_a_stale_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = {tmp_path / path.name: make for path, make in generate.GENERATED.items()}
    monkeypatch.setattr(generate, "GENERATED", elsewhere)
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    (tmp_path / "tables.hpp").write_text((tmp_path / "tables.hpp").read_text().replace("32415", "32416"))
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "stale: tables.hpp; run python -m batflow.hls.generate\n"


def test_tables_equal_those_of_the_reference() -> None:
    assert [generate.exp2_entry(f) for f in range(64)] == EXP2.tolist()
    assert [generate.rsqrt_entry(i) for i in range(192)] == RSQRT.tolist()


def test_offset_pragmas_are_those_of_the_register_table() -> None:
    text = (KERNELS / "bat_top.cpp").read_text()
    ports = dict(re.findall(r"s_axilite port = (\w+) offset = (0x\w+)", text))
    ports["program_addr"] = ports.pop("image")
    assert len(ports) == 17
    for port, offset in ports.items():
        assert by_name(port.upper()).offset == int(offset, 16), port


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.name)
def test_sources_are_formatted_and_documented(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n//") or path.name == "csim_abi.cpp"
    assert len(text.splitlines()) <= 330
    # The venv's own first: other versions lay code out differently.
    tool = shutil.which("clang-format", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if tool is None:
        pytest.skip("clang-format is absent: pip install 'batflow[dev]'")
    formatted = subprocess.run([tool, str(path)], capture_output=True, text=True, check=True).stdout
    assert formatted == text


def test_no_size_has_a_default_and_every_static_assert_a_message() -> None:
    for path in KERNELS.glob("*.hpp"):
        text = path.read_text()
        assert not re.search(r"template <[^>]*int \w+ = [1-9]", text), path.name
        for body in re.findall(r"static_assert\((.*?)\);", text, re.S):
            assert body.rstrip().endswith('"'), (path.name, body)
