# SPDX-License-Identifier: Apache-2.0
"""hls/vitis/hls_check.py: each rule catches its fault at its line, and lets the near miss pass."""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any

import pytest

from batflow.errors import FormatError, MissingToolError, UserError
from batflow.hls.csim_build import KERNELS
from batflow.hls.vitis import hls_check
from batflow.hls.vitis.hls_check import check_sources, require_synthesizable
from batflow.hls.vitis.hls_check_pragmas import find_pragmas
from batflow.hls.vitis.hls_sources import SIMULATION, simulation_sources, synthesizable_sources

from .kernel_library import CPP

pytest.importorskip("clang.cindex", reason="libclang is absent: pip install 'batflow[dev]'")


def read_cases() -> dict[str, tuple[str, str, str]]:
    """Name -> rule, faulty source, near miss, from cpp/hls_check_*.txt."""
    text = "".join(path.read_text() for path in sorted(CPP.glob("hls_check_*.txt")))
    parts = re.split(r"^=== (.+): (\S+)\n", text, flags=re.MULTILINE)
    return {
        name: (rule, *body.split("---\n"))  # type: ignore[misc]
        for name, rule, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


CASES = read_cases()


def findings(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    source = tmp_path / "source.cpp"
    source.write_text(text)
    return [(found.line, found.rule) for found in check_sources([source], "top")]


@pytest.mark.parametrize("name", CASES)
def test_rule_catches_its_fault_at_its_line(tmp_path: Path, name: str) -> None:
    rule, bad, _ = CASES[name]
    lines = [n for n, line in enumerate(bad.splitlines(), 1) if line.endswith("// BAD")]
    assert lines
    assert sorted(set(findings(tmp_path, bad))) == [(line, rule) for line in lines]


@pytest.mark.parametrize("name", CASES)
def test_near_miss_passes(tmp_path: Path, name: str) -> None:
    assert findings(tmp_path, CASES[name][2]) == []


def test_every_rule_has_a_case() -> None:
    named = hls_check.__doc__ or ""
    rules = re.findall(r"[a-z]+(?:-[a-z]+)*(?=[,:;] | \()", named.split("Rules:")[1].replace("\n", " "))
    assert {rule for rule, _, _ in CASES.values()} == set(rules)


def test_all_synthesizable_kernels_pass() -> None:
    assert check_sources(synthesizable_sources()) == []


def test_a_fault_put_into_a_kernel_is_found(tmp_path: Path) -> None:
    faults = {
        "qmm.hpp": ("#pragma HLS PIPELINE II = 1", "#pragma HLS PIPELIN II = 1", "pragma-name"),
        "softmax.hpp": ("acc_t top[Cfg::kTokens];", "double top[Cfg::kTokens];", "floating-point"),
        "mha.hpp": ("  BAT_RUN(region);", "  if (step.head > 0) mha_pack<Cfg>(step, q, m);", "dataflow-form"),
        "bat_top.cpp": ("port = batch offset", "port = batches offset", "pragma-variable"),
    }
    for source in synthesizable_sources():
        text = source.read_text()
        if source.name in faults:
            good, bad, _ = faults[source.name]
            assert good in text
            text = text.replace(good, bad, 1)
        (tmp_path / source.name).write_text(text)
    copies = sorted(tmp_path.iterdir())
    found = {(finding.path.name, finding.rule) for finding in check_sources(copies)}
    assert found == {(name, rule) for name, (_, _, rule) in faults.items()}


def test_sources_are_the_kernels_without_simulation() -> None:
    names = [path.name for path in synthesizable_sources()]
    assert names == sorted(names)
    assert {"bat_top.cpp", "bat_top.hpp", "mha.hpp", "ffn.hpp", "stream.hpp", "types.hpp"} <= set(names)
    others = {path.name for path in KERNELS.glob("*.[ch]pp")} - set(names)
    assert all(name.startswith(SIMULATION) for name in others), others
    assert {path.name for path in simulation_sources()} <= others


def test_simulation_files_are_refused() -> None:
    assert {found.rule for found in check_sources([KERNELS / "csim_registers.hpp"])} == {"standard-library"}


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "k.cpp"
    source.write_text("void top(int a[4]) {\n#pragma HLS PIPLINE\n  a[0] = 1;\n}\n")
    assert hls_check.main([str(source), "--top", "top"]) == 1
    text = capsys.readouterr().out
    assert text == (
        f"{source}:2: pragma-name: #pragma HLS pipline is unknown and would be ignored; "
        "did you mean pipeline?\n"
    )
    source.write_text("void top(int a[4]) { a[0] = 1; }\n")
    assert hls_check.main([str(source)]) == 0
    assert capsys.readouterr().out == "1 files: no fault\n"


def test_faulty_sources_are_the_users_error(tmp_path: Path) -> None:
    source = tmp_path / "k.cpp"
    source.write_text("float f();\n")
    with pytest.raises(UserError, match=r"k\.cpp:1: floating-point: f\(\) is floating point; use ap_int"):
        require_synthesizable([source])
    source.write_text("int f();\n")
    require_synthesizable([source])
    with pytest.raises(FormatError, match=r"absent\.cpp does not exist; give C\+\+ sources"):
        check_sources([tmp_path / "absent.cpp"])


def test_no_libclang_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("clang"):
            raise ImportError(name)
        return real_import(name, *rest, **more)

    source = tmp_path / "k.cpp"
    source.write_text("int f();\n")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingToolError, match="libclang; pip install libclang"):
        check_sources([source])


def test_pragmas_are_read_over_lines_and_comments() -> None:
    text = b'// "\n#pragma HLS UNROLL factor = \\\n  4 // HLS\n/*\n#pragma HLS X\n*/ const char* s = "/*";\n'
    text += b" #  pragma HLS DATAFLOW\n"
    found = find_pragmas(text)
    assert [(p.line, p.name, p.options()) for p in found] == [
        (2, "unroll", [("factor", "4")]),
        (7, "dataflow", []),
    ]
