# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from batflow.flow.doctor import TOOLS, Tool, as_json, as_table, examine, finn_version, program_version


def test_python_and_numpy_are_found() -> None:
    found = {finding.name: finding.version for finding in examine()}
    assert found["python"] and found["numpy"]


def test_an_absent_tool_says_what_it_costs_and_how_to_get_it() -> None:
    tool = Tool("spade", lambda: None, "digging", "pip install 'spade[train]'")
    (finding,) = examine([tool])
    console = Console(file=io.StringIO(), width=200)
    console.print(as_table([finding]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "absent" in text and "digging" in text and "spade[train]" in text
    assert as_json([finding])["tools"] == [
        {"name": "spade", "version": None, "needed_for": "digging", "get": "pip install 'spade[train]'"}
    ]


def test_a_program_that_fails_or_is_gone_counts_as_absent(tmp_path: Path) -> None:
    assert program_version(str(tmp_path / "gone"), ["--version"], r"\d+") is None
    assert program_version(None, ["--version"], r"\d+") is None


def test_vendor_tools_are_found_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vivado"
    program.write_text("#!/bin/sh\necho 'vivado v2025.2 (64-bit)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert {f.name: f.version for f in examine()}["vivado"] == "v2025.2"


def test_finn_is_found_in_its_own_environment(tmp_path: Path) -> None:
    assert finn_version(tmp_path) is None
    (tmp_path / "lib" / "python3.11" / "site-packages" / "finn_plus-1.6.1.dist-info").mkdir(parents=True)
    assert finn_version(tmp_path) == "1.6.1"


def test_the_exits_are_named_beside_their_tools() -> None:
    needed = {tool.name: tool.needed_for for tool in TOOLS}
    assert "hls4ml exit" in needed["hls4ml"] and "ap_types" in needed["hls4ml"]
    assert "FINN exit" in needed["finn-plus"] and "kernels" in needed["libclang"]
