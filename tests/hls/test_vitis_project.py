# SPDX-License-Identifier: Apache-2.0
"""The Vitis HLS project's files, and its testbench under plain g++ with negative controls."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import InputError, MissingToolError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.csim import HEADER
from batflow.hls.image import DESCRIPTOR_FIELDS
from batflow.hls.packing import WeightKind
from batflow.hls.program import MATRICES, SITES
from batflow.hls.random_program import random_program
from batflow.hls.reference.encoder import Reference
from batflow.hls.vendor import check_part
from batflow.hls.vitis import project
from batflow.hls.vitis.golden import golden_vectors, small_program
from batflow.hls.vitis.hls_check import SynthesisRuleError
from batflow.hls.vitis.hls_sources import synthesizable_sources
from batflow.hls.vitis.project import write_vitis_project
from batflow.hls.vitis.settings import NOTE, VitisTarget

from .vitis_bench import CONFIG, TARGET, need_gxx, write_project


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder whose name has a space, its testbench built by make."""
    need_gxx()
    folder = write_project(tmp_path_factory.mktemp("vitis") / "a project")
    result = subprocess.run(
        ["make", "-C", str(folder), "gxx"], capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "PASS: 3 sequences" in result.stdout
    assert not re.search(r"^src/(tb_|bat_top_vitis).*warning", result.stderr, re.MULTILINE)
    return folder


def run(built: Path, data: Path) -> tuple[int, str]:
    result = subprocess.run(
        [str(built / "gxx" / "tb_bat_top"), str(data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return result.returncode, result.stdout


def copy_data(built: Path, scratch: Path) -> Path:
    return Path(shutil.copytree(built / "data", scratch / "data"))


def flip(file: Path, byte: int, mask: int = 1) -> None:
    data = bytearray(file.read_bytes())
    data[byte] ^= mask
    file.write_bytes(data)


def weight_byte(image: bytes, matrix: str) -> int:
    """Byte of the image with columns 8 to 15 of row 5 of the first layer's ``matrix``, plane P."""
    table = int.from_bytes(image[64:72], "little")
    field = table + 8 * DESCRIPTOR_FIELDS.index(f"{matrix}_weight")
    return int.from_bytes(image[field : field + 8], "little") + 8 * 5 + 1


def test_the_testbench_passes_and_finds_its_data_as_the_tool_lays_it_out(built: Path, tmp_path: Path) -> None:
    assert run(built, built / "data")[0] == 0
    copy_data(built, tmp_path)
    for place in (tmp_path, tmp_path / "data"):
        program = str(built / "gxx" / "tb_bat_top")
        assert subprocess.run([program], cwd=place, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 17), (6, 31)])
def test_one_flipped_golden_bit_is_named(built: Path, tmp_path: Path, row: int, column: int) -> None:
    """In the second sequence, which has 7 rows, behind a first one of 1 row."""
    data = copy_data(built, tmp_path)
    first = HEADER.size + 2 * 32
    flip(data / "stream_out.bin", first + HEADER.size + 2 * (32 * row + column))
    code, told = run(built, data)
    assert code == 1 and f"sequence 1, row {row}, column {column}" in told
    assert "FAIL: 3 sequences" in told and "1 differences" in told


@pytest.mark.parametrize("matrix", MATRICES)
def test_one_flipped_weight_bit_fails(built: Path, tmp_path: Path, matrix: str) -> None:
    data = copy_data(built, tmp_path)
    flip(data / "image.bin", weight_byte((data / "image.bin").read_bytes(), matrix))
    code, told = run(built, data)
    assert code == 1 and "FAIL: first difference in beat" in told


def test_other_faults_fail(built: Path, tmp_path: Path) -> None:
    for name, word in (
        ("image.bin", "register ERROR: expected 0, got 1"),
        ("stream_out.bin", "sequence 0, header"),
    ):
        data = copy_data(built, tmp_path / f"flipped {name}")
        flip(data / name, 0)
        code, told = run(built, data)
        assert code == 1 and word in told
    for name in ("image.bin", "stream_in.bin", "stream_out.bin"):
        data = copy_data(built, tmp_path / f"cut {name}")
        (data / name).write_bytes((data / name).read_bytes()[:-3])
        assert run(built, data)[0] == 2
    data = copy_data(built, tmp_path / "short")
    (data / "stream_out.bin").write_bytes((data / "stream_out.bin").read_bytes()[:-8])
    code, told = run(built, data)
    assert code == 1 and "more than" in told


@pytest.mark.parametrize("kind", ["binary", "wtws"])
def test_other_weight_kinds_pass_too(built: Path, tmp_path: Path, kind: WeightKind) -> None:
    """The small program is ternary; the built testbench takes any program that fits its config."""
    bits: int | dict[str, int] = 3
    if kind == "binary":
        bits = dict.fromkeys(SITES, 1) | {"probs": 2}
    program = random_program(3, layers=1, hidden=20, heads=2, ffn=44, max_len=9, kind=kind, bits=bits)
    for name, content in golden_vectors(program).files().items():
        (tmp_path / name).write_bytes(content)
    code, told = run(built, tmp_path)
    assert code == 0, told


def test_golden_vectors_are_the_references() -> None:
    program = small_program(CONFIG)
    golden = golden_vectors(program)
    lengths = []
    at, reference = 0, Reference(program)
    while at < len(golden.stream_in):
        tag, length, _ = HEADER.unpack_from(golden.stream_in, at)
        end = at + HEADER.size + 2 * 32 * length
        rows = np.frombuffer(golden.stream_in[at + HEADER.size : end], dtype="<i2").reshape(length, 32)
        out = np.frombuffer(golden.stream_out[at + HEADER.size : end], dtype="<i2").reshape(length, 32)
        np.testing.assert_array_equal(out, reference.encode(rows.astype(np.int64)).hidden)
        assert tag == len(lengths)
        lengths.append(length)
        at = end
    assert lengths == [1, 7, 9]


@pytest.mark.parametrize(
    "config",
    [
        AcceleratorConfig(),
        AcceleratorConfig(max_layers=1, max_hidden=4, max_heads=1, max_ffn=4, max_tokens=1, max_bits=1),
        AcceleratorConfig(max_hidden=30, max_heads=3, weight_planes=1),
    ],
    ids=["default", "least", "odd"],
)
def test_a_small_program_fits_every_config(config: AcceleratorConfig) -> None:
    assert config.fits(small_program(config))
    assert golden_vectors(small_program(config)).stream_out


def test_project_is_self_contained(built: Path) -> None:
    """Every include of every source is in the project or is a standard or vendor header."""
    folder = built / "src"
    vendor = {"ap_int.h", "hls_stream.h", "ap_axi_sdata.h"}
    for path in folder.iterdir():
        text = path.read_text()
        branch = re.sub(r"#else\n.*?#endif", "", text, flags=re.DOTALL)  # csim's own, not taken here
        for name in re.findall(r'^#include "(.*)"', branch, re.MULTILINE):
            assert (folder / name).is_file(), (path.name, name)
        for name in re.findall(r"^#include <(.*\.h)>", branch, re.MULTILINE):
            assert name in vendor, (path.name, name)
    assert not [p for p in built.rglob("*") if p.is_symlink()]
    assert (built / "src" / "bat_top.cpp").read_text().count("m_axi port = image depth = ") == 1


def test_every_file_that_was_not_run_says_so(built: Path) -> None:
    for name in ("hls_config.cfg", "Makefile", "README.md", "project.json", "tcl/settings.tcl"):
        assert NOTE in (built / name).read_text(), name
    for path in (built / "tcl").iterdir():
        assert "NOT RUN HERE" in path.read_text().splitlines()[1], path.name


def test_what_cannot_be_written_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    program, place = small_program(CONFIG), tmp_path / "p"
    for part, board, word in (
        ("emulated", "emulated", "no part to build for"),
        ("xczu9eg", "", "part 'xczu9eg' is unknown"),
        ("5CSEMA5F31C6", "", "is unknown"),
        ("xczu9eg-ffvb1156-2-e\nclock=1ns", "", "is unknown"),
    ):
        with pytest.raises(InputError, match=word):
            write_vitis_project(CONFIG, VitisTarget(board, part, 250.0, TARGET.vlnv), program, place)
    with pytest.raises(InputError, match="vendor:library:bat_top:version"):
        write_vitis_project(CONFIG, VitisTarget("", TARGET.part, 250.0, "a:b:c"), program, place)
    with pytest.raises(InputError, match="build a larger config"):
        write_vitis_project(CONFIG, TARGET, random_program(1, layers=1, hidden=64, ffn=48, max_len=9), place)
    assert not list(tmp_path.iterdir())
    place.mkdir()
    (place / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="no Vitis HLS project"):
        write_vitis_project(CONFIG, TARGET, program, place)
    assert [p.name for p in place.iterdir()] == ["thesis.tex"]


def test_kernels_that_vitis_hls_refuses_are_refused(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not json.loads((built / "project.json").read_text())["checked"]:
        pytest.skip("libclang is absent: pip install 'batflow[dev]'")
    for path in synthesizable_sources():
        shutil.copy(path, tmp_path / path.name)
    bad = tmp_path / "popcount.hpp"
    line = len(bad.read_text().splitlines()) + 1
    bad.write_text(bad.read_text() + "inline int* leak() { return new int[3]; }\n")
    sources = sorted(tmp_path.glob("*.?pp"))
    monkeypatch.setattr(project, "synthesizable_sources", lambda: sources)
    with pytest.raises(SynthesisRuleError, match=rf"popcount\.hpp:{line}: dynamic-memory"):
        write_project(tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_without_libclang_the_project_says_that_nothing_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(sources: tuple[Path, ...]) -> None:
        raise MissingToolError("libclang is absent")

    monkeypatch.setattr(project, "require_synthesizable", absent)
    monkeypatch.setattr(project, "_checked", project._checked.__wrapped__)
    folder = write_project(tmp_path / "p")
    assert json.loads((folder / "project.json").read_text())["checked"] is False


@pytest.mark.parametrize(
    "part",
    [
        *("xczu9eg-ffvb1156-2-e", "xck26-sfvc784-2LV-c", "xc7z020clg400-1", "xc7z020-clg400-1"),
        *("xc7vx690tffg1927-2", "xcu250-figd2104-2L-e", "xcvc1902-vsva2197-2MP-e-S", "xqzu9eg-ffrb1156-1-i"),
    ],
)
def test_parts_of_every_family_are_taken(part: str) -> None:
    check_part(part, "")


def test_writing_again_replaces_the_project(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    (folder / "work").mkdir()
    write_project(folder)
    assert not (folder / "work").exists() and [p.name for p in tmp_path.iterdir()] == ["p"]
